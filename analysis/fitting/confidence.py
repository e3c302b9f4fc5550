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

from typing import NamedTuple

import numpy as np

from scaling_lab.errors import LabError

from .. import shared_error
from . import penalty, residuals, solver
from .mixing import Mixing
from .penalty import SQUARES, Penalty
from .problem import Problem

SIGMAS = 1.345  # Huber's delta in standard deviations: 95% efficient for normal errors
MEAN_SQUARE = 0.7101645  # of a standard normal variable clipped there
ROUNDS = 6  # of fitting and estimating variances
ROWS = 4096  # a longer table is thinned within its clusters
EXACT = 1e-12  # residuals of exact points, relative to the response
LEAST = 0.5  # degrees of freedom between clusters below which nothing is determined
MOST = 1 << 27  # draws x points
LANES = 1 << 22  # draws x points that are solved at once
TOLERANCE = 1e-7  # of a draw, relative to its objective


class Confidence(NamedTuple):
    """theta [draws, parameters]; no draws if the clusters leave no degree of freedom.

    freedom    degrees of freedom between clusters
    between    standard deviation of the error that a cluster shares, in residuals
    within     the same of a row's own error; all of it if the table does not tell the two apart
    """

    theta: np.ndarray
    freedom: float
    between: float
    within: float


class Merged(NamedTuple):
    """Rows with the same cluster and x as one point: x, mean target, precision and cluster.

    spread, freedom    sum of squares about the means, and its degrees of freedom
    """

    x: dict[str, np.ndarray]
    target: np.ndarray
    precision: np.ndarray
    members: np.ndarray
    spread: float
    freedom: int


