"""Mixed: the objective of whitened residuals, shifted for each lane, and its derivatives.

As `dual`, for a problem with a `mixing`.
"""

from __future__ import annotations

import numpy as np

from . import dual
from .penalty import Penalty
from .problem import Problem

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

    def derived(some: slice) -> tuple[np.ndarray, np.ndarray]:
        return whitened(problem, values[some], stretch[some], rows[some])

    return dual.summed(problem, values.shape, derived, weights, rows, taken, majorant)


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
