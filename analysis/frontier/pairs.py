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

FURTHEST = 300.0  # the largest size of log N: the ratio of two such numbers is a float still
SCALES = 3  # the fewest computes or sizes that a power law is fitted to


@dataclass(frozen=True, eq=False)
class Pairs:
    """N* = N_1 C^a and D* = D_1 C^b through the optima at some values of C.

    points    C, N, D, L of each optimum, and its weight in the regression of logarithms
    params    a, b, N_1, D_1, with percentile intervals
    draws     name -> bootstrap values [replicates]
    warnings  reasons to doubt it; empty if there are none
    plain     the same params if all optima count alike; empty if no weights tell them apart
    """

    name: str
    points: pd.DataFrame
    params: dict[str, Parameter]
    draws: dict[str, np.ndarray]
    warnings: list[str] = field(default_factory=list)
    plain: dict[str, Parameter] = field(default_factory=dict)

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
            N, D = (_power(p[f"{x}_1"], p[e], C) for x, e in (("N", "a"), ("D", "b")))
            bands[name] = {"N": N, "D": D, "tokens_per_parameter": D / N}
        return banded(C, bands, level)


def _power(coefficient: np.ndarray, exponent: np.ndarray, C: np.ndarray) -> np.ndarray:
    """coefficient C^exponent [draws, computes]; draws from three optima may leave the floats."""
    with np.errstate(divide="ignore"):
        log = np.log(coefficient)[:, None] + exponent[:, None] * np.log(C)
    return np.exp(np.clip(log, -FURTHEST, FURTHEST))


def optimal_pairs(
    table: Table, *, bootstrap: int = 400, seed: int = 0, level: float = 0.95
) -> Pairs:
    """Power laws through known optima: roles C, N, and optionally D, L, noise.

    noise is the standard deviation of log N at each C: with it, weights are 1 / noise^2 and draws
    perturb log N; without it, all weights are one and draws are those of the regression
    (`regressed`). D defaults to C / (6 N).
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
    if noise is None or not bootstrap:
        drawn = regressed(points, bootstrap, seed)
    else:
        shape = (bootstrap, len(points))
        moved = np.exp(noise.to_numpy() * np.random.default_rng(seed).standard_normal(shape))
        optima = {"N": points["N"].to_numpy() * moved, "D": points["D"].to_numpy() / moved}
        weight = np.broadcast_to(points["weight"].to_numpy(), shape)
        drawn = laws(points["C"].to_numpy(), optima, weight)
    return through("pairs", points, drawn, level)


def regressed(points: pd.DataFrame, count: int, seed: int) -> dict[str, np.ndarray]:
    """a, N_1, b, D_1 [count] drawn from the regression of log N and log D on log C.

    Their percentiles are Student's intervals, with two degrees of freedom fewer than there are
    points: the scatter about the line is what is known of an optimum's error. Errors of N and D
    at one C are drawn together.
    """
    C, weight = points["C"].to_numpy(), points["weight"].to_numpy()
    optima = {x: points[x].to_numpy() for x in ("N", "D")}
    freedom, random = len(points) - 2, np.random.default_rng(seed)
    value = laws(C, optima, weight)
    if freedom < 1 or not count:
        return {name: np.empty(0) for name in value}
    fitted = {x: value[f"{x}_1"] * C ** value[e] for x, e in (("N", "a"), ("D", "b"))}
    apart = np.stack([np.log(optima[x] / fitted[x]) for x in ("N", "D")]) * np.sqrt(weight)
    scale = 1 / np.sqrt(random.chisquare(freedom, count))[:, None, None]
    normal = random.standard_normal((count, len(points), len(points)))
    error = np.einsum("rij,xj->xri", normal * scale, apart) / np.sqrt(weight)
    drawn = {x: fitted[x] * np.exp(one) for x, one in zip(("N", "D"), error, strict=True)}
    return laws(C, drawn, np.broadcast_to(weight, (count, len(C))))


def widened(
    points: pd.DataFrame, drawn: Mapping[str, np.ndarray], clusters: int, seed: int
) -> dict[str, np.ndarray]:
    """Resampled laws, spread as Student's distribution is wider than a bootstrap of few clusters.

    Resampling `clusters` of a regression makes the variance too small by the share of degrees of
    freedom that the line takes, and says nothing of how well it is known.
    """
    C, weight = points["C"].to_numpy(), points["weight"].to_numpy()
    value = laws(C, {x: points[x].to_numpy() for x in ("N", "D")}, weight)
    freedom, random = max(clusters - 2, 1), np.random.default_rng([seed, 2])
    factor = np.sqrt(clusters / random.chisquare(freedom, len(drawn["a"])))
    wide = {e: value[e] + factor * (drawn[e] - value[e]) for e in ("a", "b")}
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        for x in ("N_1", "D_1"):
            wide[x] = value[x] * (drawn[x] / value[x]) ** factor
    return wide


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

    A single draw, or none, gives no interval.
    """
    C = points["C"].to_numpy()
    optima = {x: points[x].to_numpy() for x in ("N", "D")}
    whole = np.all([np.isfinite(values) for values in drawn.values()], axis=0)
    share = float(np.mean(whole)) if np.size(whole) else 1.0
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
