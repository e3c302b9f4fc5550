"""plan -> what is missing -> train -> record.

Interrupted at any moment, `run` goes on from the records: an ensemble is recorded when it is
finished, whole, or not at all, and the same ensembles are cut again.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from . import config, ensemble, lock, program, provenance, timing
from .backends import local
from .ensemble import Ensemble
from .errors import LabError
from .experiment import Experiment
from .grid import Cell
from .plan import Plan, Planned, make
from .program import Program
from .records import Store, write_whole
from .trainer import Interrupted, Outcome, train

COMPACT_EVERY = 256  # parts


class Trained(NamedTuple):
    """One ensemble as it came out: program, outcomes, wall seconds, joules, when it began."""

    program: Program
    outcomes: list[Outcome]
    seconds: float
    joules: float | None
    started: str


class Listener:
    """Hears how a run of the grid goes; the command line shows it."""

    def begin(self, plan: Plan, flops: float) -> None:
        """Training of `flops` FLOP begins."""

    def advance(self, flops: float) -> None:
        """So much of it is done."""

    def ended(self, run: Planned, status: str, reason: str | None) -> None:
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
    cells: Sequence[Cell] | None = None,
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
    with lock.held(store.folder), _signals() as stop:
        for path, reason in store.set_aside():
            listener.say(f"{path} is {reason}: set aside in {store.folder}/damaged")
        plan = make(experiment.name, cells or experiment.cells, store)
        if plan.stale and not retrain:
            name, old, new, count = plan.changes()[0]
            raise LabError(
                f"{len(plan.stale)} runs in {store.folder} were recorded under another definition "
                f"({name}: {old} -> {new} in {count} of them); see 'scaling-lab status', then give "
                "--retrain, or another --results"
            )
        text = json.dumps(experiment.described(), indent=1, default=str)
        write_whole(store.folder / "experiment.json", text.encode())
        session = _Session(plan, store, listener, stop, workers or local.workers())
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
    programs: dict[tuple[str, int], Program] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    locks: dict[Any, threading.Lock] = field(default_factory=dict)
    running: dict[int, list[str]] = field(default_factory=dict)
    marked: float = 0.0

    def train(self, wanted: set[str], width: int | None) -> Summary:
        summary = Summary()
        if not wanted:
            return summary
        program.keep_compiled()
        self.listener.begin(self.plan, sum(r.flops for r in self.plan.runs if r.name in wanted))
        widths = self._widths(wanted, width)
        ensembles = [
            Ensemble(key, widths[key], tuple(run for run in whole.runs if run.name in wanted))
            for key, runs in self.plan.programs.items()
            if key in widths
            for whole in ensemble.cut(runs, widths[key])
        ]
        ensembles = sorted((e for e in ensembles if e.runs), key=lambda e: -e.flops)
        parts = 0
        for ended, result in local.run(self._one, ensembles, self.workers):
            if isinstance(result, Interrupted):
                summary.interrupted = True
                continue
            if isinstance(result, LabError | KeyboardInterrupt | SystemExit):
                self.stop.set()
                raise result
            rows, curves = self._rows(ended, result)
            self.store.append(rows, curves)
            for run, row in zip(ended.runs, rows, strict=True):
                status = row["status"]
                summary.recorded[status] = summary.recorded.get(status, 0) + 1
                self.listener.ended(run, status, row["reason"])
            parts += 1
            if parts % COMPACT_EVERY == 0:
                self.store.compact()
        summary.interrupted |= self.stop.is_set()
        return summary

    def _one(self, task: Ensemble) -> Trained:
        """Train one ensemble, with half the width if memory is short."""
        if self.stop.is_set():
            raise Interrupted
        started, began, joules = provenance.now(), time.perf_counter(), provenance.energy()
        self._mark(task)
        runs = [run.cell.run for run in task.runs]
        flops = task.runs[0].cost.total
        outcomes: list[Outcome] = []
        width = task.width
        compiled = None
        while len(outcomes) < len(runs):
            group = runs[len(outcomes) : len(outcomes) + width]
            try:
                data = self._data(group[0])
                compiled = self._program(task.program, group[0], width)
                outcomes += train(
                    compiled,
                    data,
                    group,
                    stop=self.stop,
                    progress=lambda steps, lanes: self.listener.advance(steps * lanes * flops),
                )
            except jax.errors.JaxRuntimeError as error:
                if width == 1 or not ensemble.out_of_memory(error):
                    raise
                width //= 2
                self.listener.say(f"out of memory: going on with ensembles of {width}")
        assert compiled is not None
        used = provenance.energy()
        spent = None if used is None or joules is None else used - joules
        self._mark(task, over=True)
        return Trained(compiled, outcomes, time.perf_counter() - began, spent, started)

    def _widths(self, wanted: set[str], width: int | None) -> dict[str, int]:
        """Program -> width: as given, as chosen before in this folder, or measured now."""
        path = self.store.folder / ".work" / "widths.json"
        device = provenance.source()["device"]
        known = json.loads(path.read_text()) if path.exists() else {}
        found = {}
        for key, runs in self.plan.programs.items():
            if not any(run.name in wanted for run in runs):
                continue
            place = f"{key} on {device}"
            if width is not None:
                found[key] = min(width, len(runs))
                continue
            if place not in known:
                known[place] = ensemble.measured_width(
                    lambda w, key=key, runs=runs: self._program(key, runs[0].cell.run, w),
                    self._data(runs[0].cell.run),
                    [run.cell.run for run in runs],
                    timing.seconds(runs) / self.workers,
                    self.workers,
                )
                write_whole(path, json.dumps(known, indent=1).encode())
            found[key] = known[place]
        return found

    def _program(self, key: str, run: config.Run, width: int) -> Program:
        make = partial(program.build, run, width, self._data(run))
        return self._once(self.programs, (key, width), make)

    def _data(self, run: config.Run) -> Any:
        place = json.dumps({**config.to_dict(run)["data"], **config.to_dict(run)["learner"]})
        return self._once(self.data, place, lambda: program.load(run))

    def _once(self, kept: dict, key: Any, make: Callable[[], Any]) -> Any:
        with self.locks.setdefault((id(kept), key), threading.Lock()):
            if key not in kept:
                kept[key] = make()
            return kept[key]

    def _mark(self, task: Ensemble, *, over: bool = False) -> None:
        """Tell other processes, about once a second, which runs are in training."""
        if over:
            self.running.pop(threading.get_ident(), None)
        else:
            self.running[threading.get_ident()] = [run.name for run in task.runs]
        if time.monotonic() - self.marked < 1.0:
            return
        self.marked = time.monotonic()
        names = [name for names in list(self.running.values()) for name in names]
        write_whole(self.store.folder / ".work" / "running.json", json.dumps(names).encode())

    def _rows(
        self, task: Ensemble, result: Trained | BaseException
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        rows, curves = [], []
        for at, planned in enumerate(task.runs):
            row = _identity(self.plan.experiment, planned)
            if isinstance(result, BaseException):
                reason = f"{type(result).__name__}: {str(result).splitlines()[0][:300]}"
                rows.append({**row, "status": "failed", "reason": reason})
                continue
            outcome = result.outcomes[at]
            measured = {
                "width": result.program.width,
                "wall_s": result.seconds / len(task.runs),
                "compile_s": result.program.compile_s,
                "energy_J": None if result.joules is None else result.joules / len(task.runs),
                "started": result.started,
                "finished": provenance.now(),
                "devices": 1,
            }
            rows.append({**row, **measured, **_ending(outcome, result.program.learner.objective)})
            curves += _curve(row, planned, outcome)
        return rows, curves


def _identity(experiment: str, planned: Planned) -> dict[str, Any]:
    """All columns of a run that are known before it runs."""
    run, cost = planned.cell.run, planned.cost
    fields = {
        path.removeprefix("recipe."): value
        for path, value in config.flat(run).items()
        if isinstance(value, str | int | float | bool)
    }
    asked = {f"{axis}_target": float(planned.cell.axes[axis]) for axis in "NC" if axis in planned.cell.axes}
    return {
        "experiment": experiment,
        "run": planned.name,
        "fingerprint": planned.fingerprint,
        "program": planned.program,
        **fields,
        **asked,
        "N": cost.parameters,
        **{f"N_{group}": count for group, count in cost.N.items()},
        "C": planned.flops,
        **{f"C_{part}": flops * run.steps for part, flops in cost.flops.items()},
        "examples": cost.examples * run.steps,
        "epochs": cost.examples * run.steps / run.D,
        "config": json.dumps(config.to_dict(run)),
        **provenance.source(),
    }


def _ending(outcome: Outcome, objective: str) -> dict[str, Any]:
    """The run's last metrics, and those at the evaluated step of the least objective."""
    row: dict[str, Any] = {"status": outcome.status, "reason": outcome.reason}
    if outcome.curve:
        best = min(outcome.curve, key=lambda point: point[objective])
        row["best_step"] = best["step"]
        row |= {f"best_{k}": v for k, v in best.items() if k not in ("step", "train_loss")}
        if outcome.status == "done":
            row |= {name: v for name, v in outcome.curve[-1].items() if name != "step"}
    return row


def _curve(row: Mapping[str, Any], planned: Planned, outcome: Outcome) -> list[dict[str, Any]]:
    identity = {name: row[name] for name in ("experiment", "run", "fingerprint")}
    cost = planned.cost
    return [
        {
            **identity,
            "examples": cost.examples * point["step"],
            "C": cost.total * point["step"],
            **point,
        }
        for point in outcome.curve
    ]


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C ends at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def heard(number: int, frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
