"""Confidence: draws of the parameters that are honest where clusters are few.

    response = law(theta) + u_cluster + e_row        variances tau^2 and sigma^2

A bootstrap of a handful of clusters covers too little. Here the law is fitted efficiently (Huber's
penalty at 1.345 standard deviations, on cluster means or on residuals whitened by `mixed`), and a
draw is the law that least squares finds for the fitted responses plus an error with variances of
its own, drawn from their confidence distribution:

    sigma^2 = (sum of squares within clusters) / chi^2,     with its degrees of freedom
    tau^2   solves  sum_c mean_c^2 / (tau^2 + sigma^2 / m_c) = chi^2     with those between them

(Paule & Mandel's equation, with a drawn chi^2 in place of its mean). For a law that is linear in
its parameters the percentiles of the draws are Student's intervals exactly. For others they follow
the curvature of the parameters, as a likelihood profile does, since what is drawn is the response
and not the parameter: the generalised fiducial distribution of Hannig 2009. `benchmarks/coverage`
measures what they cover.

Rows of a cluster with the same x are merged into their mean, so a cell of seeds is one point.
Huber 1981, "Robust statistics", section 7.6 (scale); Paule & Mandel 1982; Weerahandi 1993.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import special

from scaling_lab.errors import LabError

from . import penalty, residuals, solver
from .merged import Merged, merge
from .mixing import Mixing
from .penalty import SQUARES, Penalty
from .problem import Problem
from .variances import LEAST, Variances, variances

SIGMAS = 1.345  # Huber's delta in standard deviations: 95% efficient for normal errors
MEAN_SQUARE = 0.7101645  # of a standard normal variable clipped there
ROUNDS = 6  # of fitting and estimating variances
EXACT = 1e-12  # residuals of exact points, relative to the response
MOST = 1 << 27  # draws x points
LANES = 1 << 22  # draws x points that are solved at once
TOLERANCE = 1e-7  # of a draw, relative to its objective


class Confidence(NamedTuple):
    """theta [draws, parameters]; no draws if the clusters leave no degree of freedom.

    freedom    degrees of freedom between clusters
    between    standard deviation of the error that a cluster shares, in residuals
    within     the same of a row's own error; all of it if the table does not tell the two apart
    ends       exponent -> p of the F tests that it lies at the low and at the high end of the box
    """

    theta: np.ndarray
    freedom: float
    between: float
    within: float
    ends: Mapping[str, tuple[float, float]]


def confidence(
    problem: Problem, taken: Penalty, theta: np.ndarray, members: np.ndarray, count: int, seed: int
) -> Confidence:
    """`count` draws about the efficient fit that is nearest to theta [parameters].

    members    the cluster of each point, as integers from 0 [points]

    Raises LabError for more draws than memory can hold.
    """
    merged = merge(problem, members)
    clusters, free = int(members.max()) + 1, problem.free
    nothing = np.empty((0, len(theta)))
    if len(merged.target) - free < LEAST:
        return Confidence(nothing, len(merged.target) - free, 0.0, 0.0, {})
    cells = clusters == len(merged.target)
    tau, sigma = 0.0, 1.0
    for _ in range(ROUNDS):
        fitted = whitened(problem, merged, tau / sigma, cells)
        theta, residual = efficient(fitted, taken, theta)
        jacobian = residuals.jacobian(fitted, theta)[:, np.less(*problem.box)]
        found = variances(fitted, merged, residual, jacobian, cells)
        if found.between_freedom < LEAST:
            return Confidence(nothing, found.between_freedom, 0.0, 0.0, {})
        if not np.any(residual):
            return Confidence(np.tile(theta, (count, 1)), found.between_freedom, 0.0, 0.0, {})
        before, (tau, sigma) = tau / sigma, found.estimates()
        if abs(tau / sigma - before) <= 0.01 * (before + 0.01):
            break
        if found.within_freedom < LEAST or (cells and np.ptp(merged.precision) == 0):
            break
    if count * len(fitted) > MOST:
        raise LabError(
            f"{count} draws of {len(fitted)} points exceed the memory; "
            f"set bootstrap to {MOST // len(fitted)} at most"
        )
    draws = _drawn(fitted, merged, theta, found, count, seed) if count else nothing
    unit = float(np.median(merged.unit))
    between = np.sqrt(tau) * (1.0 if cells else unit)
    within = np.sqrt(sigma) * unit
    each = tau + sigma / merged.precision if cells else sigma / merged.precision
    ends = _ends(fitted, theta, float(np.mean(each * fitted.sharpness**2)), found.between_freedom)
    return Confidence(draws, found.between_freedom, float(between), float(within), ends)


def whitened(problem: Problem, merged: Merged, ratio: float, cells: bool) -> Problem:
    """The merged points with independent residuals of equal variance, `ratio` = tau^2 / sigma^2."""
    y = np.exp(merged.target) if problem.space == "log" else merged.target
    count = np.bincount(merged.members)
    if cells:
        variance, taken = ratio + 1 / merged.precision, np.zeros(len(count))
    else:
        variance, taken = 1 / merged.precision, 1 - 1 / np.sqrt(1 + count * ratio)
    shift = np.zeros((1, len(y)))
    mixing = Mixing(merged.members, taken, shift)
    return problem.merged(merged.x, y, np.sqrt(variance), mixing)


def efficient(problem: Problem, taken: Penalty, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Huber's fit with its scale, and the residuals' pseudo-values [points].

    Pseudo-values have the variance that the estimate has: clipped, over the share not clipped.
    """
    freedom, noise = len(problem) - problem.free, problem.noise
    assert noise is not None
    exact = EXACT * (1.0 if problem.space == "log" else problem.level) / float(noise.min())
    robust, delta = taken.delta < SQUARES, SQUARES
    for _ in range(20):
        part = taken._replace(delta=delta)
        found = solver.solve(problem, theta[None], part, tolerance=1e-10, damping=0.1)
        theta = found.theta[0]
        residual = _residuals(problem, theta)
        clip = np.clip(residual, -delta, delta)
        mean_square = float(np.sum(clip**2)) / freedom
        if mean_square <= exact**2:
            return theta, np.zeros_like(residual)
        if not robust:
            return theta, residual
        scale = np.sqrt(mean_square / (MEAN_SQUARE if delta < SQUARES else 1.0))
        before, delta = delta, SIGMAS * float(scale)
        if abs(delta / before - 1) < 1e-3:
            break
    slope = penalty.slope(residual, Penalty(delta))
    share = float(np.mean(np.abs(residual) <= delta))
    few = 1 + problem.free / len(problem) * (1 - share) / share  # Huber 1981, equation 7.6.13
    return theta, slope * few / share


