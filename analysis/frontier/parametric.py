"""Parametric: the compute-optimal N and D of a fitted law of N and D.

The third approach of Hoffmann et al. 2022 (section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..fitting.parameter import Parameter
from ..fitting.result import Fit
from . import allocation
from .pairs import banded, laws


@dataclass(frozen=True, eq=False)
class Parametric:
    """The optimum of a fitted law of N and D.

    `a` and `b` are the mean slopes of log N* and log D* over the computes of the data.
    """

    fit: Fit
    k: float
    params: dict[str, Parameter]
    draws: dict[str, np.ndarray]
    name: str = "parametric"
    warnings: list[str] = field(default_factory=list)

    @property
    def points(self) -> None:
        """None: unlike the other approaches, it does not find optima at single budgets."""
        return None

    def sizes(self, C: np.ndarray, level: float) -> pd.DataFrame:
        """The same as `at`: here the loss needs no further fit."""
        return self.at(C, level)

    def at(self, C: np.ndarray, level: float) -> pd.DataFrame:
        """N, D, L and tokens per parameter at each C [computes], with bands (_low, _high).

        The bands are plain percentiles, which vary smoothly with C.
        """
        centre, drawn = optimum(self.fit, C, self.k)
        bands = {"value": {role: values[None] for role, values in centre.items()}, "drawn": drawn}
        for best in bands.values():
            best["tokens_per_parameter"] = best["D"] / best["N"]
        return banded(C, bands, level)

    def cost(
        self, C: float, factors: Sequence[float] = (1 / 4, 1 / 2, 2, 4), level: float = 0.95
    ) -> pd.DataFrame:
        """The cost of a wrong N at C; see `allocation.cost`."""
        values = {name: p.value for name, p in self.fit.params.items()}
        return allocation.cost(self.fit.law, values, self.fit.draws, C, factors, self.k, level)


def parametric(
    fit: Fit, compute: tuple[float, float], k: float = 6.0, level: float = 0.95
) -> Parametric:
    """The third approach, with `a` and `b` measured over the range `compute` (low, high).

    Raises LabError for a law that is not of N and D alone.
    """
    ends = np.array(compute if compute[1] > compute[0] else (compute[0], 10 * compute[0]))
    value, draws = (laws(ends, best, np.ones_like(best["N"])) for best in optimum(fit, ends, k))
    params = {name: Parameter.from_draws(float(value[name]), draws[name], level) for name in value}
    return Parametric(fit, k, params, draws, warnings=list(fit.warnings))


def optimum(
    fit: Fit, C: np.ndarray, k: float = 6.0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """N, D, L of least loss at C = k N D: the fit's [computes], its draws' [replicates, computes].

    Raises LabError for a law that is not of N and D alone.
    """
    values = {name: np.full((1, 1), fit.params[name].value) for name in fit.law.parameters}
    draws = {name: fit.draws[name][:, None] for name in fit.law.parameters}
    best = allocation.optimum(fit.law, values, C[None], k)
    drawn = allocation.optimum(fit.law, draws, C[None], k)
    return {role: found[0] for role, found in best.items()}, drawn
