"""Trains and records the missing runs of a plan.

An ensemble is recorded whole when it is finished, or not at all. So `run` can be interrupted at any
moment: the next call plans against the records and cuts the same ensembles again.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax

from .. import config
from ..errors import LabError
from ..experiment import Experiment
from ..grid import GridPoint
from ..learners import BoundLearner, Params
from ..plan import Plan, PlannedRun, make
from ..storage import lock, parameters
from ..storage.atomic import write_whole
from ..storage.records import Store
from . import compilation_cache, ensemble, interruption, provenance
from .backends import local
from .checkpoint import Checkpointer
from .ensemble import Ensemble
from .rows import EnsembleResult, record_rows
from .run_result import RunResult
from .trainer import Finish, Interrupted, train
from .widths import Widths
from .workspace import Workspace

__all__ = ["run"]

COMPACT_EVERY = 256  # parts


class Listener:
    """Receives the progress of training; the command line's subclass displays it."""

    def begin(self, plan: Plan, runs: int, flops: float) -> None:
        """Training of that many runs and FLOP begins."""

    def advance(self, flops: float) -> None:
        """That many more FLOP are done."""

    def ended(self, run: PlannedRun, status: str, reason: str | None) -> None:
        """A run is recorded."""

    def say(self, line: str) -> None:
        """A message for the user."""


@dataclass
class Summary:
    """What one call did: number of runs recorded by status, and whether it was interrupted."""

    recorded: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False
    seconds: float = 0.0


def run(
    experiment: Experiment,
    results: Path,
    *,
    cells: Sequence[GridPoint] | None = None,
    limit: int | None = None,
    width: int | None = None,
    workers: int | None = None,
    retrain: bool = False,
    listener: Listener | None = None,
) -> Summary:
    """Train the runs of the experiment that have no record, and record them in `results/NAME`.

    cells: the runs, by default all of the experiment's. limit: train at most this many. width: runs
    in an ensemble, by default measured. workers: ensembles trained in parallel. retrain: also train
    runs that were recorded under another definition. Raises LabError on bad input, a lock held by
    another process, or stale records.
    """
    listener = listener or Listener()
    began = time.perf_counter()
    store = Store(results / experiment.name)
    with lock.held(store.folder), interruption.heard() as stop:
        for path, reason in store.set_aside():
            listener.say(f"{path} is {reason}: set aside in {store.folder}/damaged")
        asked = cells or experiment.cells
        plan = make(experiment.name, asked, store)
        if plan.stale and not retrain:
            name, old, new, count = plan.changes()[0]
            raise LabError(
                f"{len(plan.stale)} runs in {store.folder} were recorded under another definition "
                f"({name}: {old} -> {new} in {count} of them); see 'scaling-lab status', then give "
                "--retrain, or another --results"
            )
        text = json.dumps(experiment.described(), indent=1, default=str)
        write_whole(store.folder / "experiment.json", text.encode())
        keep = experiment.kept(asked)
        session = _Session(plan, store, listener, stop, workers or local.workers(), keep)
        summary = session.train(set(_wanted(plan, limit)), width)
        store.compact()
    summary.seconds = time.perf_counter() - began
    return summary


def _wanted(plan: Plan, limit: int | None) -> Iterator[str]:
    missing = [*plan.missing, *plan.stale]
    return (run.name for run in missing[:limit])


