"""Shared error: whether the residuals of a group, such as a cell or a budget, are alike.

    y = law + (error of the group) + (error of the row)

The statistic is that of the analysis of variance: the mean square between groups over the mean
square within them. The law was fitted to the same rows, so each sum of squares has the degrees of
freedom that the fit left it: E |P r|^2 = variance x trace(P (1 - H)), for the projection P on group
means (or on the deviations from them) and the projection H on the columns of the Jacobian.

Searle, Casella & McCulloch 1992, "Variance components", chapter 3.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

CLIP = 3.0  # standard deviations: an outlier counts as no more
RANK = 1e-8  # a direction with less than this share of its length left is in the space already


class SharedError(NamedTuple):
    """share: of the variance that is the group's (the intraclass correlation, 0 at least).

    statistic, p    of the F test that there is none
    groups          their number
    """

    share: float
    statistic: float
    p: float
    groups: int


def shared_error(
    residual: np.ndarray,
    jacobian: np.ndarray,
    members: np.ndarray,
    weights: np.ndarray | None = None,
) -> SharedError:
    """Test residuals [rows] for an error that the rows of a group share.

    jacobian    derivatives of the residuals in the free parameters [rows, parameters]
    members     the group of each row, as integers from 0 [rows]
    weights     inverse variances of the rows, relative to one another [rows]

    p is 1 if the groups, or the rows within them, leave no degree of freedom.
    """
    root = np.ones(len(residual)) if weights is None else np.sqrt(weights)
    basis = basis_of(jacobian * root[:, None])
    r = clipped(residual * root, basis.shape[1])
    r = r - basis @ (basis.T @ r)
    groups = int(members.max()) + 1
    between, within = (float(np.sum(part**2)) for part in parts(r, members))
    used = between_freedom(basis, members)
    freedom = groups - used, len(r) - groups - (basis.shape[1] - used)
    if min(freedom) < 0.5 or within <= 1e-24 * len(r):
        return SharedError(0.0, 1.0, 1.0, groups)
    ratio = (between / freedom[0]) / (within / freedom[1])
    size = len(r) / groups
    share = max(0.0, (ratio - 1) / (ratio - 1 + size))
    from scipy import special  # the tables of `analysis.load` need none of it

    return SharedError(share, ratio, float(special.fdtrc(*freedom, ratio)), groups)


def parts(values: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each row's group, and the deviation from it [rows]."""
    count = np.bincount(members)
    mean = (np.bincount(members, weights=values) / np.maximum(count, 1))[members]
    return mean, values - mean


def between_freedom(basis: np.ndarray, members: np.ndarray) -> float:
    """Degrees of freedom between groups that a fit used: trace(P H), `basis` spanning H."""
    means = [parts(column, members)[0] for column in basis.T]
    return float(sum(np.sum(mean**2) for mean in means))


def clipped(residual: np.ndarray, free: int) -> np.ndarray:
    """Residuals with outliers pulled in to CLIP standard deviations."""
    reach = CLIP * spread(residual, free)
    return np.clip(residual, -reach, reach)


def spread(residual: np.ndarray, free: int = 0) -> float:
    """A standard deviation that outliers do not change: 1.4826 times the median size.

    A penalty close to absolute values passes exactly through as many points as it has parameters,
    so that many of the smallest residuals do not count.
    """
    size = np.sort(np.abs(residual[np.isfinite(residual)]))
    size = size[min(free, max(len(size) - 3, 0)) :]
    return 1.4826 * float(np.median(size)) if len(size) else math.nan


def groups_of(values: np.ndarray, within: float) -> np.ndarray:
    """The group of each positive value: neighbours closer than a factor of 1 + within are one."""
    order = np.argsort(values, kind="stable")
    step = np.diff(np.log(values[order]), prepend=np.log(values[order[0]]))
    found = np.empty(len(values), dtype=int)
    found[order] = np.cumsum(step > np.log1p(within))
    return found


def basis_of(columns: np.ndarray, beyond: np.ndarray | None = None) -> np.ndarray:
    """An orthonormal basis of the columns' span [rows, rank].

    beyond    an orthonormal basis [rows, any]: only the part of the span outside that of it counts
    """
    length = np.linalg.norm(columns, axis=0)
    columns = columns[:, length > 0] / length[length > 0]
    for _ in range(0 if beyond is None else 2):  # the second time for rounding
        columns = columns - beyond @ (beyond.T @ columns)
    if not columns.size:
        return np.empty((len(columns), 0))
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, size > RANK]
