"""The optimum of a problem alone, without the certificate and the intervals of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import laws
from ..kept import kept
from .penalty import Penalty
from .problem import Problem
from .starts import search, spread


def optimum(problem: Problem, penalty: Penalty, starts: int) -> np.ndarray:
    """Coordinates of the best of the optima from about so many starts [parameters]."""
    law = laws.identity(problem.law)

    def key() -> list[Any]:
        points = [problem.x, problem.y, problem.weight, problem.noise]
        return ["optimum", law, problem.bounds, problem.space, penalty, starts, points]

    def make() -> list[float]:
        theta, _ = search(problem, penalty, spread(problem, starts)).best()
        return theta.tolist()

    return np.array(kept(key, make) if law else make())
