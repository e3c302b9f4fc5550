"""One-step bootstrap: for a long table, each resampled optimum is one Newton step from the optimum.

    theta_r = theta - (sum_i w_ri H_i)^-1 sum_i w_ri g_i

g_i is a point's gradient and H_i its curvature at the optimum of all points, and w_ri how often
replicate r has it. Both sums are one product of the counts with a table of per-cluster sums, so no
replicate needs a descent. The error of the step falls as one over the number of clusters, the
spread of the replicates as one over its square root, so the step is accurate for long tables;
`bootstrap` measures how accurate on a few replicates solved in full.

Schucany & Wang 1991, "One-step bootstrapping for smooth iterative procedures".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from . import penalty, residuals
from .penalty import Penalty
from .problem import Problem

CHUNK = 1 << 13  # clusters per product, so that their counts stay in the cache


class Steps(NamedTuple):
    """Coordinates [replicates, parameters], and the first replicates' counts [some, clusters]."""

    theta: np.ndarray
    drawn: np.ndarray


def steps(
    problem: Problem,
    taken: Penalty,
    best: np.ndarray,
    members: np.ndarray,
    *,
    count: int,
    seed: int,
    kept: int,
) -> Steps | None:
    """One step for each of `count` replicates, or None if a step is not enough.

    `members` [points] is the cluster of each point. A step is not enough if a parameter lies at a
    bound of its box, or if a replicate leaves a direction without curvature.
    """
    low, high = problem.box
    free = low < high
    near = 1e-6 * np.maximum(np.abs(best), 1)
    if (free & ((best <= low + near) | (best >= high - near))).any():
        return None
    parts = _sums(problem, taken, best, free, members)
    size = int(free.sum())
    total = np.zeros((count, parts.shape[1]))
    drawn = np.zeros((kept, len(parts)), dtype="uint8")
    for at, counts in _drawn(len(parts), count, seed):
        total += counts @ parts[at]
        drawn[:, at] = counts[:kept]
    matrix = np.empty((count, size, size))
    rows, columns = np.triu_indices(size)
    matrix[:, rows, columns] = matrix[:, columns, rows] = total[:, size:]
    own = np.sqrt(np.einsum("lpp->lp", matrix))
    if not (own > 0).all():
        return None
    scaled = matrix / own[:, :, None] / own[:, None, :]
    if np.linalg.eigvalsh(scaled)[:, 0].min() < 1e-12:
        return None
    change = np.linalg.solve(scaled, (total[:, :size] / own)[:, :, None])[..., 0] / own
    theta = np.tile(best, (count, 1))
    theta[:, free] -= change
    return Steps(np.clip(theta, low, high), drawn)


def _sums(
    problem: Problem, taken: Penalty, best: np.ndarray, free: np.ndarray, members: np.ndarray
) -> np.ndarray:
    """Each cluster's slopes, and the upper triangle of its curvature [clusters, sums]."""
    residual = residuals.residuals(problem, best)
    jacobian = residuals.jacobian(problem, best)[:, free]
    slope = problem.weights * penalty.slope(residual, taken)
    bend = problem.weights * penalty.curvature(residual, taken, 0.0)
    pairs = zip(*np.triu_indices(jacobian.shape[1]), strict=True)
    each = [slope * column for column in jacobian.T]
    each += [bend * jacobian[:, i] * jacobian[:, j] for i, j in pairs]
    return np.stack([np.bincount(members, weights=column) for column in each], axis=1)


def _drawn(clusters: int, count: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """How often each cluster is drawn, with replacement [count, clusters], a chunk at a time."""
    rng = np.random.default_rng(seed)
    ends = [*range(0, clusters, CHUNK), clusters]
    sizes = np.diff(ends)
    shares = rng.multinomial(clusters, sizes / clusters, size=count)
    for chunk, size in enumerate(sizes):
        counts = np.empty((count, size))
        for i in range(count):
            places = rng.integers(size, size=shares[i, chunk], dtype="uint16")
            counts[i] = np.bincount(places, minlength=size)
        yield slice(ends[chunk], ends[chunk + 1]), counts
