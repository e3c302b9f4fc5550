"""Information: half-width and P(decided) of a design from the law's derivatives alone.

The variance of what is claimed is g (J' W J)^-1 g', with J the derivatives of the log losses of the
cells and W their inverse variances (Fisher's information), at each parameter vector that is thought
possible; the interval is Student's. It takes a thousandth of the time of drawn tables, and ranks
designs; P(decided) of the best is then taken from tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from ..claims.cells import quantile
from ..claims.verdict import predicted
from ..fitting import residuals
from .power import Power, Side
from .tables_ahead import LEVEL, value_at

VECTORS = 12  # parameter vectors at which a design is judged
RIDGE = 1e-10  # of the largest curvature: a parameter below it is not determined
STEP = 1e-5


def of_side(claim: Mapping[str, Any], side: Side) -> Power:
    """Power of a claim about one fit: a parameter, or a value that the law predicts."""
    problem, freedom = side.problem, len(side.seeds) - side.problem.free
    if freedom < 1:
        return Power(0.0, np.inf)
    theta = side.theta[:: max(1, len(side.theta) // VECTORS)]
    count = len(side.theta)
    run, cell = (np.broadcast_to(n, count) for n in (side.noise.run, side.noise.cell))
    run, cell = (part[:: max(1, count // VECTORS)] for part in (run, cell))
    decided, halves = [], []
    for one, own, shared in zip(theta, run, cell, strict=True):
        slopes = np.nan_to_num(residuals.jacobian(problem, one))
        weight = 1 / (shared**2 + own**2 / side.seeds)
        curvature = slopes.T @ (weight[:, None] * slopes)
        unit = 1 / np.sqrt(np.maximum(np.diag(curvature), 1e-300))
        scaled = curvature * unit[:, None] * unit + RIDGE * np.eye(len(unit))
        gradient, value, low, high = aim(claim, side, one)
        toward = gradient * unit
        error = float(np.sqrt(max(toward @ np.linalg.solve(scaled, toward), 0.0)))
        half = quantile(freedom, LEVEL) * error
        decided.append(_decided(value, error, half, low, high))
        halves.append(half * _stretch(claim, side, one))
    return Power(float(np.mean(decided)), float(np.median(halves)))


def aim(
    claim: Mapping[str, Any], side: Side, theta: np.ndarray
) -> tuple[np.ndarray, float, float, float]:
    """What is claimed, as a functional of coordinates: gradient, value, and the range's ends."""
    low, high = predicted(claim)
    if not claim["parameter"]:
        logs = np.log([value_at(side.problem, theta, claim["at"])])
        gradient = np.array(
            [
                (
                    np.log(value_at(side.problem, theta + step, claim["at"]))
                    - np.log(value_at(side.problem, theta - step, claim["at"]))
                )
                / (2 * STEP)
                for step in STEP * np.eye(len(theta))
            ]
        )
        return np.nan_to_num(gradient), float(logs[0]), *_logs(low, high)
    index = list(side.problem.law.parameters).index(claim["parameter"])
    gradient = np.zeros(len(theta))
    gradient[index] = 1.0
    if side.problem.logarithmic[index]:
        low, high = _logs(low, high)
    return gradient, float(theta[index]), low, high


def _logs(low: float, high: float) -> tuple[float, float]:
    with np.errstate(divide="ignore"):
        return float(np.log(max(low, 0.0))), float(np.log(high))


def _stretch(claim: Mapping[str, Any], side: Side, theta: np.ndarray) -> float:
    """What a unit of the functional is in the claim's own unit."""
    if not claim["parameter"]:
        return float(value_at(side.problem, theta, claim["at"]))
    index = list(side.problem.law.parameters).index(claim["parameter"])
    return float(np.exp(theta[index])) if side.problem.logarithmic[index] else 1.0


def _decided(value: float, error: float, half: float, low: float, high: float) -> float:
    """The probability that value +- half lies inside the range, or wholly outside."""
    if not error > 0:
        return 1.0
    inside = stats.norm.cdf((high - half - value) / error)
    inside -= stats.norm.cdf((low + half - value) / error)
    outside = stats.norm.cdf((value - half - high) / error)
    outside += stats.norm.cdf((low - half - value) / error)
    return float(max(inside, 0.0) + outside)
