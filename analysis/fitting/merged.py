"""Merged: the rows of a cluster that have the same x, as one point.

Seeds of a cell, and near-copies of a row, are one point: their mean, with what they scatter. So a
table of a few cells is a table of a few points, however many seeds it has.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import shared_error
from .problem import Problem

ROWS = 4096  # a longer table is thinned within its clusters


class Merged(NamedTuple):
    """Rows with the same cluster and x as one point: x, mean target, precision and cluster.

    spread, freedom    sum of squares about the means, and its degrees of freedom
    unit               standard deviation of a row, relative to the others [rows]
    """

    x: dict[str, np.ndarray]
    target: np.ndarray
    precision: np.ndarray
    members: np.ndarray
    spread: float
    freedom: int
    unit: np.ndarray


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
    return Merged(x, mean, total, own.ravel(), spread, len(rows) - len(first), precision**-0.5)


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
