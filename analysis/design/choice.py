"""Choice: runs that fit a budget and tell most about the targets.

Greedy by what a run would lower the expected error by, per cost, per root of the cost, and whatever
the cost, each within the budget; of the three the one that leaves the least error. Gain per cost
alone may spend nothing on the dear run that tells most (Leskovec et al. 2007, "Cost-effective
outbreak detection"). So much is kept back that there will be runs enough for a fit, and none is
taken that would do harm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .field import Field

POWERS = (1.0, 0.5, 0.0)  # of the cost that a gain is divided by
ENOUGH = 2  # runs for each parameter of a law, if the budget allows


def choose(
    field: Field,
    costs: np.ndarray,
    budget: float,
    free: np.ndarray,
    powers: Sequence[float] = POWERS,
    most: int | None = None,
    least: int = 0,
) -> list[int]:
    """The points to run, in the order of choice.

    costs [points], in the unit of `budget`; `free` [points] says which may be chosen. `most` is how
    many are wanted whether or not they help; without it, runs are chosen while they lower the error
    that is expected. `least` runs are kept within the budget if the cheapest are. Empty if none is
    within the budget, or none helps.
    """
    found = [_greedy(field, costs, budget, free.copy(), power, most, least) for power in powers]
    return min(found, key=lambda one: one[1])[0]


def _greedy(
    field: Field,
    costs: np.ndarray,
    budget: float,
    free: np.ndarray,
    power: float,
    most: int | None,
    least: int,
) -> tuple[list[int], float]:
    taken: list[int] = []
    left = budget
    while most is None or len(taken) < most:
        within = free & (costs <= left - _kept_back(costs[free], left, least - len(taken)))
        if not within.any():
            break
        worth = np.where(within, field.gains()[: len(costs)] / costs**power, -np.inf)
        best = int(np.argmax(worth))
        if most is None and worth[best] <= 0:
            break
        taken.append(best)
        left -= float(costs[best])
        free[best] = False
        field = field.after(best)
    return taken, field.uncertainty


def _kept_back(costs: np.ndarray, left: float, count: int) -> float:
    """What the next run must leave for `count` runs in all; 0 if not even the cheapest fit."""
    cheapest = np.sort(costs)[: max(count, 0)]
    return float(cheapest[:-1].sum()) if cheapest.sum() <= left else 0.0
