"""Pairs: optimal N and D at some values of C, and the power laws N*(C) and D*(C) through them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from ..fitting.fit import fit
from ..fitting.parameter import Parameter, interval
from ..fitting.result import Fit
from ..tables import Table
from .regression import power_law

__all__ = ["optimal_pairs"]

SCALES = 3  # the fewest computes or sizes that a power law is fitted to


@dataclass(frozen=True, eq=False)
class Pairs:
    """N* = N_1 C^a and D* = D_1 C^b through the optima at some values of C.

    points    C, N, D, L of each optimum, and its weight in the regression of logarithms
    params    a, b, N_1, D_1, with percentile intervals
    draws     name -> bootstrap values [replicates]
    warnings  reasons to doubt it; empty if there are none
    """

    name: str
    points: pd.DataFrame
    params: dict[str, Parameter]
    draws: dict[str, np.ndarray]
    warnings: list[str] = field(default_factory=list)

    @functools.cached_property
    def loss(self) -> Fit | None:
        """A power law of the minimum loss, with a floor if there are at least five computes."""
        if "L" not in self.points or self.points["C"].nunique() < SCALES:
            return None
        law = "power_law_floor" if self.points["C"].nunique() >= 5 else "power_law"
        columns = [name for name in ("C", "L", "cluster") if name in self.points]
        return fit(law, self.points[columns], bootstrap=200)

    def at(self, C: np.ndarray, level: float) -> pd.DataFrame:
        """N, D, L and tokens per parameter at each C, with bands (_low, _high)."""
        found = self.sizes(C, level)
        if self.loss is not None:
            L = self.loss.predict({"C": C}, level)
            found = found.assign(L=L.center, L_low=L.low, L_high=L.high)
        return found

    def sizes(self, C: np.ndarray, level: float) -> pd.DataFrame:
        """The same as `at` without L, so that no law of the loss is fitted."""
        centre = {k: np.array([v.value]) for k, v in self.params.items()}
        bands = {}
        for name, p in (("value", centre), ("drawn", self.draws)):
            N, D = (p[f"{x}_1"][:, None] * C ** p[e][:, None] for x, e in (("N", "a"), ("D", "b")))
            bands[name] = {"N": N, "D": D, "tokens_per_parameter": D / N}
        return banded(C, bands, level)


def optimal_pairs(
    table: Table, *, bootstrap: int = 400, seed: int = 0, level: float = 0.95
) -> Pairs:
    """Power laws through known optima: roles C, N, and optionally D, L, noise.

    noise is the standard deviation of log N at each C: with it, weights are 1 / noise^2 and the
    replicates perturb log N; without it, all weights are one and pairs are resampled. D defaults
    to C / (6 N).
    Porian et al. 2024, "Resolving discrepancies in compute-optimal scaling", section 3.

    Raises LabError if a role is missing or there are too few computes.
    """
    points = table.frame
    for role in ("C", "N"):
        if role not in points:
            raise LabError(f"optimal pairs need the role {role}; say which column it is")
    if points["C"].nunique() < SCALES:
        raise LabError(
            f"{len(points)} optimal pairs; a power law needs {SCALES} or more different computes"
        )
    D = points["D"] if "D" in points else points["C"] / points["N"] / 6
    noise = points.get("noise")
    points = points.assign(D=D, weight=1.0 if noise is None else 1 / noise**2)
    count, n = max(bootstrap, 1), len(points)
    weight = np.broadcast_to(points["weight"].to_numpy(), (count, n))
    draws = {x: np.broadcast_to(points[x].to_numpy(), (count, n)) for x in ("N", "D")}
    random = np.random.default_rng(seed)
    if noise is None:
        weight = weight * random.multinomial(n, np.full(n, 1 / n), count)
    else:
        moved = np.exp(noise.to_numpy() * random.standard_normal((count, n)))
        draws = {"N": draws["N"] * moved, "D": draws["D"] / moved}
    return through("pairs", points, laws(points["C"].to_numpy(), draws, weight), level)


def laws(
    C: np.ndarray, optima: Mapping[str, np.ndarray], weight: np.ndarray
) -> dict[str, np.ndarray]:
    """a, N_1, b, D_1 [...] of the power laws through optima N and D [..., points]."""
    found = {}
    for x, exponent in (("N", "a"), ("D", "b")):
        law = power_law(C, optima[x], weight)
        found |= {exponent: law.exponent, f"{x}_1": law.coefficient}
    return found


def through(
    name: str, points: pd.DataFrame, drawn: Mapping[str, np.ndarray], level: float
) -> Pairs:
    """The laws through points (C, N, D, weight); `drawn` are `laws` of resampled points.

    A single replicate is the table itself and gives no interval.
    """
    C = points["C"].to_numpy()
    optima = {x: points[x].to_numpy() for x in ("N", "D")}
    whole = np.all([np.isfinite(values) for values in drawn.values()], axis=0)
    share = float(np.mean(whole))
    whole = whole & (np.size(whole) > 1)
    draws = {key: values[whole] for key, values in drawn.items()}
    values = laws(C, optima, points["weight"].to_numpy())
    params = {
        key: Parameter.from_draws(float(value), draws[key], level) for key, value in values.items()
    }
    warnings = []
    if C.max() < 10 * C.min():
        decades = np.log10(C.max() / C.min())
        warnings.append(
            f"the optima span {decades:.2g} decades of C; an exponent needs one or more"
        )
    if share < 0.9:
        warnings.append(f"{1 - share:.0%} of the resampled tables give no power law")
    return Pairs(name, points, params, draws, warnings)


def banded(C: np.ndarray, bands: dict[str, dict[str, np.ndarray]], level: float) -> pd.DataFrame:
    """A frame of C, each value [1, computes] and its percentiles over draws [., computes]."""
    found = {"C": C}
    for name, value in bands["value"].items():
        low, high = interval(bands["drawn"][name], level)
        found |= {
            name: np.broadcast_to(value[0], C.shape),
            f"{name}_low": low,
            f"{name}_high": high,
        }
    return pd.DataFrame(found)
