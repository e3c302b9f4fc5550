"""The training loop: chunks of steps on the device, evaluations at log-spaced steps.

The host only dispatches chunks and reads their results: the next chunk is dispatched before the row
of the last is fetched, and a chunk takes a second or two, however long the run. Chunk boundaries do
not change any result. A run whose loss is not finite ends there; the others of its ensemble go on.
A trunk group (see `branching`) has one place in the ensemble, for its trunk and for each of its
branches in turn.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from ... import observables
from ...config import Run
from ...errors import LabError
from ...learners import Params, Traced, Tree
from .. import inheritance
from . import branching, feed
from .checkpoint import Checkpointer, Curves
from .feed import Feed
from .program import Carry, ChunkResult, Program
from .run_result import RunResult

CHUNK_SECONDS = 2.0
FIRST_CHUNK = 64  # steps, until the time of a step is known


class Interrupted(Exception):
    """Training was asked to stop before the ensemble was finished."""


class Chunk(NamedTuple):
    """A dispatched chunk: its pending row, its steps, whether and on which branch it evaluates."""

    row: ChunkResult
    steps: int
    evaluating: bool
    budget: int | None


class Move(NamedTuple):
    """Go to step `until`, on the trunk or on the branch of a budget, and evaluate there or not."""

    until: int
    evaluating: bool
    budget: int | None = None


class Finish(NamedTuple):
    """What to do with the parameters of each run that ends well.

    wanted(run): whether to do anything. call(run, params) -> numbers for the run's record; params
    are those of the learner, on the host.
    """

    wanted: Callable[[Run], bool]
    call: Callable[[Run, Params], dict[str, float]]


class Snapshot(NamedTuple):
    """What to do with the parameters of each run before its end.

    steps(run): after which steps. call(run, step, params): params are those of the learner, on the
    host.
    """

    steps: Callable[[Run], Collection[int]]
    call: Callable[[Run, int, Params], None]


def train(
    program: Program,
    data: Tree,
    runs: Sequence[Run],
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda steps: None,
    checkpointer: Checkpointer | None = None,
    finish: Finish | None = None,
    snapshot: Snapshot | None = None,
    start: Callable[[Run], Params | None] = lambda run: None,
) -> list[RunResult]:
    """Train at most `program.width` trunk groups together; one result a run, in order.

    data: from `program.load`. Runs whose data stream must share the order of their minibatches, and
    all runs share the chunks. progress: called with the steps taken, summed over runs.
    checkpointer: writes and restores checkpoints. finish: what to do with the parameters of a run
    that ends well. snapshot: what to do with them before. start(run) -> parameters to put in place
    of the initial ones (see `inheritance`), if any. Raises Interrupted soon after `stopping`
    returns True.
    """
    results = [RunResult(run) for run in runs]
    training = _Training(
        program, data, results, stopping, progress, checkpointer, finish, snapshot, start
    )
    return training.run()


class _Training:
    """One ensemble in training: the chunk in flight, and how many steps a chunk has."""

    def __init__(
        self,
        program: Program,
        data: Tree,
        results: list[RunResult],
        stopping: Callable[[], bool],
        progress: Callable[[int], None],
        checkpointer: Checkpointer | None,
        finish: Finish | None,
        snapshot: Snapshot | None,
        start: Callable[[Run], Params | None],
    ) -> None:
        self.program = program
        self.data = data
        self.results = results
        self.runs = [result.run for result in results]
        self.groups = branching.trunk_groups(results, lambda result: result.run)
        self.stopping = stopping
        self.progress = progress
        self.checkpointer = checkpointer
        self.finish = finish
        self.snapshot = snapshot
        self.snapshots = {run: set(snapshot.steps(run)) if snapshot else set() for run in self.runs}
        self.start = start
        self.fresh = True
        self.feed: Feed | None = None
        self.waiting: Chunk | None = None
        self.chunk = FIRST_CHUNK
        self.clock = time.perf_counter()

    def run(self) -> list[RunResult]:
        runs = [result.run for result in self.results]
        opened = feed.opened(runs, self.program.learner, self.program.placement.put)
        with jax.transfer_guard("disallow"), opened as self.feed:
            self._run()
        return self.results

    def _run(self) -> None:
        program = self.program
        trunk_numbers = program.stack(self._runs_of(None))
        trunk, step = program.begin(), 0
        saved = self.checkpointer.restore(program.empty) if self.checkpointer else None
        if saved is not None:
            trunk, step = saved.carry, int(jax.device_get(saved.carry.step))
            self._resume(saved.curves, step)
        else:
            trunk = self._started(trunk, trunk_numbers)
        budget, branch, branch_step, branch_numbers = None, trunk, 0, trunk_numbers
        for move in self._moves(step):
            if move.budget is None:
                trunk, step = self._advance(trunk, trunk_numbers, step, move, trunk)
                self._hand_out(trunk, step, None)
            else:
                if budget != move.budget:
                    budget, branch_step = move.budget, step
                    branch_numbers = program.stack(self._runs_of(budget))
                    branch = program.copy(trunk)
                branch, branch_step = self._advance(
                    branch, branch_numbers, branch_step, move, trunk
                )
                self._hand_out(branch, branch_step, budget)
            if all(result.ended for result in self.results):
                break
        self._fetch()
        assert all(result.ended for result in self.results)

    def _advance(
        self, carry: Carry, numbers: Traced, step: int, move: Move, trunk: Carry
    ) -> tuple[Carry, int]:
        """Advance in chunks to the end of the move, without fetching the row of the last chunk."""
        while step < move.until:
            self._save_or_stop(trunk if move.budget is not None else carry)
            until, data = min(move.until, step + self.chunk), self.data
            if self.feed:
                until = min(until, self.feed.end(step))
                data = {**data, "train": self.feed.at(step)}
            evaluating = move.evaluating and until == move.until
            carry, row = self.program.advance(
                carry, numbers, data, until, fresh=self.fresh and step == 0, evaluating=evaluating
            )
            # Keep at most one chunk in flight.
            self._fetch()
            self.waiting = Chunk(row, until - step, evaluating, move.budget)
            step = until
        return carry, step

    def _started(self, carry: Carry, numbers: Traced) -> Carry:
        """The initialised ensemble with the parameters that its runs start from, if any do."""
        given = [self.start(run) for run in self._runs_of(None)]
        if all(params is None for params in given):
            return carry
        self.fresh = False
        data = {**self.data, "train": self.feed.at(0)} if self.feed else self.data
        carry, _ = self.program.advance(carry, numbers, data, 0, fresh=True, evaluating=False)
        return inheritance.replaced(self.program, carry, given)

    def _hand_out(self, carry: Carry, step: int, budget: int | None) -> None:
        """Hand out the parameters of the runs that end at this step or have a snapshot.

        budget: that of the branch, or None on the trunk.
        """
        for at, group in enumerate(self.groups):
            for result in group:
                run, ending = result.run, step == result.run.steps
                wanted = step in self.snapshots[run]
                if ending:
                    wanted = self.finish is not None and self.finish.wanted(run)
                if not (wanted and _takes_part(result, group, step, budget)):
                    continue
                self._fetch()
                if result.status != "done":
                    continue
                with jax.transfer_guard("allow"):
                    state = jax.tree.map(lambda leaf, at=at: leaf[at], carry.state)
                    params = jax.device_get(self.program.learner.params(state))
                    if ending and self.finish:
                        result.final = self.finish.call(run, params)
                    elif self.snapshot:
                        self.snapshot.call(run, step, params)
                self.clock = time.perf_counter()

    def _save_or_stop(self, trunk: Carry) -> None:
        """Write a checkpoint if one is due; raise Interrupted if asked to stop.

        Only the trunk is saved: on resuming, an unfinished branch restarts from it.
        """
        stopping = self.stopping()
        if self.checkpointer and (
            self.checkpointer.due or (stopping and self.checkpointer.worthwhile)
        ):
            self._fetch()
            step = int(jax.device_get(trunk.step))
            if step:
                curves = [[r.status, r.reason, r.curve, r.sums, r.final] for r in self.results]
                with contextlib.suppress(OSError, LabError):  # a full disk must not end the run
                    self.checkpointer.save(step, trunk, curves)
        if stopping:
            raise Interrupted

    def _resume(self, curves: Curves, step: int) -> None:
        for result, saved in zip(self.results, curves, strict=True):
            result.status, result.reason, result.curve, result.sums, result.final = saved
            # Drop the rows of an unfinished branch, which restarts from the trunk.
            result.cut(step)

    def _moves(self, step: int) -> Iterator[Move]:
        """The remaining moves, in order: the trunk's evaluations, and each branch at its fork."""
        stops: dict[int, bool] = {}
        forks: dict[int, dict[int, dict[int, bool]]] = {}
        for *branches, trunk in self.groups:
            stops |= dict.fromkeys(trunk.evaluations, True)
            for result in [trunk, *branches]:
                if result.ended:
                    continue
                fork = trunk.run.steps if result is trunk else branching.fork(result.run)
                taken = self.snapshots[result.run]
                stops = {at: False for at in {fork, *taken} if at <= fork} | stops
                if result is not trunk:
                    branch = forks.setdefault(fork, {}).setdefault(result.run.steps, {})
                    branch |= dict.fromkeys(result.evaluations, True)
                    branch |= {at: False for at in taken if at not in branch}
        for at in sorted(stops):
            if at > step:
                yield Move(at, stops[at])
            if at >= step:
                for budget, branch in sorted(forks.get(at, {}).items()):
                    for until in sorted(branch):
                        if until > at:
                            yield Move(until, branch[until], budget)

    def _runs_of(self, budget: int | None) -> list[Run]:
        """The run in each place of the ensemble: the group's branch at this budget, or its trunk.

        Unused places repeat the last group's run.
        """
        runs = []
        for group in self.groups:
            branch = [result.run for result in group if result.run.steps == budget]
            runs.append(branch[0] if branch else group[-1].run)
        return runs + [runs[-1]] * (self.program.width - len(runs))

    def _fetch(self) -> None:
        """Wait for the chunk in flight; add its row to the curves it belongs to."""
        if self.waiting is None:
            return
        chunk, self.waiting = self.waiting, None
        step, (total, excess), metrics = jax.device_get(tuple(chunk.row))
        summed = np.asarray(total, np.float64) - np.asarray(excess, np.float64)
        now = time.perf_counter()
        wanted = CHUNK_SECONDS * chunk.steps / max(now - self.clock, 1e-6)
        self.chunk, self.clock = max(1, min(4 * self.chunk, int(wanted))), now
        self.progress(chunk.steps * len(self.groups))
        if not chunk.evaluating:
            return
        objective = self.program.learner.objective
        for at, group in enumerate(self.groups):
            mine = {name: value[at] for name, value in metrics.items()}
            values = observables.named(group[0].run.recipe, mine)
            for result in group:
                if _takes_part(result, group, step, chunk.budget):
                    result.add(int(step), float(summed[at]), values, objective)


def _takes_part(result: RunResult, group: Sequence[RunResult], step: int, budget: int | None):
    """Whether what a trunk group does at this step, on the trunk or a branch, is this run's."""
    if budget is not None:
        return result.run.steps == budget
    return result is group[-1] or step <= branching.fork(result.run)
