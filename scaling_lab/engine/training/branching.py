"""One long run, many budgets.

With warm-up-stable-decay, runs that differ only in their number of steps share their beginning: the
trunk, the longest of them, is trained once, and at each shorter budget a branch is taken where its
decay begins. A branch is the run trained alone to that budget, to the last bit: the schedule is a
function of the update and of the traced length of the run, and the program is the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from ...config import Run
from ...optim import stable_steps

T = TypeVar("T")


def fork(run: Run) -> int:
    """Steps after which the run leaves its trunk: the last step before its decay begins.

    Schedules count optimiser updates, of which a step of the learner may make several.
    """
    updates = max(1, run.learner.cost(run).updates)
    return int(stable_steps(run.steps * updates, run.recipe.decay)) // updates


def trunk_groups(items: Sequence[T], run: Callable[[T], Run]) -> list[list[T]]:
    """Group items whose runs share a trunk, shortest first; every other item stands alone."""
    found: dict[Hashable, list[T]] = {}
    for at, item in enumerate(items):
        one = run(item)
        shared = one.recipe.schedule == "wsd" and 0 < fork(one) < one.steps
        key = dataclasses.replace(one, steps=0) if shared else at
        found.setdefault(key, []).append(item)
    for group in found.values():
        if len(group) > 1:
            group.sort(key=lambda item: run(item).steps)
    return [*found.values()]


def steps_to_train(group: Sequence[Run]) -> int:
    """Steps that a trunk group costs: its trunk and the decay of each branch."""
    *branches, trunk = group
    return trunk.steps + sum(branch.steps - fork(branch) for branch in branches)
