"""Penalty: the cost of a residual r = law - response, or the same of logarithms.

    huber        r^2/2 up to delta, then delta (|r| - delta/2): the pull of outliers is bounded
    squares      r^2/2
    asymmetric   Huber's, but a law above its point (r > 0) costs 0.9/0.1 = 9 times one below: the
                 curve follows the lower edge of points whose losses scatter upwards. It is a
                 smoothed quantile regression; "asymmetric:0.25" follows the lower quartile

Huber 1964, "Robust estimation of a location parameter"; Koenker & Bassett 1978, "Regression
quantiles".
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from scaling_lab.errors import LabError, unknown

NAMES = ("huber", "squares", "asymmetric")
QUANTILE = 0.1  # default of an asymmetric penalty
SQUARES = 1e100  # a delta beyond any residual


class Penalty(NamedTuple):
    """Huber's delta, and the factors for residuals above and below 0. Arrays [lanes] broadcast."""

    delta: Any
    above: Any = 1.0
    below: Any = 1.0


def named(name: str, delta: float) -> Penalty:
    """The penalty called huber, squares, asymmetric or asymmetric:QUANTILE.

    Raises LabError for another name, a delta that is not positive, or a quantile outside (0, 1).
    """
    plain, _, quantile = name.partition(":")
    if plain not in NAMES or (quantile and plain != "asymmetric"):
        raise unknown("penalty", name, NAMES)
    if not 0 < delta < math.inf:
        raise LabError(f"delta is {delta}; a fit needs delta > 0, such as 1e-3")
    if plain == "squares":
        return Penalty(SQUARES)
    if plain == "huber":
        return Penalty(delta)
    try:
        tau = float(quantile or QUANTILE)
    except ValueError:
        tau = math.nan
    if not 0 < tau < 1:
        raise LabError(
            f"penalty '{name}' has no quantile between 0 and 1; write e.g. asymmetric:0.1"
        )
    return Penalty(delta, 2 * (1 - tau), 2 * tau)


def cost(r: Any, penalty: Penalty) -> Any:
    """The penalty of each residual."""
    delta, size = penalty.delta, abs(r)
    huber = _numpy(r).where(size <= delta, 0.5 * r**2, delta * (size - 0.5 * delta))
    return side(r, penalty) * huber


def slope(r: Any, penalty: Penalty) -> Any:
    """The derivative of the penalty."""
    return side(r, penalty) * _numpy(r).clip(r, -penalty.delta, penalty.delta)


def curvature(r: Any, penalty: Penalty, majorant: Any) -> Any:
    """The second derivative; beyond delta, where that is 0, `majorant` times slope / r.

    With majorant 1 it is the curvature of the parabola that touches the penalty from above, as in
    iteratively reweighted least squares: slow and safe. With 0 it is Newton's.
    """
    delta, size = penalty.delta, abs(r)
    beyond = majorant * delta / _numpy(r).maximum(size, delta)
    return side(r, penalty) * _numpy(r).where(size <= delta, 1.0, beyond)


def terms(
    r: np.ndarray, penalty: Penalty, majorant: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cost, slope and curvature of numpy's arrays, at the cost of little more than one of them."""
    clipped = np.minimum(np.maximum(r, -penalty.delta), penalty.delta)
    factor = side(r, penalty)
    slope = factor * clipped
    curvature = np.where(r == clipped, factor, majorant * slope / r)
    return slope * (r - 0.5 * clipped), slope, curvature


def side(r: Any, penalty: Penalty) -> Any:
    """The factor of the penalty for the sign of the residual."""
    return _numpy(r).where(r > 0, penalty.above, penalty.below)


def _numpy(r: Any) -> Any:
    """numpy for its arrays, jax.numpy inside a compiled program."""
    if isinstance(r, np.ndarray | np.generic):
        return np
    import jax.numpy as jnp

    return jnp
