"""Deviation: by how much cells to come may lie off the law, smoothly.

No law is exact. A smooth deviation moves the fitted parameters, makes a floor look likely or not,
and fails the checks of the fit; the chance of all that belongs to P(decided). It is a Gaussian
process in the logarithms of the law's variables, as in `field`. Its size and length are drawn as
far as the recorded cells leave them open, and the deviation itself given those cells.

Rasmussen & Williams 2006, "Gaussian processes for machine learning", chapters 2 and 5.
"""

from __future__ import annotations

import numpy as np

from ..fitting import residuals
from .belief import Belief
from .field import DEVIATION, DEVIATIONS, LENGTH, SPREAD, smooth

LENGTHS = (LENGTH / 3, LENGTH)  # a third of a decade, a decade; shorter is an error of the cell
MOST = 256  # recorded cells that are looked at
JITTER = 1e-8


def drawn(belief: Belief, variance: np.ndarray, seed: int = 0) -> np.ndarray:
    """Log deviations of all points, one for each draw of the belief [draws, points].

    variance: of the mean log loss of each recorded cell, for each draw [draws, cells]
    """
    random = np.random.default_rng([seed, 5])
    problem, seen = belief.problem, belief.seen
    kept = np.arange(len(seen))
    if len(seen) > MOST:
        kept = np.sort(random.choice(len(seen), MOST, replace=False))
    rows, known = seen[kept], problem.part(seen[kept])
    slopes = np.nan_to_num(residuals.jacobian(known, belief.best))
    center = -residuals.residuals(known, belief.best) + slopes @ (belief.best - belief.center)
    plain = slopes @ belief.covariance @ slopes.T
    alike = [smooth(problem.x, length) for length in LENGTHS]
    tried = [(one, size) for one in alike for size in DEVIATIONS]
    prior = [-0.5 * (np.log(size / DEVIATION) / SPREAD) ** 2 for _, size in tried]
    whole = [plain + size**2 * one[np.ix_(rows, rows)] for one, size in tried]
    roots = [np.linalg.cholesky(one + JITTER * np.eye(len(one))) for one in alike]
    found = np.empty((len(belief.theta), len(problem)))
    for k, theta in enumerate(belief.theta):
        noise = np.diag(variance[k, kept])
        scores = np.array(prior) + [_likelihood(center, full + noise) for full in whole]
        weight = np.exp(scores - scores.max())
        which = random.choice(len(tried), p=weight / weight.sum())
        covariance = tried[which][1] ** 2 * tried[which][0]
        prior_draw = (
            tried[which][1] * roots[which // len(DEVIATIONS)] @ random.standard_normal(len(problem))
        )
        fresh = np.sqrt(variance[k, kept]) * random.standard_normal(len(kept))
        apart = -residuals.residuals(known, theta) - prior_draw[rows] - fresh
        full = covariance[np.ix_(rows, rows)] + noise
        found[k] = prior_draw + covariance[:, rows] @ np.linalg.solve(full, apart)
    return found


def _likelihood(apart: np.ndarray, covariance: np.ndarray) -> float:
    volume = np.linalg.slogdet(covariance)[1]
    return -0.5 * (volume + apart @ np.linalg.solve(covariance, apart))
