"""Choice: runs that fit a budget and tell most about the targets.

Greedy by gain per cost, and by gain per root of the cost, each within the budget; of the two the
one that leaves less uncertainty. Gain per cost alone may spend nothing on the dear run that tells
most (Leskovec et al. 2007, "Cost-effective outbreak detection").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .field import Field

POWERS = (1.0, 0.5)  # of the cost that a gain is divided by


def choose(
    field: Field,
    costs: np.ndarray,
    budget: float,
    free: np.ndarray,
    powers: Sequence[float] = POWERS,
    most: int | None = None,
) -> list[int]:
    """The points to run, in the order of choice.

    costs [points], in the unit of `budget`; `free` [points] says which may be chosen. Empty if none
    is within the budget.
    """
    found = [_greedy(field, costs, budget, free.copy(), power, most) for power in powers]
    return min(found, key=lambda one: one[1])[0]


def _greedy(
    field: Field, costs: np.ndarray, budget: float, free: np.ndarray, power: float, most: int | None
) -> tuple[list[int], float]:
    taken: list[int] = []
    left = budget
    while most is None or len(taken) < most:
        within = free & (costs <= left)
        if not within.any():
            break
        worth = np.where(within, field.gains()[: len(costs)] / costs**power, -np.inf)
        best = int(np.argmax(worth))
        taken.append(best)
        left -= float(costs[best])
        free[best] = False
        field = field.after(best)
    return taken, field.uncertainty
