"""Bootstrap: tables resampled by cluster, each refitted to its own global optimum.

Whole clusters (runs, with all their checkpoints) are drawn with replacement; without clusters each
point is a cluster. Each replicate descends from the optimum of all points, and also from another
optimum that the starts found, if its objective there is close, or from a start that is better for
it. An objective is linear in how often each point was drawn, so all these candidates are evaluated
on all replicates by one matrix product.

In a table of more than LONG points a replicate is one Newton step from the optimum of all
(`one_step_bootstrap`), if that is accurate: CHECKED replicates are also solved in full, and if the
two differ by more than CLOSE standard errors, every replicate is solved in full. On 10^6 points of
a Chinchilla surface a step is off by 0.003 standard errors, and 400 replicates take 8 CPU-seconds
instead of 127.

Intervals of parameters are bias-corrected percentiles (`parameter.interval`); bands are plain ones,
which vary smoothly from point to point. Over 200 tables drawn from a Chinchilla surface, nominal
95% intervals covered E, A, B, alpha and beta in 91 to 95% (5 x 5 points, noise 0.5%), 94 to 96%
(6 x 8) and 90 to 96% (5 x 5, noise 2%) with the default Huber penalty; the slow test
tests/analysis/fitting/test_coverage.py measures it.

Efron & Tibshirani 1993, "An introduction to the bootstrap", chapters 6, 8 and 13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from . import one_step_bootstrap, residuals, solver
from .penalty import Penalty, cost
from .problem import Problem
from .solver import Optima

TOLERANCE = 1e-6  # of a replicate, per point: moves a draw by under 1% of a standard error
DAMPING = 0.1  # of the first step: the optimum of all points is near
NEAR = 1.5  # another optimum is tried if its objective is within this factor of the best
LONG = 1 << 14  # points beyond which the optimum of all is the only candidate, or a step from it
CHECKED = 8  # replicates of a long table that are solved in full, to test the steps
MOST = 1 << 30  # the most counts of replicates held at once, one byte each
CLOSE = 0.1  # of a standard error: as much as the ends of an interval scatter with 400 replicates


class Bootstrap(NamedTuple):
    """theta [replicates, parameters]; share of replicates whose descents agreed; clusters.

    solved     how many were solved in full; the others are one Newton step each
    step_off   how far a step is from a full solution, in standard errors; 0 without steps
    """

    theta: np.ndarray
    agreement: float
    clusters: int
    solved: int
    step_off: float = 0.0


def bootstrap(
    problem: Problem,
    penalty: Penalty,
    optima: Optima,
    starts: np.ndarray,
    clusters: np.ndarray | None,
    *,
    count: int,
    seed: int,
) -> Bootstrap:
    """Solve `count` replicates. `optima` are those that the starts reached on all points.

    Raises LabError for more replicates than memory can hold.
    """
    members, _ = pd.factorize(np.arange(len(problem)) if clusters is None else clusters)
    if len(problem) > LONG and count > CHECKED:
        short = _by_steps(problem, penalty, optima, members, count, seed)
        if short is not None:
            return short
    if count * len(members) > MOST:
        raise LabError(
            f"{count} resampled tables of {len(members)} points exceed the memory; "
            f"set bootstrap to {MOST // len(members)} at most"
        )
    weights = resampled(problem, members, count, seed)
    best, _ = optima.best()
    other, tried = _others(problem, penalty, optima, starts, weights)
    found = solver.solve(
        problem,
        np.concatenate([np.tile(best, (count, 1)), other]),
        penalty,
        weights=weights,
        rows=np.concatenate([np.arange(count), tried]),
        tolerance=TOLERANCE / len(problem),
        damping=DAMPING,
    )
    theta, second = np.split(found.theta, [count])
    objective, less = np.split(found.objective, [count])
    agreed = np.ones(count, dtype=bool)
    agreed[tried] = agrees(less, objective[tried], len(problem))
    better = less < objective[tried]
    theta[tried[better]] = second[better]
    return Bootstrap(theta, float(agreed.mean()), int(members.max()) + 1, count)


def _by_steps(
    problem: Problem,
    penalty: Penalty,
    optima: Optima,
    members: np.ndarray,
    count: int,
    seed: int,
) -> Bootstrap | None:
    """Replicates of one Newton step each, unless CHECKED full solutions differ too much."""
    best, _ = optima.best()
    taken = one_step_bootstrap.steps(
        problem, penalty, best, members, count=count, seed=seed, kept=CHECKED
    )
    if taken is None:
        return None
    theta = taken.theta
    error = np.std(theta, axis=0, ddof=1)
    found = solver.solve(
        problem,
        theta[:CHECKED],
        penalty,
        weights=taken.drawn[:, members],
        rows=np.arange(CHECKED),
        tolerance=TOLERANCE / len(problem),
        damping=DAMPING,
    )
    apart = np.abs(found.theta - theta[:CHECKED]) / np.where(error > 0, error, np.inf)
    off = float(np.sqrt(np.mean(apart**2, axis=0)).max())
    if not off <= CLOSE:
        return None
    theta[:CHECKED] = found.theta
    return Bootstrap(theta, 1.0, int(members.max()) + 1, CHECKED, off)


def _others(
    problem: Problem, penalty: Penalty, optima: Optima, starts: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Second starts, and the replicates to try them on."""
    best, least = optima.best()
    if len(problem) > LONG:
        return starts[:0], np.arange(0)
    apart = ~agrees(optima.objective, least, len(problem)) & np.isfinite(optima.objective)
    candidates = np.concatenate([best[None], starts, optima.theta[apart]])
    costs = cost(residuals.residuals(problem, candidates), penalty) * problem.weights
    objective = weights.astype("float64") @ np.nan_to_num(costs, nan=1e300, posinf=1e300).T
    objective[:, 1 + len(starts) :] /= NEAR
    choice = 1 + np.argmin(objective[:, 1:], axis=1)
    tried = np.flatnonzero(objective[np.arange(len(weights)), choice] <= objective[:, 0])
    return candidates[choice[tried]], tried


def resampled(problem: Problem, members: np.ndarray, count: int, seed: int) -> np.ndarray:
    """How often each point is in each replicate [count, points], drawing whole clusters.

    A replicate with fewer distinct points than the law has parameters determines no fit; it is
    drawn again (unless the table itself is as poor).
    """
    rng = np.random.default_rng(seed)
    clusters = int(members.max()) + 1
    _, place = np.unique(np.stack(list(problem.x.values())), axis=1, return_inverse=True)
    place = place.ravel()
    needed = min(problem.free, int(place.max()) + 1)
    found = np.empty((count, len(members)), dtype="uint8")
    for i in range(count):
        while True:
            drawn = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
            found[i] = drawn[members]
            if clusters > 20 * needed or len(np.unique(place[found[i] > 0])) >= needed:
                break
    return found


def agrees(objective: np.ndarray, best: np.ndarray | float, points: int) -> np.ndarray:
    """Whether objectives are the best one: within 0.1%, or within rounding of exact data."""
    return objective <= best * 1.001 + points * 1e-15
