"""Mixed: the objective of whitened residuals, shifted for each lane, and its derivatives.

As `dual`, for a problem with a `mixing`.
"""

from __future__ import annotations

import numpy as np

from . import dual, penalty
from .penalty import Penalty
from .problem import Problem

BLOCK = 1 << 15  # lanes x points of a block
STEP = 1e-6  # of a coordinate, for derivatives of laws that dual numbers cannot pass through


def evaluate(
    problem: Problem,
    values: np.ndarray,
    stretch: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    taken: Penalty,
    majorant: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Objective [lanes]; curvature and, last, gradient [lanes, parameters, parameters + 1]."""
    lanes, count = values.shape
    objective, product = np.empty(lanes), np.empty((lanes, count, count + 1))
    size = max(1, BLOCK // len(problem))
    for first in range(0, lanes, size):
        some = slice(first, first + size)
        part = Penalty(*(number[some, None] for number in taken))
        weight = weights[rows[some]] * problem.weights
        r, left = whitened(problem, values[some], stretch[some], rows[some])
        cost, slope, curvature = penalty.terms(r, part, majorant[some, None])
        right = np.empty((len(r), count + 1, len(problem)))
        np.multiply(left, (weight * curvature)[:, None], out=right[:, :count])
        np.multiply(weight, slope, out=right[:, count])
        objective[some] = np.einsum("ln,ln->l", weight, cost)
        np.matmul(left, right.swapaxes(1, 2), out=product[some])
    return objective, product


def jacobian(problem: Problem, values: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Derivatives of the whitened residuals at one parameter vector [parameters, points]."""
    return whitened(problem, values[None], stretch[None], np.zeros(1, int))[1][0]


def whitened(
    problem: Problem, values: np.ndarray, stretch: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whitened, shifted residuals [lanes, points]; derivatives [lanes, parameters, points]."""
    mixing = problem.mixing
    assert mixing is not None
    if dual.differentiates(problem.law):
        r, slopes = dual.derivatives(problem, values, stretch)
    else:
        r, slopes = _differences(problem, values, stretch)
    return mixing.white(r) - mixing.shift[rows], mixing.white(slopes)


def _differences(
    problem: Problem, values: np.ndarray, stretch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals and central differences, for laws that only a compiler can differentiate."""
    from . import compiled

    count = values.shape[1]
    aside = STEP * np.eye(count)[:, None] * stretch
    at = np.concatenate([values[None], values + aside, values - aside])
    p = {name: at[..., i, None] for i, name in enumerate(problem.law.parameters)}
    found = compiled.predict(problem.law, p, problem.x)
    log = problem.space == "log"
    found = (np.log(found) - np.log(problem.y) if log else found - problem.y) * problem.sharpness
    slopes = (found[1 : count + 1] - found[count + 1 :]) / (2 * STEP)
    return found[0], slopes.swapaxes(0, 1)
