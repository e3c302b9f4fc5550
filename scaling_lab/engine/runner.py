"""Trains and records the missing runs of a plan.

An ensemble is recorded whole when it is finished, or not at all. So `run` can be interrupted at any
moment: the next call plans against the records and cuts the same ensembles again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from .. import git, identity, sweeps
from ..definition import described
from ..errors import LabError, Unwritable
from ..experiment import Experiment
from ..grid import GridPoint
from ..looks import Looks
from ..plan import Plan, PlannedRun, make
from ..registration import log, texts
from ..selection import matching
from ..storage import leftovers
from ..storage.contents import ignored_lines
from ..storage.locks import lock
from ..storage.objects import mirror, packed, pull
from ..storage.records import Store
from . import ahead, compilation_cache, inheritance, interruption, work
from .backends import Backend, Link
from .backends.local import Local
from .listener import Listener, Summary
from .recorder import Recorder
from .rows import Rows, record_rows
from .training.trainer import Interrupted
from .widths import Widths
from .work import Task
from .workers import WorkerLost

__all__ = ["run"]

T = TypeVar("T")


def run(
    experiment: Experiment,
    results: str | Path,
    *,
    cells: Sequence[GridPoint] | None = None,
    only: str | None = None,
    names: Collection[str] | None = None,
    limit: int | None = None,
    width: int | None = None,
    workers: int | None = None,
    backend: Backend | None = None,
    retrain: bool = False,
    listener: Listener | None = None,
) -> Summary:
    """Train the runs of the experiment that have no record, and record them in `results/NAME`.

    results: a folder, or a URL such as s3://bucket/prefix. cells: the runs, by default all of the
    experiment's. only: train those whose axes meet this condition. names: train these runs alone.
    limit: train at most this many. width: runs in an ensemble, by default measured. workers: how
    many ensembles train in parallel in this process. backend: where they train, by default in this
    process. retrain: also train runs that were recorded under another definition. Raises LabError
    on bad input, a lock held by another process, or stale records.

    Where the grid has sweeps that extend themselves, rounds follow until no best value lies at an
    end of its sweep (see `sweeps`).
    """
    began, summary = time.perf_counter(), Summary()
    call = partial(
        _round,
        experiment,
        results,
        cells=cells,
        only=only,
        names=names,
        width=width,
        backend=backend or Local(threads=workers or 0),
        retrain=retrain,
        listener=listener or Listener(),
    )
    while True:
        done = call(limit=None if limit is None else limit - sum(summary.recorded.values()))
        summary.add(done)
        if not done.recorded or done.interrupted or done.recorded.get("failed"):
            break
        if cells is not None or not sweeps.has_sweeps(experiment.grid):
            break
        if limit is not None and sum(summary.recorded.values()) >= limit:
            break
    summary.seconds = time.perf_counter() - began
    return summary


def _round(
    experiment: Experiment,
    results: str | Path,
    *,
    cells: Sequence[GridPoint] | None,
    only: str | None,
    names: Collection[str] | None,
    limit: int | None,
    width: int | None,
    backend: Backend,
    retrain: bool,
    listener: Listener,
) -> Summary:
    """Train what is missing of the grid and of what its sweeps have added so far."""
    store = Store(mirror.opened(results) / experiment.name, experiment.name)
    with ExitStack() as stack, interruption.heard() as stop:
        try:
            held = stack.enter_context(lock.held(store.folder, stop.set, listener.say))
        except Unwritable:
            # Results that can only be read may be complete.
            pull.tables(store.folder, listener.say)
            experiment, asked = _asked(experiment, cells, store)
            if any(_wanted(_planned(experiment, asked, only, names, store)[1], limit)):
                raise
            return Summary()
        pull.tables(store.folder, listener.say)
        leftovers.clean(store.folder)
        found = store.set_aside()
        for path, reason in found.damaged:
            listener.say(f"{path} is {reason}: set aside in {store.folder}/damaged")
        for line in ignored_lines(found.ignored):
            listener.say(line)
        experiment, asked = _asked(experiment, cells, store)
        last = log.read(store.folder).last
        if experiment.looks is None and last is not None and last.texts.looks:
            experiment = replace(experiment, looks=Looks(**last.texts.looks))
        plan, chosen = _planned(experiment, asked, only, names, store)
        stale = len(chosen.stale)
        if stale and not retrain:
            name, old, new, count = chosen.changes()[0]
            raise LabError(
                f"{stale} runs in {store.folder} were recorded under another definition "
                f"({name}: {old} -> {new} in {count} of them); see 'scaling-lab status', then give "
                "--retrain, or another --results"
            )
        wanted = set(_wanted(chosen, limit))
        starting = [run.cell for run in plan.runs if run.name in wanted]
        inheritance.require_parents(starting, store.folder.parent)
        text = json.dumps(described(experiment, asked, plan.recorded), indent=1, default=str)
        recorder = Recorder(store, text, held.check, listener.say)
        recorder.register(texts.of_experiment(experiment), *git.state(experiment.file))
        kept, snapshots = experiment.kept(asked), experiment.snapshots_of(asked)
        whole = Task(
            experiment=experiment.name,
            file=str(experiment.file.resolve()),
            runs=plan.runs,
            kept={run.name for run in plan.runs if run.cell.run in kept},
            snapshots={
                run.name: snapshots[run.cell.run] for run in plan.runs if run.cell.run in snapshots
            },
        )
        session = _Session(plan, recorder, listener, stop, backend, whole)
        summary = session.train(wanted, width)
        if not summary.interrupted:
            recorder.define()
        recorder.end()
    return summary


def _asked(
    experiment: Experiment, cells: Sequence[GridPoint] | None, store: Store
) -> tuple[Experiment, tuple[GridPoint, ...]]:
    """The experiment with what its sweeps add, and the runs that are asked for."""
    if cells is not None:
        return experiment, tuple(cells)
    if sweeps.has_sweeps(experiment.grid):
        rows = store.survey(sweeps.metric_of(experiment)).rows
        experiment = sweeps.extended(experiment, rows)
    return experiment, experiment.cells


def _planned(
    experiment: Experiment,
    asked: Sequence[GridPoint],
    only: str | None,
    names: Collection[str] | None,
    store: Store,
) -> tuple[Plan, Plan]:
    """The plan of the runs that were asked for, and its part that `only` and `names` select."""
    plan = make(experiment.name, asked, store)
    part = asked if only is None else matching(asked, only)
    if names is not None:
        part = [cell for cell in part if cell.name in names]
    return plan, plan if part is asked else plan.only(part)


def _wanted(plan: Plan, limit: int | None) -> Iterator[str]:
    missing = [*plan.missing, *plan.stale]
    return (run.name for run in missing[:limit])


@dataclass
class _Session:
    """One call of `run`: what it trains, where it records, and which runs are in training.

    It is the driver's end of the link to its workers.
    """

    plan: Plan
    recorder: Recorder
    listener: Listener
    stop: threading.Event
    backend: Backend
    whole: Task
    running: set[str] = field(default_factory=set)
    marking: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> Path:
        """The experiment's results."""
        return self.recorder.store.folder

    def train(self, wanted: set[str], width: int | None) -> Summary:
        summary = Summary()
        if not wanted:
            return summary
        compilation_cache.keep()
        left = set(wanted)
        try:
            tasks = self._tasks(wanted, width)
            self.listener.begin(self.plan, len(wanted), sum(task.flops for task in tasks))
            with self._ahead(tasks), closing(self._results(work.train, tasks)) as results:
                for task, result in results:
                    if isinstance(result, Interrupted):
                        summary.interrupted = True
                        continue
                    self._record(task, result, summary)
                    left -= {*task.names}
        except Interrupted:
            summary.interrupted = True
        finally:
            self.stop.set()  # ensembles still in training write a checkpoint and end
            self.backend.close()
            compilation_cache.remember()
        if left and not summary.interrupted:
            raise LabError(
                f"{len(left)} of {len(wanted)} runs were not recorded, {min(left)} among them; "
                "run the experiment again"
            )
        # Those of ensembles that were not asked for now are still needed.
        every = wanted >= {run.name for run in (*self.plan.missing, *self.plan.stale)}
        if every and not summary.interrupted and not summary.recorded.get("failed"):
            packed.drop(self.folder / ".work" / "checkpoints")
        return summary

    def _ahead(self, tasks: Sequence[Task]) -> AbstractContextManager[None]:
        if ahead.worthwhile(self.backend):
            return ahead.compiled(tasks, self.stopping)
        return nullcontext()

    def _results(
        self, function: Callable[[Task, str, Link], T], tasks: Sequence[Task]
    ) -> Generator[tuple[Task, T | BaseException]]:
        """Each task with its result or exception; one that ends the session is raised."""
        folder = mirror.address(self.folder.absolute())
        found = self.backend.run(function, tasks, folder, self)
        try:
            for task, result in found:
                if isinstance(result, LabError | KeyboardInterrupt | SystemExit):
                    raise result
                yield task, result
                self._mark(ended=task.names)
        except BaseException:
            self.stop.set()  # ensembles still in training write a checkpoint and end
            raise
        finally:
            # Not left to the collection of garbage: it may happen in a thread that is waited for.
            if isinstance(found, Generator):
                found.close()

    def _record(self, task: Task, result: Rows | BaseException, summary: Summary) -> None:
        if isinstance(result, BaseException):  # the worker was lost
            result = record_rows(task.experiment, task.runs, result)
        self.recorder.record(result)
        rows = {row["run"]: row for row in result.runs}
        if all(row["status"] != "failed" for row in result.runs):
            work.checkpointer(task, self.folder).forget()
        for run in task.runs:
            status = rows[run.name]["status"]
            summary.recorded[status] = summary.recorded.get(status, 0) + 1
            self.listener.ended(run, status, rows[run.name]["reason"])

    def _tasks(self, wanted: set[str], width: int | None) -> list[Task]:
        """The wanted runs cut into ensembles; the costliest first.

        Widths are measured on all runs of a program, so that an interrupted grid is cut as before.
        """
        programs = [
            runs for runs in self.plan.programs.values() if any(run.name in wanted for run in runs)
        ]
        chosen = {} if width else self._measured(Widths(self.folder, self.say), programs)
        tasks = []
        for runs in programs:
            missing = tuple(run for run in runs if run.name in wanted)
            task = replace(
                self.whole,
                runs=missing,
                beside=self.backend.beside,
                data=identity.data_digest(missing[0].cell.run.data),
            )
            tasks += work.cut(task, width or chosen[task.program])
        return sorted(tasks, key=lambda task: -task.flops)

    def _measured(self, widths: Widths, programs: Sequence[Sequence[PlannedRun]]) -> dict[str, int]:
        """Program -> its width, measured by the workers where it is not known."""
        beside, found = self.backend.beside, {}
        tasks = [
            replace(self.whole, runs=tuple(runs), beside=beside, known=widths.of(runs[0].program))
            for runs in programs
        ]
        # A measurement takes all of a worker's devices.
        for some in [[task] for task in tasks] if beside > 1 else [tasks]:
            for task, result in self._results(work.measure, some):
                if isinstance(result, WorkerLost):  # perhaps too wide for the memory
                    self.say(f"widths could not be measured, so runs train one by one: {result}")
                    found[task.program] = 1
                    continue
                if isinstance(result, BaseException):
                    raise result
                widths.remember(task.program, result.device, result.width)
                found[task.program] = result.width
        return found

    def stopping(self) -> bool:
        return self.stop.is_set()

    def began(self, names: Sequence[str]) -> None:
        self._mark(began=names)

    def advance(self, flops: float) -> None:
        self.listener.advance(flops)

    def say(self, line: str) -> None:
        self.listener.say(line)

    def _mark(self, began: Sequence[str] = (), ended: Sequence[str] = ()) -> None:
        """Record for other processes which runs are in training."""
        with self.marking:
            self.running = (self.running | {*began}) - {*ended}
            names = sorted(self.running)
            with suppress(OSError):  # it is only shown
                (self.folder / ".work" / "running.json").write_text(json.dumps(names))
