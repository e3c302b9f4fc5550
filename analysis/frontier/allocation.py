"""Allocation: how a law of N and D splits compute C = k N D best, and what other splits cost.

The third approach of Hoffmann et al. 2022 (section 3.3): the minimum of a fitted loss surface along
C = k N D, in closed form if the law has one, else by golden-section search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from ..fitting import residuals
from ..fitting.parameter import interval
from ..laws import Law

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

COARSE = 64  # sizes at which the loss is evaluated before the golden-section search
FURTHEST = 50.0  # the largest ratio of computes, in logarithms, that is searched
GOLDEN = (math.sqrt(5) - 1) / 2


def optimum(
    law: Law, p: Mapping[str, ArrayLike], C: ArrayLike, k: float = 6.0
) -> dict[str, np.ndarray]:
    """N, D and L at the minimum of the loss along C = k N D; parameters and C broadcast.

    Raises LabError for a law that is not of N and D alone.
    """
    if set(law.variables) != {"N", "D"}:
        raise LabError(f"{law} has no frontier; use a law of N and D, such as chinchilla")
    C = np.asarray(C, "float64")
    if law.frontier is not None:
        # The optimum of an extreme replicate may overflow or underflow a float64.
        with residuals.float64(law), np.errstate(over="ignore", divide="ignore"):
            # Arrays become infinite where Python's numbers raise.
            found = law.frontier({name: np.asarray(v, "float64") for name, v in p.items()}, C, k)
            return {name: np.asarray(values) for name, values in found.items()}

    def loss(log_N: np.ndarray) -> np.ndarray:
        N = np.exp(log_N)
        return residuals.predict(law, p, {"N": N, "D": C / k / N})

    log_N = _least(loss, np.log(C / k), np.broadcast_shapes(C.shape, *map(np.shape, p.values())))
    N = np.exp(log_N)
    return {"N": N, "D": C / k / N, "L": loss(log_N)}


def cost(
    law: Law,
    params: Mapping[str, float],
    draws: Mapping[str, np.ndarray],
    C: float,
    factors: Sequence[float],
    k: float = 6.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """The cost of training, at compute C, a model of `factor` times the optimal N: a row for each.

    N, D, L         what is trained, and its loss
    penalty         L minus the minimum loss at C
    extra_compute   how much more compute (1 is twice C), spent on data, reaches that minimum loss
                    with this N; infinite if no amount of data does
    wasted          the share of C that the optimal N would have saved at the same loss

    penalty and extra_compute have percentile bands (_low, _high) from `draws` [replicates].
    Raises LabError if C or a factor is not positive.
    """
    factor = np.asarray(factors, "float64").ravel()
    if not (len(factor) and (factor > 0).all() and C > 0):
        raise LabError(
            "the cost of a wrong N needs a compute C and factors greater than 0; give C in FLOP"
        )
    one = _cost(law, params, C, factor, k)
    many = _cost(law, {name: np.asarray(d)[:, None] for name, d in draws.items()}, C, factor, k)
    found = {"C": np.full(len(factor), C), "factor": factor, **one}
    for name in ("penalty", "extra_compute"):
        drawn = np.broadcast_to(many[name], (len(next(iter(draws.values()))), len(factor)))
        # Percentiles of x / (1 + x): infinite draws cannot be interpolated.
        share = 1 - 1 / (1 + drawn)
        for end, at in zip(("low", "high"), interval(share, level), strict=True):
            found[f"{name}_{end}"] = np.where(at < 1, at / np.where(at < 1, 1 - at, 1), np.inf)
    return pd.DataFrame(found)


def _cost(
    law: Law, p: Mapping[str, ArrayLike], C: float, factor: np.ndarray, k: float
) -> dict[str, np.ndarray]:
    best = optimum(law, p, np.array([C]), k)
    N, D = best["N"] * factor, best["D"] / factor
    L = residuals.predict(law, p, {"N": N, "D": D})

    def short(more: np.ndarray) -> np.ndarray:
        return residuals.predict(law, p, {"N": N, "D": D * np.exp(more)}) - best["L"]

    def above(less: np.ndarray) -> np.ndarray:
        return L - optimum(law, p, C * np.exp(-less), k)["L"]

    more, less = _root(short, L.shape), _root(above, L.shape)
    return {
        "N": N,
        "D": D,
        "L": L,
        "penalty": L - best["L"],
        "extra_compute": np.where(np.isfinite(more), np.expm1(more), np.inf),
        "wasted": -np.expm1(-less),
    }


def _least(
    loss: Callable[[np.ndarray], np.ndarray], top: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """log N of least loss between 0 and `top`: the best of COARSE sizes, then golden section."""
    places = [np.broadcast_to(top * share, shape) for share in np.linspace(0, 1, COARSE)]
    best = np.argmin(np.stack([loss(place) for place in places]), axis=0)
    low = top * np.maximum(best - 1, 0) / (COARSE - 1)
    high = top * np.minimum(best + 1, COARSE - 1) / (COARSE - 1)
    for _ in range(60):
        step = GOLDEN * (high - low)
        left, right = high - step, low + step
        falls = loss(left) > loss(right)
        low, high = np.where(falls, left, low), np.where(falls, high, right)
    return (low + high) / 2


def _root(falls: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The zero of a decreasing function on 0 to FURTHEST, by bisection; infinite without one."""
    low, high = np.zeros(shape), np.full(shape, FURTHEST)
    reached = falls(high) <= 0
    for _ in range(50):
        middle = (low + high) / 2
        above = falls(middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(reached, (low + high) / 2, np.inf)
