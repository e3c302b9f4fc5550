"""Parametric: the frontier of a fitted law of N and D.

The third approach of Hoffmann et al. 2022 (section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..fitting.parameter import Parameter
from ..fitting.result import Fit
from . import allocation
from .pairs import banded, laws, parameter


@dataclass(frozen=True, eq=False)
class Parametric:
    """The optimum of a fitted law of N and D; `a` and `b` are its slopes where data lie."""

    fit: Fit
    k: float
    params: dict[str, Parameter]
    draws: dict[str, np.ndarray]
    name: str = "parametric"
    warnings: list[str] = field(default_factory=list)

    @property
    def points(self) -> None:
        """It has no optima of its own: every run has a say."""
        return None

    def sizes(self, C: np.ndarray, level: float) -> pd.DataFrame:
        """N and what goes with it, as of the other approaches."""
        return self.at(C, level)

    def at(self, C: np.ndarray, level: float) -> pd.DataFrame:
        """N, D, L and tokens per parameter at each C, with bands (_low, _high)."""
        centre, drawn = self.fit.optimum(C, self.k)
        bands = {"value": {role: values[None] for role, values in centre.items()}, "drawn": drawn}
        for best in bands.values():
            best["tokens_per_parameter"] = best["D"] / best["N"]
        return banded(C, bands, level)

    def cost(self, C: float, factors: Any = (1 / 4, 1 / 2, 2, 4), level: float = 0.95) -> Any:
        """What a wrong N costs at C; see `allocation.cost`."""
        values = {name: p.value for name, p in self.fit.params.items()}
        return allocation.cost(self.fit.law, values, self.fit.draws, C, factors, self.k, level)


def parametric(
    fit: Fit, compute: tuple[float, float], k: float = 6.0, level: float = 0.95
) -> Parametric:
    """The third approach: `a` and `b` are the mean slopes of log N* and log D* over `compute`."""
    ends = np.array(compute if compute[1] > compute[0] else (compute[0], 10 * compute[0]))
    value, draws = (laws(ends, best, np.ones_like(best["N"])) for best in fit.optimum(ends, k))
    params = {name: parameter(float(value[name]), draws[name], level) for name in value}
    return Parametric(fit, k, params, draws, warnings=list(fit.warnings))