class _Variances(NamedTuple):
    """What is left of the residuals, as sums of squares with their degrees of freedom.

    mean, size    each cluster's mean residual, and its precision apart from tau^2 [clusters]
    within        sum of squares within clusters
    """

    mean: np.ndarray
    size: np.ndarray
    between_freedom: float
    within: float
    within_freedom: float

    def at(self, chi_between: np.ndarray, chi_within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """tau^2 and sigma^2 for values of chi^2 (their degrees of freedom give the estimates)."""
        if self.within_freedom < LEAST:
            # Nothing tells a row's error from its cluster's: all of it is the row's.
            sigma = np.sum(self.mean**2 * self.size) / chi_between
            return np.zeros_like(sigma), sigma
        sigma = self.within / chi_within
        low, high = np.zeros_like(sigma), np.sum(self.mean**2) / chi_between
        for _ in range(60):
            tau = (low + high) / 2
            left = np.sum(self.mean**2 / (tau[:, None] + sigma[:, None] / self.size), axis=1)
            above = left > chi_between
            low, high = np.where(above, tau, low), np.where(above, high, tau)
        return np.where(high < 1e-12 * sigma, 0, high), sigma

    def estimates(self) -> tuple[float, float]:
        """tau^2 and sigma^2."""
        one = np.array([self.between_freedom]), np.array([self.within_freedom])
        tau, sigma = self.at(*one)
        return float(tau[0]), float(sigma[0])


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
        return Confidence(nothing, len(merged.target) - free, 0.0, 0.0)
    cells = clusters == len(merged.target)
    tau, sigma = 0.0, 1.0
    for _ in range(ROUNDS):
        fitted = whitened(problem, merged, tau / sigma, cells)
        theta, residual = efficient(fitted, taken, theta)
        jacobian = residuals.jacobian(fitted, theta)[:, np.less(*problem.box)]
        found = _variances(fitted, merged, residual, jacobian, cells)
        if found.between_freedom < LEAST:
            return Confidence(nothing, found.between_freedom, 0.0, 0.0)
        if not np.any(residual):
            return Confidence(np.tile(theta, (count, 1)), found.between_freedom, 0.0, 0.0)
        before, (tau, sigma) = tau / sigma, found.estimates()
        if not sigma > 0 or abs(tau / sigma - before) <= 0.01 * (before + 0.01):
            break
        if found.within_freedom < LEAST or (cells and np.ptp(merged.precision) == 0):
            break
    if count * len(fitted) > MOST:
        raise LabError(
            f"{count} draws of {len(fitted)} points exceed the memory; "
            f"set bootstrap to {MOST // len(fitted)} at most"
        )
    draws = _drawn(fitted, merged, theta, found, count, seed) if count else nothing
    unit = float(np.median(_precision(problem) ** -0.5))
    between = np.sqrt(tau) * (1.0 if cells else unit)
    return Confidence(draws, found.between_freedom, float(between), float(np.sqrt(sigma)) * unit)


def merge(problem: Problem, members: np.ndarray) -> Merged:
    """The table's rows, at most about ROWS of them, with the rows of each cluster and x as one."""
    target = np.log(problem.y) if problem.space == "log" else problem.y
    precision = _precision(problem)
    rows = np.flatnonzero(precision > 0)
    if len(rows) > ROWS:
        rows = rows[np.argsort(members[rows], kind="stable")]
        rows = np.sort(rows[:: -(-len(rows) // ROWS)])
    keys = np.stack([members[rows], *(values[rows] for values in problem.x.values())])
    _, first, cell = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    cell, target, precision = cell.ravel(), target[rows], precision[rows]
    target = _without_outliers(target, precision, cell)
    total = np.bincount(cell, weights=precision)
    mean = np.bincount(cell, weights=precision * target) / total
    spread = float(np.sum(precision * (target - mean[cell]) ** 2))
    at = rows[first]
    _, own = np.unique(members[at], return_inverse=True)
    x = {name: values[at] for name, values in problem.x.items()}
    return Merged(x, mean, total, own.ravel(), spread, len(rows) - len(first))


def _precision(problem: Problem) -> np.ndarray:
    """Inverse variances of the rows, relative to one another [points]."""
    return problem.weights if problem.noise is None else problem.weights / problem.noise**2


def _without_outliers(target: np.ndarray, precision: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Targets, with those far from the median of their cell pulled in."""
    count = np.bincount(cell)
    if len(target) - len(count) < 10:
        return target
    order = np.lexsort((target, cell))
    first = np.cumsum(count) - count
    middle = target[order][[first + (count - 1) // 2, first + count // 2]].mean(axis=0)[cell]
    apart = (target - middle) * np.sqrt(precision)
    some = np.abs(apart[count[cell] > 1])
    reach = shared_error.CLIP * 1.4826 * float(np.median(some))
    # Where most rows are exact copies the median says nothing.
    if not reach > 0:
        return target
    return middle + np.clip(apart, -reach, reach) / np.sqrt(precision)


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


def _variances(
    fitted: Problem, merged: Merged, residual: np.ndarray, jacobian: np.ndarray, cells: bool
) -> _Variances:
    mixing, noise = fitted.mixing, fitted.noise
    assert mixing is not None
    assert noise is not None
    if cells:
        freedom = len(residual) - jacobian.shape[1]
        order = np.argsort(merged.members)
        mean, size = (residual * noise)[order], merged.precision[order]
        return _Variances(mean, size, freedom, merged.spread, merged.freedom)
    basis = shared_error.basis_of(jacobian)
    used = shared_error.between_freedom(basis, merged.members)
    mean, apart = shared_error.parts(residual, merged.members)
    count = np.bincount(merged.members)
    own = np.zeros(len(count))
    own[merged.members] = mean
    within = len(residual) - len(count) - (basis.shape[1] - used)
    return _Variances(
        own / (1 - mixing.taken),
        count.astype("float64"),
        len(count) - used,
        float(np.sum(apart**2)),
        within,
    )


def _drawn(
    fitted: Problem,
    merged: Merged,
    theta: np.ndarray,
    found: _Variances,
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
    shift = mixing.white(residuals.residuals(fitted, theta) + error)
    size = max(1, LANES // len(fitted))
    return np.concatenate(
        [solved(fitted, theta, shift[i : i + size]) for i in range(0, count, size)]
    )


def solved(
    fitted: Problem, theta: np.ndarray, shift: np.ndarray, tolerance: float = TOLERANCE
) -> np.ndarray:
    """The least-squares laws of shifted residuals [draws, parameters].

    theta: where to start, for all draws or for each; shift: [draws, points].
    """
    mixing, noise, count = fitted.mixing, fitted.noise, len(shift)
    assert mixing is not None
    assert noise is not None
    lanes = fitted.merged(fitted.x, fitted.y, noise, Mixing(mixing.members, mixing.taken, shift))
    return solver.solve(
        lanes,
        np.array(np.broadcast_to(theta, (count, theta.shape[-1]))),
        Penalty(SQUARES),
        weights=np.ones(shift.shape, dtype="uint8"),
        rows=np.arange(count),
        tolerance=tolerance,
        damping=0.1,
    ).theta
