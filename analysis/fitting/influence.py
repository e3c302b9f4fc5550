"""Influence: how a fit changes with delta, and without its most influential points.

All refits run in one call of the solver, each from the optimum and from other optima that the
search found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import penalty, residuals, solver
from .penalty import SQUARES, Penalty
from .problem import Problem

MOST = 8  # points to leave out, one at a time
OPTIMA = 3  # starts of each refit


def influence(problem: Problem, taken: Penalty, optima: solver.Optima) -> dict[str, Any]:
    """Refitted values of the nonlinear parameters, JSON-able; points are given by index.

    delta      with a tenth of delta and ten times delta: {"0.0001": {"alpha": ...}, ...}
    outliers   without all points whose residual exceeds six standard deviations (from the median)
    influence  without each of the most influential points, the largest change first
    """
    best, _ = optima.best()
    residual = residuals.residuals(problem, best)
    far = _far(np.abs(residual))
    points = _leading(problem, taken, best, residual)
    keep = np.ones((2 + len(points), len(problem)), dtype="uint8")
    keep[1, far] = 0
    keep[np.arange(2, 2 + len(points)), points] = 0
    deltas = [] if taken.delta >= SQUARES else [taken.delta / 10, taken.delta * 10]
    asked = [(delta, 0) for delta in deltas]
    if len(far) and len(problem) - len(far) > problem.free:
        asked.append((taken.delta, 1))
    asked += [(taken.delta, 2 + i) for i in range(len(points))]
    refits = _refits(problem, taken, _distinct(optima), keep, asked)
    by_delta = {f"{delta:g}": refits.pop(0) for delta in deltas}
    without = refits.pop(0) if len(refits) > len(points) else {}
    single = [{"point": int(point)} | one for point, one in zip(points, refits, strict=True)]
    at_best = problem.named(best)

    def moved(one: dict[str, Any]) -> float:
        changes = [abs(one[name] / at_best[name] - 1) for name in problem.law.nonlinear]
        return max(map(float, changes), default=0.0)

    return {
        "delta": by_delta,
        "outliers": {"count": len(far), "points": far.tolist(), "without": without},
        "influence": sorted(single, key=moved, reverse=True),
    }


def _refits(
    problem: Problem,
    taken: Penalty,
    starts: np.ndarray,
    keep: np.ndarray,
    asked: list[tuple[float, int]],
) -> list[dict[str, float]]:
    """The best refit for each (delta, row of `keep`): nonlinear parameters by name."""
    if not asked:
        return []
    delta, row = (np.repeat(values, len(starts)) for values in zip(*asked, strict=True))
    theta = np.tile(starts, (len(asked), 1))
    part = taken._replace(delta=delta)
    found = solver.solve(problem, theta, part, weights=keep, rows=row.astype(int), tolerance=1e-8)
    least = np.argmin(found.objective.reshape(len(asked), -1), axis=1)
    chosen = found.theta[np.arange(len(asked)) * len(starts) + least]
    named = problem.named(chosen)
    return [
        {name: float(named[name][i]) for name in problem.law.nonlinear} for i in range(len(asked))
    ]


def _distinct(optima: solver.Optima) -> np.ndarray:
    """Up to OPTIMA thetas with different objectives, the best first."""
    order = np.argsort(optima.objective)
    order = order[np.isfinite(optima.objective[order])]
    level = np.round(np.log(np.maximum(optima.objective[order], 1e-300)), 2)
    _, first = np.unique(level, return_index=True)
    return optima.theta[order[np.sort(first)][:OPTIMA]]


def _far(size: np.ndarray) -> np.ndarray:
    """Indices of outliers."""
    # 1.4826 times the median size is the standard deviation of a normal sample.
    return np.flatnonzero(size > max(6 * 1.4826 * float(np.median(size)), 1e-6))


def _leading(
    problem: Problem, taken: Penalty, theta: np.ndarray, residual: np.ndarray
) -> np.ndarray:
    """The points whose removal moves a parameter most, to first order.

    The change is the inverse of the curvature times the gradient of the point's own term.
    """
    if len(problem) <= problem.free + 1:
        return np.empty(0, dtype=int)
    low, high = problem.box
    jacobian = residuals.jacobian(problem, theta)[:, low < high]
    slopes = (problem.weights * penalty.slope(residual, taken))[:, None] * jacobian
    bend = problem.weights * penalty.curvature(residual, taken, 1.0)
    curvature = (jacobian * bend[:, None]).T @ jacobian
    change = slopes @ np.linalg.pinv(curvature, hermitian=True)
    spread = np.sqrt((change**2).sum(axis=0))
    size = np.abs(change / np.where(spread > 0, spread, np.inf)).max(axis=1)
    points = np.argsort(-size, kind="stable")[:MOST]
    return points[size[points] > 0]
