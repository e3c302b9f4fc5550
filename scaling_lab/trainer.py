"""The loop: chunks of steps on the device, evaluations at log-spaced steps.

The host only says how far to go and reads what came back: chunk k + 1 is dispatched before the row
of chunk k is fetched. A run whose loss is not finite ends there; the others of its ensemble go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import jax
import numpy as np

from .config import Run
from .program import Program, Row

FIRST_EVALUATION = 32
RATIO = math.sqrt(2.0)
CHUNK = 4_096  # most steps in one dispatch, so that a signal is heeded and progress is seen


class Interrupted(Exception):
    """Training was asked to stop before the ensemble was finished."""


@dataclass
class Outcome:
    """How one run of an ensemble ended: its rows of the curve, and where and why it stopped."""

    run: Run
    status: str = "done"
    reason: str | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.status != "done" or bool(
            self.curve and self.curve[-1]["step"] == self.run.steps
        )


def evaluations(steps: int) -> list[int]:
    """Steps after which a run is evaluated: log-spaced, the same for every length, and the last."""
    found, at = [], float(FIRST_EVALUATION)
    while round(at) < steps:
        found.append(round(at))
        at *= RATIO
    return [*found, steps]


def train(
    program: Program,
    data: Any,
    runs: Sequence[Run],
    *,
    stop: Event | None = None,
    progress: Callable[[int, int], None] = lambda steps, runs: None,
) -> list[Outcome]:
    """Train the runs, at most `program.width` of them, together; one outcome each, in order.

    data: from `program.load`. progress: called with the steps taken and the runs that took them.
    Raises Interrupted as soon as `stop` is set.
    """
    outcomes = [Outcome(run) for run in runs]
    fill = [runs[-1]] * (program.width - len(runs))
    traced = program.stack([*runs, *fill])
    carry = program.begin()
    waiting: Row | None = None
    before = 0
    for until, evaluating in _chunks(runs):
        if stop is not None and stop.is_set():
            raise Interrupted
        carry, row = program.advance(
            carry, traced, data, until, fresh=before == 0, evaluating=evaluating
        )
        if waiting is not None:
            _note(outcomes, waiting, program.learner.objective)
        # The device is one chunk ahead of the host and never two, or the host would run away.
        jax.block_until_ready(row.step if waiting is None else waiting.step)
        waiting = row if evaluating else None
        alive = sum(not outcome.ended and outcome.run.steps > before for outcome in outcomes)
        progress(until - before, alive)
        before = until
        if not alive:
            break
    if waiting is not None:
        _note(outcomes, waiting, program.learner.objective)
    return outcomes


def _chunks(runs: Sequence[Run]) -> Iterator[tuple[int, bool]]:
    """(step to go to, whether to evaluate there): all the runs' evaluations, no chunk too long."""
    done = 0
    for at in sorted({step for run in runs for step in evaluations(run.steps)}):
        while at - done > CHUNK:
            done += CHUNK
            yield done, False
        done = at
        yield at, True


def _note(outcomes: Sequence[Outcome], row: Row, objective: str) -> None:
    """Enter a row into the curves of the runs it belongs to."""
    step, loss, metrics = jax.device_get((row.step, row.loss, row.metrics))
    for lane, outcome in enumerate(outcomes):
        if outcome.ended or int(step) not in evaluations(outcome.run.steps):
            continue
        values = {name: float(value[lane]) for name, value in metrics.items()}
        found = {"train_loss": float(loss[lane]), **values}
        wrong = [name for name in ("train_loss", objective) if not np.isfinite(found[name])]
        if wrong:
            outcome.status = "diverged"
            outcome.reason = f"{wrong[0]} is {found[wrong[0]]} at step {int(step)}"
        else:
            outcome.curve.append({"step": int(step), **found})