@dataclass
class _Session:
    """One call of `run`: what it trains, where it records, and which runs are in training."""

    plan: Plan
    store: Store
    listener: Listener
    stop: threading.Event
    workers: int
    keep: set[config.Run] = field(default_factory=set)
    workspace: Workspace = field(default_factory=Workspace)
    running: dict[int, list[str]] = field(default_factory=dict)

    def train(self, wanted: set[str], width: int | None) -> Summary:
        summary = Summary()
        if not wanted:
            return summary
        compilation_cache.keep()
        try:
            ensembles = self._ensembles(wanted, width)
            self.listener.begin(self.plan, len(wanted), sum(task.flops for task in ensembles))
            for parts, (task, result) in enumerate(local.run(self._one, ensembles, self.workers)):
                if isinstance(result, Interrupted):
                    summary.interrupted = True
                    continue
                if isinstance(result, LabError | KeyboardInterrupt | SystemExit):
                    raise result
                self._record(task, result, summary)
                if parts % COMPACT_EVERY == COMPACT_EVERY - 1:
                    self.store.compact()
        except Interrupted:
            summary.interrupted = True
        finally:
            self.stop.set()  # ensembles still in training write a checkpoint and end
            compilation_cache.remember()
        if not summary.interrupted and not summary.recorded.get("failed"):
            shutil.rmtree(self.store.folder / ".work" / "checkpoints", ignore_errors=True)
        return summary

    def _record(
        self, task: Ensemble, result: EnsembleResult | BaseException, summary: Summary
    ) -> None:
        runs, curves = record_rows(self.plan.experiment, task.runs, result)
        self.store.append(runs, curves)
        if not isinstance(result, BaseException):
            self._checkpointer(task).forget()
        for run, row in zip(task.runs, runs, strict=True):
            status = row["status"]
            summary.recorded[status] = summary.recorded.get(status, 0) + 1
            self.listener.ended(run, status, row["reason"])

    def _ensembles(self, wanted: set[str], width: int | None) -> list[Ensemble]:
        """The wanted runs cut into ensembles; the costliest first.

        Widths are measured on all runs of a program, so that an interrupted grid is cut as before.
        """
        widths = Widths(self.store.folder, self.workspace, self.workers)
        tasks = []
        for key, runs in self.plan.programs.items():
            missing = [run for run in runs if run.name in wanted]
            if missing and width is None and self.stop.is_set():
                raise Interrupted
            if missing:
                chosen = width or widths.of(key, runs, self.listener.say)
                tasks += ensemble.cut(missing, chosen)
        return sorted(tasks, key=lambda task: -task.flops)

    def _one(self, task: Ensemble) -> EnsembleResult:
        """Train one ensemble; if memory runs out, as narrower ones."""
        if self.stop.is_set():
            raise Interrupted
        started, began, joules = provenance.now(), time.perf_counter(), provenance.energy()
        self._mark(task)
        results: dict[str, RunResult] = {}
        waiting, built = [task], None
        while waiting:
            part = waiting.pop()
            runs = [run.cell.run for run in part.runs]
            flops = part.runs[0].cost.total
            try:
                built = self.workspace.program(part.program, runs[0], part.width)
                found = train(
                    built,
                    self.workspace.arrays(runs[0], built.placement),
                    runs,
                    stop=self.stop,
                    progress=lambda steps, flops=flops: self.listener.advance(steps * flops),
                    checkpointer=self._checkpointer(part),
                    finish=self._finish(built.learner),
                )
            except jax.errors.JaxRuntimeError as error:
                if part.width == 1 or not ensemble.out_of_memory(error):
                    raise
                half = ensemble.halved(part.width)
                self.listener.say(f"out of memory: continuing with ensembles of {half}")
                waiting += reversed(ensemble.cut(part.runs, half))
                continue
            names = [run.name for run in part.runs]
            results |= dict(zip(names, found, strict=True))
        assert built is not None
        used = provenance.energy()
        # The counter is the device's: it cannot be divided among ensembles that train in parallel.
        spent = None
        if used is not None and joules is not None and used >= joules and self.workers == 1:
            spent = used - joules
        self._mark(task, over=True)
        return EnsembleResult(built, results, time.perf_counter() - began, spent, started)

    def _finish(self, learner: BoundLearner) -> Finish:
        """What to do with trained parameters: save those asked for, compute final metrics."""

        def call(run: config.Run, params: Params) -> dict[str, float]:
            if run in self.keep:
                parameters.save(self.store.folder, config.fingerprint(run), params)
            return learner.final_metrics(params) if learner.final_metrics else {}

        return Finish(lambda run: run in self.keep or learner.final_metrics is not None, call)

    def _checkpointer(self, task: Ensemble) -> Checkpointer:
        """The checkpointer of an ensemble, in a folder named after its runs and its width."""
        marks = [[run.name, run.fingerprint] for run in task.runs]
        name = config.digest({"runs": marks, "width": task.width})
        return Checkpointer(self.store.folder / ".work" / "checkpoints" / name)

    def _mark(self, task: Ensemble, *, over: bool = False) -> None:
        """Record for other processes which runs are in training."""
        if over:
            self.running.pop(threading.get_ident(), None)
        else:
            self.running[threading.get_ident()] = [run.name for run in task.runs]
        names = [name for names in list(self.running.values()) for name in names]
        (self.store.folder / ".work" / "running.json").write_text(json.dumps(names))
