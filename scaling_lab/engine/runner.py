"""plan -> what is missing -> train -> record.

Interrupted at any moment, `run` goes on from the records: an ensemble is recorded when it is
finished, whole, or not at all, and the same ensembles are cut again.
"""

from __future__ import annotations

import json
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from .. import config
from ..errors import LabError
from ..experiment import Experiment
from ..grid import GridPoint
from ..learners import BoundLearner
from ..plan import Plan, PlannedRun, make
from ..storage import lock, parameters
from ..storage.atomic import write_whole
from ..storage.records import Store
from . import (
    branching,
    compilation_cache,
    cost_model,
    ensemble,
    interruption,
    program,
    provenance,
)
from .backends import local
from .checkpoint import Checkpointer
from .ensemble import Ensemble
from .placement import Placement, place
from .program import Program
from .rows import EnsembleResult, record_rows
from .trainer import Finish, Interrupted, RunResult, train

__all__ = ["run"]

COMPACT_EVERY = 256  # parts


class Listener:
    """Hears how a run of the grid goes; the command line shows it."""

    def begin(self, plan: Plan, runs: int, flops: float) -> None:
        """Training of so many runs and FLOP begins."""

    def advance(self, flops: float) -> None:
        """So much of it is done."""

    def ended(self, run: PlannedRun, status: str, reason: str | None) -> None:
        """A run is recorded."""

    def say(self, line: str) -> None:
        """Something a person should know."""


@dataclass
class Summary:
    """What one call did: runs recorded by status, and whether it was stopped before the end."""

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
    """Train what is missing of the experiment into `results/NAME` and record it.

    cells: the runs, if not the experiment's own. limit: at most so many of them. width: runs in an
    ensemble, if not to be measured. retrain: train anew what was recorded under another definition.
    Raises LabError on bad input, a lock held by another process, or stale records.
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
    """One call of `run`: its compiled programs, its data on the device, its progress."""

    plan: Plan
    store: Store
    listener: Listener
    stop: threading.Event
    workers: int
    keep: set[config.Run] = field(default_factory=set)
    programs: dict[tuple[str, int], Program] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    locks: dict[Any, threading.Lock] = field(default_factory=dict)
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
            self.stop.set()  # whatever still trains saves what is worth saving and ends
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
        """What is wanted, cut into ensembles; the costliest first.

        An ensemble is recorded whole, so what an interruption leaves is cut alike the next time.
        """
        tasks = []
        for key, chosen in self._widths(wanted, width).items():
            runs = [run for run in self.plan.programs[key] if run.name in wanted]
            tasks += ensemble.cut(runs, chosen)
        return sorted(tasks, key=lambda task: -task.flops)

    def _one(self, task: Ensemble) -> EnsembleResult:
        """Train one ensemble, in narrower ones if memory is short."""
        if self.stop.is_set():
            raise Interrupted
        started, began, joules = provenance.now(), time.perf_counter(), provenance.energy()
        self._mark(task)
        outcomes: dict[str, RunResult] = {}
        waiting, built = [task], None
        while waiting:
            part = waiting.pop()
            runs = [run.cell.run for run in part.runs]
            flops = part.runs[0].cost.total
            try:
                built = self._program(part.program, runs[0], part.width)
                found = train(
                    built,
                    self._data(runs[0], built.placement),
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
                self.listener.say(f"out of memory: going on with ensembles of {half}")
                waiting += reversed(ensemble.cut(part.runs, half))
                continue
            names = [run.name for run in part.runs]
            outcomes |= dict(zip(names, found, strict=True))
        assert built is not None
        used = provenance.energy()
        # The counter is the whole device's: with ensembles side by side nobody's share is known.
        spent = None
        if used is not None and joules is not None and used >= joules and self.workers == 1:
            spent = used - joules
        self._mark(task, over=True)
        return EnsembleResult(built, outcomes, time.perf_counter() - began, spent, started)

    def _finish(self, learner: BoundLearner) -> Finish:
        """What becomes of parameters: they are kept, and the learner judges them."""

        def call(run: config.Run, params: Any) -> dict[str, float]:
            if run in self.keep:
                parameters.save(self.store.folder, config.fingerprint(run), params)
            return learner.final_metrics(params) if learner.final_metrics else {}

        return Finish(lambda run: run in self.keep or learner.final_metrics is not None, call)

    def _checkpointer(self, task: Ensemble) -> Checkpointer:
        """Where the checkpoints of an ensemble are: by its runs and its width."""
        marks = [[run.name, run.fingerprint] for run in task.runs]
        name = config.digest({"runs": marks, "width": task.width})
        return Checkpointer(self.store.folder / ".work" / "checkpoints" / name)

    def _widths(self, wanted: set[str], width: int | None) -> dict[str, int]:
        """Program -> width: as given, as chosen before in this folder, or measured now."""
        path = self.store.folder / ".work" / "widths.json"
        device = provenance.source()["device"]
        try:
            known = dict(json.loads(path.read_text()))
        except (OSError, ValueError):
            known = {}
        found = {}
        for key, runs in self.plan.programs.items():
            if not any(run.name in wanted for run in runs):
                continue
            place = f"{key} on {device}"
            if width is not None:
                found[key] = width
                continue
            if self.stop.is_set():
                raise Interrupted
            if place not in known:
                known[place] = self._measured(key, runs)
                write_whole(path, json.dumps(known, indent=1).encode())
            found[key] = known[place]
        return found

    def _measured(self, key: str, runs: list[PlannedRun]) -> int:
        lanes = branching.columns([run.cell.run for run in runs], lambda run: run)
        trunks = [lane[-1] for lane in lanes]

        def speed(width: int) -> float | None:
            self.listener.say(f"measuring how fast {width} runs of {key[:8]} go together")
            built = self._program(key, trunks[0], width)
            if built.bytes * self.workers > ensemble.MEMORY_SHARE * ensemble.memory():
                return None
            some = [trunks[at % len(trunks)] for at in range(width)]
            data = self._data(trunks[0], built.placement)
            # As they will train: side by side, in each other's way.
            total = 0.0
            for _, found in local.run(
                lambda _: ensemble.speed(built, data, some), range(self.workers), self.workers
            ):
                if isinstance(found, BaseException):
                    raise found
                total += found
            return total

        seconds = cost_model.seconds(runs) / self.workers
        share = max(1, math.ceil(len(trunks) / self.workers))
        return ensemble.measured_width(speed, share, seconds)

    def _program(self, key: str, run: config.Run, width: int) -> Program:
        def make() -> Program:
            placement = place(run, width)
            return program.build(run, width, self._data(run, placement), placement)

        return self._once(self.programs, (key, width), make)

    def _data(self, run: config.Run, placement: Placement) -> Any:
        parts = config.to_dict(run)
        name = json.dumps([parts["data"], parts["learner"], placement.kind])
        return self._once(self.data, name, lambda: program.load(run, placement))

    def _once(self, kept: dict, key: Any, make: Callable[[], Any]) -> Any:
        with self.locks.setdefault((id(kept), key), threading.Lock()):
            if key not in kept:
                kept[key] = make()
            return kept[key]

    def _mark(self, task: Ensemble, *, over: bool = False) -> None:
        """Tell other processes which runs are in training."""
        if over:
            self.running.pop(threading.get_ident(), None)
        else:
            self.running[threading.get_ident()] = [run.name for run in task.runs]
        names = [name for names in list(self.running.values()) for name in names]
        (self.store.folder / ".work" / "running.json").write_text(json.dumps(names))
