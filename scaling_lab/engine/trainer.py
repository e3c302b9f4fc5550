"""The loop: chunks of steps on the device, evaluations at log-spaced steps.

The host only says how far to go and reads what came back: the next chunk is dispatched before the
row of the last is fetched, and a chunk takes a second or two, however long the run. Where the
chunks are cut changes no number. A run whose loss is not finite ends there; the others of its
ensemble go on. Runs that share a trunk (see `branching`) are one lane of the ensemble.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from threading import Event
from typing import Any, NamedTuple

import jax
import numpy as np

from ..config import Run
from ..errors import LabError
from . import branching
from .checkpoint import Checkpointer
from .program import Carry, ChunkResult, Program

FIRST_EVALUATION = 32
RATIO = math.sqrt(2.0)
CHUNK_SECONDS = 2.0
FIRST_CHUNK = 64  # steps, while it is not known how long a step takes


class Interrupted(Exception):
    """Training was asked to stop before the ensemble was finished."""


@dataclass
class RunResult:
    """How one run of an ensemble ended: its rows of the curve, and where and why it stopped."""

    run: Run
    status: str = "done"
    reason: str | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)  # of the loss over all steps, at each row
    final: dict[str, float] = field(default_factory=dict)  # what `finish` found

    @property
    def step(self) -> int:
        """Step of the last row."""
        return self.curve[-1]["step"] if self.curve else 0

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.status != "done" or self.step == self.run.steps

    def note(self, step: int, summed: float, metrics: dict[str, float], objective: str) -> None:
        """Enter a row into the curve, or the run's end if its loss is not finite."""
        if self.ended or step not in evaluations(self.run.steps):
            return
        before = self.sums[-1] if self.sums else 0.0
        mean = (summed - before) / (step - self.step)
        found = {"train_loss": mean, **metrics}
        wrong = [name for name in ("train_loss", objective) if not np.isfinite(found[name])]
        if wrong:
            self.status = "diverged"
            self.reason = f"{wrong[0]} is {found[wrong[0]]} at step {step}"
        else:
            self.curve.append({"step": step, **found})
            self.sums.append(summed)

    def cut(self, step: int) -> None:
        """Forget what came after a step, unless the run has ended."""
        if not self.ended:
            kept = sum(row["step"] <= step for row in self.curve)
            del self.curve[kept:], self.sums[kept:]


class Chunk(NamedTuple):
    """A chunk that was dispatched: its row to come, its steps, whether and where it evaluates."""

    row: ChunkResult
    steps: int
    evaluating: bool
    budget: int | None


class Move(NamedTuple):
    """Go to step `until`, on the trunk or on the branch of a budget, and evaluate there or not."""

    until: int
    evaluating: bool
    budget: int | None = None


@cache
def evaluations(steps: int) -> tuple[int, ...]:
    """Steps after which a run is evaluated: log-spaced, the same for every length, and the last."""
    found, at = [], float(FIRST_EVALUATION)
    while round(at) < steps:
        found.append(round(at))
        at *= RATIO
    return (*found, steps)


class Finish(NamedTuple):
    """What is done with the parameters of each run that ends well: which runs, and what.

    call(run, params) -> numbers for the run's record; params as the learner gives them, on the
    host.
    """

    wanted: Callable[[Run], bool]
    call: Callable[[Run, Any], dict[str, float]]


def train(
    program: Program,
    data: Any,
    runs: Sequence[Run],
    *,
    stop: Event | None = None,
    progress: Callable[[int], None] = lambda steps: None,
    checkpointer: Checkpointer | None = None,
    finish: Finish | None = None,
) -> list[RunResult]:
    """Train the runs together, at most `program.width` lanes of them; one outcome each, in order.

    data: from `program.load`. progress: called with steps taken, summed over runs. checkpointer: where
    checkpoints are kept and looked for. finish: what is done with the parameters of a run that
    ends well. Raises Interrupted soon after `stop` is set.
    """
    outcomes = [RunResult(run) for run in runs]
    return _Training(program, data, outcomes, stop or Event(), progress, checkpointer, finish).run()


