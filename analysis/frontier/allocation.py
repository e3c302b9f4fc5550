"""Allocation: how a law of N and D spends compute C = k N D best, and what a wrong split costs.

The third approach of Hoffmann et al. 2022 (section 3.3): the least loss of a fitted surface along
C = k N D, in closed form where the law gives one, else found by golden sections.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from ..fitting import bootstrap, residuals
from ..laws import Law

COARSE = 64  # sizes at which the loss is read before golden sections begin
FURTHEST = 50.0  # how far, in log compute, is looked for the compute that makes up for a wrong N
GOLDEN = (math.sqrt(5) - 1) / 2


def optimum(law: Law, p: Mapping[str, Any], C: Any, k: float = 6.0) -> dict[str, np.ndarray]:
    """N, D and L of least loss at C = k N D; parameters and C broadcast.

    Raises LabError for a law that is not of N and D alone.
    """
    if set(law.variables) != {"N", "D"}:
        raise LabError(f"{law} has no frontier: that takes a law of N and D, such as chinchilla")
    C = np.asarray(C, "float64")
    if law.frontier is not None:
        # A wild replicate may have its optimum beyond what a float64 holds: infinite, or 0.
        with residuals.float64_on_cpu(), np.errstate(over="ignore", divide="ignore"):
            found = law.frontier(dict(p), C, k)
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
    factors: Any,
    k: float = 6.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """What it costs to train at C a model whose N is `factor` times the best one; a row a factor.

    N, D, L         what is trained, and its loss
    penalty         L less the least loss at C
    extra_compute   with this N, how much more compute (1 is twice C) gives that least loss, by more
                    data; infinite where no data do
    wasted          the share of C that would have been saved at the same loss by the best N

    penalty and extra_compute have their percentile bands (_low, _high) from `draws`.
    """
    factor = np.asarray(factors, "float64").ravel()
    if not (len(factor) and (factor > 0).all() and C > 0):
        raise LabError("the cost of a wrong N takes a compute and factors greater than 0")
    one = _cost(law, params, C, factor, k)
    many = _cost(law, {name: np.asarray(d)[:, None] for name, d in draws.items()}, C, factor, k)
    found = {"C": np.full(len(factor), C), "factor": factor, **one}
    for name in ("penalty", "extra_compute"):
        drawn = np.broadcast_to(many[name], (len(next(iter(draws.values()))), len(factor)))
        # Percentiles of x / (1 + x): between infinite draws there is no line to read them on.
        share = 1 - 1 / (1 + drawn)
        for end, at in zip(("low", "high"), bootstrap.interval(share, level), strict=True):
            found[f"{name}_{end}"] = np.where(at < 1, at / np.where(at < 1, 1 - at, 1), np.inf)
    return pd.DataFrame(found)


def _cost(
    law: Law, p: Mapping[str, Any], C: float, factor: np.ndarray, k: float
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
    """log N of least loss between 0 and `top`: the best of COARSE sizes, then golden sections."""
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
    """Where a falling function of 0 to FURTHEST crosses 0, by halving; infinite if it does not."""
    low, high = np.zeros(shape), np.full(shape, FURTHEST)
    reached = falls(high) <= 0
    for _ in range(50):
        middle = (low + high) / 2
        above = falls(middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(reached, (low + high) / 2, np.inf)
