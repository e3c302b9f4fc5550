"""Are several exponents one number? Random-effects meta-analysis of their logarithms.

Each estimate y_i = log(exponent) has a sampling variance v_i; the true values scatter around a mean
with variance tau^2, found by restricted maximum likelihood (REML). The mean has the interval of
Hartung and Knapp 2001, whose width follows the scatter that is seen, never narrower than with tau^2
known (Rover, Knapp and Friede 2015). I^2 is the share of the scatter that sampling does not explain
(Higgins and Thompson 2002). The prediction interval, where the next exponent is expected, draws
tau^2 from its confidence distribution, that of the generalised Q (Nagashima, Noma and Furukawa
2019): with tau^2 taken for known it is too narrow for a handful of exponents (tests measure it).
Scatter well beyond sampling means: not universal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from scaling_lab.errors import LabError

LEAST = 3  # estimates: two say next to nothing of their scatter
DRAWS = 5000
Ends = tuple[float, float]


@dataclass(frozen=True)
class Pooled:
    """The mean of several exponents.

    value       exp of the mean logarithm, with its 95% interval
    next_       the 95% prediction interval of another exponent
    tau         standard deviation of the true logarithms
    i2          share of the scatter beyond sampling, 0 to 1
    q, p        Cochran's Q, and its probability if all exponents were equal
    count       how many were pooled
    """

    value: float
    interval: Ends
    next_: Ends
    tau: float
    i2: float
    q: float
    p: float
    count: int


def pooled(values: Sequence[float], errors: Sequence[float]) -> Pooled:
    """Pool positive exponents, given the standard errors of their logarithms.

    Raises LabError for fewer than three, or for one that is not positive and finite.
    """
    y, v = np.log(np.asarray(values, float)), np.asarray(errors, float) ** 2
    if len(y) < LEAST:
        count = f"{len(y)} exponent{'' if len(y) == 1 else 's'}"
        raise LabError(f"{count} cannot be pooled; {LEAST} are needed")
    if not (np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all()):
        raise LabError("an exponent or its error is not positive and finite; leave it out")
    tau2 = _reml(y, v)
    weights = 1 / (v + tau2)
    mean = float(weights @ y / weights.sum())
    plain = 1 / weights.sum()
    freedom = len(y) - 1
    seen = float(weights @ (y - mean) ** 2) / freedom
    error = math.sqrt(plain * max(1.0, seen))
    half = stats.t.ppf(0.975, freedom) * error
    fixed = 1 / v
    q = float(fixed @ (y - fixed @ y / fixed.sum()) ** 2)
    typical = freedom * fixed.sum() / (fixed.sum() ** 2 - (fixed**2).sum())
    return Pooled(
        value=math.exp(mean),
        interval=(math.exp(mean - half), math.exp(mean + half)),
        next_=_next(y, v),
        tau=math.sqrt(tau2),
        i2=tau2 / (tau2 + typical),
        q=q,
        p=float(stats.chi2.sf(q, freedom)),
        count=len(y),
    )


def _next(y: np.ndarray, v: np.ndarray) -> Ends:
    """The 95% prediction interval of another exponent."""
    grid = np.concatenate([[0.0], np.geomspace(1e-4 * v.min(), 1e4 * (v.max() + y.var()), 400)])
    weights = 1 / (v + grid[:, None])
    means = (weights * y).sum(1) / weights.sum(1)
    q = (weights * (y - means[:, None]) ** 2).sum(1)  # falls as tau^2 grows
    freedom = len(y) - 1
    errors = np.sqrt(q / freedom / weights.sum(1))
    random = np.random.default_rng(0)
    tau2 = np.interp(random.chisquare(freedom, DRAWS), q[::-1], grid[::-1])
    mean, error = (np.interp(tau2, grid, column) for column in (means, errors))
    drawn = mean + error * random.standard_t(freedom, DRAWS)
    low, high = np.quantile(drawn + np.sqrt(tau2) * random.standard_normal(DRAWS), (0.025, 0.975))
    return math.exp(low), math.exp(high)


def _reml(y: np.ndarray, v: np.ndarray) -> float:
    """The variance between true values that maximises the restricted likelihood."""

    def loss(log_tau2: float) -> float:
        return _deviance(y, v, math.exp(log_tau2))

    largest = math.log(10 * (y.var() + v.max()) + 1e-12)
    smallest = math.log(1e-6 * v.min())
    grid = np.linspace(smallest, largest, 200)
    at = int(np.argmin([loss(one) for one in grid]))
    near = (grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)])
    best = optimize.minimize_scalar(loss, bounds=near, method="bounded", options={"xatol": 1e-10})
    found = math.exp(float(best.x))
    return 0.0 if _deviance(y, v, 0.0) <= loss(math.log(found)) else found


def _deviance(y: np.ndarray, v: np.ndarray, tau2: float) -> float:
    """Twice the negative restricted log-likelihood, up to a constant."""
    weights = 1 / (v + tau2)
    mean = weights @ y / weights.sum()
    return float(np.log(v + tau2).sum() + math.log(weights.sum()) + weights @ (y - mean) ** 2)