def _residuals(problem: Problem, theta: np.ndarray) -> np.ndarray:
    mixing = problem.mixing
    assert mixing is not None
    return mixing.white(residuals.residuals(problem, theta))


def _drawn(
    fitted: Problem,
    merged: Merged,
    theta: np.ndarray,
    found: Variances,
    count: int,
    seed: int,
) -> np.ndarray:
    """The least-squares laws of the fitted responses with drawn errors [draws, parameters]."""
    mixing, noise = fitted.mixing, fitted.noise
    assert mixing is not None
    assert noise is not None
    random = np.random.default_rng(seed)
    chi_within = random.chisquare(max(found.within_freedom, LEAST), count)
    tau, sigma = found.at(random.chisquare(found.between_freedom, count), chi_within)
    shared = np.sqrt(tau)[:, None] * random.standard_normal((count, len(found.mean)))
    error = np.sqrt(sigma)[:, None] * random.standard_normal((count, len(fitted)))
    if len(found.mean) == len(fitted):  # cells
        error = (shared[:, merged.members] + error / np.sqrt(merged.precision)) / noise
    else:
        error = shared[:, merged.members] + error
    shift = _shifted(fitted, theta, error)
    size = max(1, LANES // len(fitted))
    parts = [shift[i : i + size] for i in range(0, count, size)]
    return np.concatenate(
        [least(fitted, np.tile(theta, (len(part), 1)), part).theta for part in parts]
    )


def _ends(
    fitted: Problem, theta: np.ndarray, variance: float, freedom: float
) -> dict[str, tuple[float, float]]:
    """For each free exponent, whether the ends of its box can be told from the fit.

    Beyond some value a larger exponent changes nothing that was measured. Draws stop there, so
    their percentiles do not show it; the rise of the objective at the end of the box does.
    """
    low, high = fitted.box
    index = {name: i for i, name in enumerate(fitted.law.parameters)}
    names = [
        n for n in fitted.law.exponents if n not in fitted.bounds and low[index[n]] < high[index[n]]
    ]
    if not names:
        return {}
    which = np.repeat([index[name] for name in names], 2)
    lanes = np.arange(len(which))
    start = np.tile(theta, (len(which), 1))
    to = np.where(lanes % 2, high[which], low[which])
    followed = start + (to - theta[which])[:, None] * solver.follow(fitted)[which]
    start[lanes, which] = followed[lanes, which] = to
    shift = np.tile(_shifted(fitted, theta), (2 * len(which), 1))
    held = np.tile(np.eye(len(theta), dtype=bool)[which], (2, 1))
    found = least(fitted, np.concatenate([start, followed]), shift, held)
    rise = np.minimum(*np.split(found.objective, 2))
    p = special.fdtrc(1, freedom, 2 * np.nan_to_num(rise, posinf=1e300) / variance)
    return {name: (float(p[2 * i]), float(p[2 * i + 1])) for i, name in enumerate(names)}


def _shifted(fitted: Problem, theta: np.ndarray, error: np.ndarray | float = 0.0) -> np.ndarray:
    """What to subtract from whitened residuals so that the responses are the law's plus errors."""
    mixing = fitted.mixing
    assert mixing is not None
    return mixing.white(residuals.residuals(fitted, theta) + error)


def least(
    fitted: Problem,
    start: np.ndarray,
    shift: np.ndarray,
    held: np.ndarray | bool = False,
    tolerance: float = TOLERANCE,
) -> solver.Optima:
    """The least-squares laws of shifted residuals [draws, points], each from its own start."""
    mixing, noise = fitted.mixing, fitted.noise
    assert mixing is not None
    assert noise is not None
    lanes = fitted.merged(fitted.x, fitted.y, noise, Mixing(mixing.members, mixing.taken, shift))
    return solver.solve(
        lanes,
        start,
        Penalty(SQUARES),
        weights=np.ones(shift.shape, dtype="uint8"),
        rows=np.arange(len(shift)),
        held=held,
        tolerance=tolerance,
        damping=0.1,
    )
