"""Profile: likelihood intervals, from how the objective rises as a parameter moves off its optimum.

    2 (F(value) - F(best)) / scale  =  the level's quantile of Fisher's F with 1 and n - p degrees

F(value) is the least objective with that parameter fixed at the value and all others free; scale is
that of Schrader & Hettmansperger 1980, "Robust analysis of variance based upon a likelihood ratio
criterion": the mean square of the penalty's slope over the mean of its curvature. For squares it is
the residual variance, which gives the usual interval of non-linear regression. Rows are assumed
independent; if rows of one run share an error, use the cluster bootstrap instead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from . import penalty, residuals, solver
from .penalty import Penalty
from .problem import Problem

ROUNDS = 20
CLOSE = 1e-3  # relative error of the root of the statistic at an end


class Interval(NamedTuple):
    """Ends in the table's units; one that the data do not determine is at the end of the box."""

    low: float
    high: float


def intervals(
    problem: Problem, taken: Penalty, best: np.ndarray, names: list[str], level: float
) -> dict[str, Interval]:
    """Profile-likelihood intervals of the parameters named."""
    index = np.array([list(problem.law.parameters).index(name) for name in names])
    ends = _ends(problem, taken, best, index, level)
    found = problem.values(ends)
    return {
        name: Interval(float(found[0, i, j]), float(found[1, i, j]))
        for i, (name, j) in enumerate(zip(names, index, strict=True))
    }


def scale(problem: Problem, taken: Penalty, theta: np.ndarray) -> float:
    """The scale by which twice the rise of the objective is divided (see the module)."""
    r = residuals.residuals(problem, theta)
    slopes = problem.weights * penalty.slope(r, taken)
    freedom = max(len(problem) - problem.free, 1)
    # Few residuals may lie within delta, so their density is estimated over a wider range.
    spread = 1.4826 * float(np.median(np.abs(r)))
    reach = max(float(taken.delta), spread * len(problem) ** -0.2)
    within = penalty.curvature(r, Penalty(reach, taken.above, taken.below), 0.0)
    curvature = float(np.mean(problem.weights * within)) * min(1.0, float(taken.delta) / reach)
    return float(np.sum(slopes**2)) / freedom / max(curvature, 1e-300)


def _ends(
    problem: Problem, taken: Penalty, best: np.ndarray, index: np.ndarray, level: float
) -> np.ndarray:
    """Theta at the low and the high end of each parameter [2, names, parameters]."""
    lanes = 2 * len(index)
    which, side = np.tile(index, 2), np.repeat([-1.0, 1.0], len(index))
    low, high = (end[which] for end in problem.box)
    unit = scale(problem, taken, best)
    goal = float(np.sqrt(special.fdtri(1, max(len(problem) - problem.free, 1), level)))
    at = residuals.evaluate(
        problem, best[None], np.ones((1, len(problem))), np.zeros(1, int), taken, 1
    )
    # The first guess is that of a parabola.
    spread = np.sqrt(np.abs(np.diag(np.linalg.pinv(at.curvature[0]))) * unit)[which]
    least = float(at.objective[0])
    held = which[:, None] == np.arange(len(best))
    theta = np.tile(best, (lanes, 1))
    near, near_root = np.zeros(lanes), np.zeros(lanes)
    far, far_root = np.full(lanes, np.inf), np.full(lanes, np.inf)
    reach = np.where(side < 0, best[which] - low, high - best[which])
    distance = np.minimum(goal * np.maximum(spread, 1e-8), reach)
    open_ = np.ones(lanes, dtype=bool)
    for _ in range(ROUNDS):
        some = np.flatnonzero(open_)
        if not len(some):
            break
        start = theta[some].copy()
        start[np.arange(len(some)), which[some]] = (best[which] + side * distance)[some]
        found = solver.solve(problem, start, taken, held=held[some], tolerance=1e-9, damping=0.1)
        theta[some] = found.theta
        root = np.sqrt(np.maximum(2 * (found.objective - least) / unit, 0))
        below = root < goal
        near[some[below]], near_root[some[below]] = distance[some[below]], root[below]
        far[some[~below]], far_root[some[~below]] = distance[some[~below]], root[~below]
        ended = (np.abs(root - goal) < CLOSE * goal) | (below & (distance[some] >= reach[some]))
        open_[some[ended]] = False
        bracketed = np.isfinite(far)
        share = (goal - near_root) / np.maximum(far_root - near_root, 1e-300)
        inside = near + np.clip(share, 0.05, 0.95) * np.where(bracketed, far - near, 0)
        slope = np.maximum(near_root / np.maximum(near, 1e-300), 1e-300)
        beyond = np.minimum(np.clip(1.1 * goal / slope, 1.2 * near, 4 * near), reach)
        distance = np.where(open_, np.where(bracketed, inside, beyond), distance)
    return theta.reshape(2, len(index), -1)