class _Training:
    """One ensemble on its way: the carry, the row not yet fetched, how long a step takes."""

    def __init__(
        self,
        program: Program,
        data: Any,
        outcomes: list[RunResult],
        stop: Event,
        progress: Callable[[int], None],
        checkpointer: Checkpointer | None,
        ending: Finish | None,
    ) -> None:
        self.program = program
        self.data = data
        self.outcomes = outcomes
        self.lanes = branching.columns(outcomes, lambda outcome: outcome.run)
        self.stop = stop
        self.progress = progress
        self.checkpointer = checkpointer
        self.ending = ending
        self.waiting: Chunk | None = None
        self.chunk = FIRST_CHUNK
        self.clock = time.perf_counter()

    def run(self) -> list[RunResult]:
        with jax.transfer_guard("disallow"):
            self._run()
        return self.outcomes

    def _run(self) -> None:
        program = self.program
        trunk = program.stack(self._numbers(None))
        carry, done = program.begin(), 0
        saved = self.checkpointer.restore(program.empty) if self.checkpointer else None
        if saved is not None:
            carry, done = saved.carry, int(jax.device_get(saved.carry.step))
            self._take_up(saved.curves, done)
        branch, at, numbers, twig = None, 0, trunk, carry
        for move in self._moves(done):
            if move.budget is None:
                carry, done = self._go(carry, trunk, done, move, carry)
                self._end(carry, done, None)
            else:
                if branch is None or branch != move.budget:
                    branch, at = move.budget, done
                    numbers = program.stack(self._numbers(branch))
                    twig = program.copy(carry)
                twig, at = self._go(twig, numbers, at, move, carry)
                self._end(twig, at, branch)
            if all(outcome.ended for outcome in self.outcomes):
                break
        self._fetch()
        assert all(outcome.ended for outcome in self.outcomes)

    def _go(
        self, carry: Carry, traced: Any, done: int, move: Move, trunk: Carry
    ) -> tuple[Carry, int]:
        """Advance to the move's end in chunks, and leave its row waiting."""
        while done < move.until:
            self._pause(trunk if move.budget is not None else carry)
            until = min(move.until, done + self.chunk)
            evaluating = move.evaluating and until == move.until
            fresh = done == 0
            carry, row = self.program.advance(
                carry, traced, self.data, until, fresh=fresh, evaluating=evaluating
            )
            # The device is one chunk ahead of the host and never two, or the host would run away.
            self._fetch()
            self.waiting = Chunk(row, until - done, evaluating, move.budget)
            done = until
        return carry, done

    def _end(self, carry: Carry, done: int, budget: int | None) -> None:
        """Do what is to be done with the parameters of the runs that end at this step."""
        if self.ending is None:
            return
        for at, lane in enumerate(self.lanes):
            for outcome in lane:
                here = outcome is lane[-1] if budget is None else outcome.run.steps == budget
                if not (here and outcome.run.steps == done and self.ending.wanted(outcome.run)):
                    continue
                self._fetch()
                if outcome.status == "done":
                    with jax.transfer_guard("allow"):
                        state = jax.tree.map(lambda leaf, at=at: leaf[at], carry.state)
                        params = jax.device_get(self.program.learner.params(state))
                        outcome.final = self.ending.call(outcome.run, params)

    def _pause(self, trunk: Carry) -> None:
        """Save if it is time to; stop if told to. A branch is begun anew from its trunk."""
        stopping = self.stop.is_set()
        if self.checkpointer and (
            self.checkpointer.due or (stopping and self.checkpointer.worthwhile)
        ):
            self._fetch()
            step = int(jax.device_get(trunk.step))
            if step:
                curves = [[o.status, o.reason, o.curve, o.sums, o.final] for o in self.outcomes]
                with contextlib.suppress(OSError, LabError):  # a full disk must not end the run
                    self.checkpointer.save(step, trunk, curves)
        if stopping:
            raise Interrupted

    def _take_up(self, curves: Any, done: int) -> None:
        for outcome, saved in zip(self.outcomes, curves, strict=True):
            outcome.status, outcome.reason, outcome.curve, outcome.sums, outcome.final = saved
            # Rows of a branch that was cut short lie beyond the trunk; it is begun anew.
            outcome.cut(done)

    def _moves(self, done: int) -> Iterator[Move]:
        """What is left to do, in order: the trunk's evaluations, and each branch at its fork."""
        stops: dict[int, bool] = {}
        forks: dict[int, set[int]] = {}
        for *branches, trunk in self.lanes:
            stops |= dict.fromkeys(evaluations(trunk.run.steps), True)
            for outcome in branches:
                if not outcome.ended:
                    fork = branching.fork(outcome.run)
                    stops.setdefault(fork, False)
                    forks.setdefault(fork, set()).add(outcome.run.steps)
        for at in sorted(stops):
            if at > done:
                yield Move(at, stops[at])
            if at >= done:
                for budget in sorted(forks.get(at, ())):
                    for step in evaluations(budget):
                        if step > at:
                            yield Move(step, True, budget)

    def _numbers(self, budget: int | None) -> list[Run]:
        """The runs whose traced numbers the lanes have, on the trunk or on a branch."""
        runs = []
        for lane in self.lanes:
            fits = [outcome.run for outcome in lane if outcome.run.steps == budget]
            runs.append(fits[0] if fits else lane[-1].run)
        return runs + [runs[-1]] * (self.program.width - len(runs))

    def _fetch(self) -> None:
        """Wait for the chunk on its way; enter its row into the curves it belongs to."""
        if self.waiting is None:
            return
        chunk, self.waiting = self.waiting, None
        step, (total, excess), metrics = jax.device_get(tuple(chunk.row))
        summed = np.asarray(total, np.float64) - np.asarray(excess, np.float64)
        now = time.perf_counter()
        wanted = CHUNK_SECONDS * chunk.steps / max(now - self.clock, 1e-6)
        self.chunk, self.clock = max(1, min(4 * self.chunk, int(wanted))), now
        self.progress(chunk.steps * len(self.lanes))
        if not chunk.evaluating:
            return
        objective = self.program.learner.objective
        for at, lane in enumerate(self.lanes):
            values = {name: float(value[at]) for name, value in metrics.items()}
            for outcome in lane:
                here = chunk.budget == outcome.run.steps
                if chunk.budget is None:
                    here = outcome is lane[-1] or step <= branching.fork(outcome.run)
                if here:
                    outcome.note(int(step), float(summed[at]), values, objective)
