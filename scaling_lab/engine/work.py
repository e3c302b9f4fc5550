"""The unit of work: one ensemble as plain data, and the functions that a worker calls on it.

    train(task, folder, link) -> the rows of its records
    measure(task, folder, link) -> the worker's device, and the width that is fastest on it

A worker is this process, another one, or a machine of a cluster. It makes the runs from the task,
finds programs and data in its own workspace, and writes checkpoints and kept parameters in the
folder. It records nothing: rows go back to the driver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax

from .. import config, experiment, identity, registry
from ..errors import LabError
from ..grid import GridPoint
from ..learners import BoundLearner, Params
from ..plan import PlannedRun
from ..storage import parameters
from ..storage.objects import mirror, pull
from . import compilation_cache, cost_model, ensemble, inheritance, provenance, widths, workspace
from .backends import Link
from .rows import EnsembleResult, Rows, record_rows
from .training import trainer
from .training.checkpoint import Checkpointer
from .training.run_result import RunResult
from .training.trainer import Finish, Interrupted, Snapshot

TARGETS = "NDC"  # axes of a grid that are columns of their own


@dataclass(frozen=True, kw_only=True)
class Task:
    """Runs of one program that train together, and what a worker must know about them.

    It is pickled as plain values: names, axes and configs, from which a worker makes the runs.

    experiment: its name. file: its file, which may define parts of the runs; "" if there is none.
    width: trunk groups in an ensemble; 0 in a task to measure. kept: names of the runs whose
    parameters are kept. snapshots: name -> steps after which they are also kept before the end.
    data: digest of the files of their data, None if not known.
    beside: ensembles that train at the same time on the worker's devices, itself included. known:
    device -> width, as measured before.
    """

    experiment: str
    runs: tuple[PlannedRun, ...]
    file: str = ""
    width: int = 0
    kept: Collection[str] = ()
    snapshots: Mapping[str, Collection[int]] = field(default_factory=dict)
    beside: int = 1
    known: Mapping[str, int] | None = None
    data: str | None = None

    @property
    def program(self) -> str:
        """Key of the runs' program."""
        return self.runs[0].program

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the runs."""
        return tuple(run.name for run in self.runs)

    @cached_property
    def flops(self) -> float:
        """FLOP of training it, with the trunk that branches share counted once."""
        return sum(cost.total * steps for cost, steps in cost_model.work(self.runs))

    def __reduce__(self):
        return from_plain, (self.to_plain(),)

    def to_plain(self) -> dict[str, Any]:
        """The task as plain values."""
        runs = [
            {
                "name": run.name,
                "axes": {name: v for name, v in run.cell.axes.items() if name in TARGETS},
                "config": config.to_dict(run.cell.run),
                "fingerprint": run.fingerprint,
            }
            for run in self.runs
        ]
        rest = {
            "kept": sorted({*self.kept} & {*self.names}),
            "snapshots": {n: [*v] for n, v in self.snapshots.items() if n in self.names},
            "beside": self.beside,
            "known": dict(self.known or {}),
        }
        named = {"experiment": self.experiment, "file": self.file, "width": self.width}
        return {**named, "runs": runs, "data": self.data, **rest}


def from_plain(values: Mapping[str, Any]) -> Task:
    """The task, its runs made anew. Raises LabError if they are other runs on this machine.

    A run is another if its fingerprint is, or if the files of its data have other bytes: the
    packages or the data differ from the driver's.
    """
    runs: list[PlannedRun] = []
    for given in values["runs"]:
        run = run_of(given["config"], values["file"])
        mark = config.fingerprint(run)
        if mark != given["fingerprint"]:
            raise LabError(
                f"{given['name']} has another fingerprint on {provenance.host()}: its scaling_lab "
                "or its data differ from the driver's; install the same version and the same data"
            )
        key = config.program_key(run)
        same = bool(runs) and runs[0].program == key
        cost = runs[0].cost if same else run.learner.cost(run)
        cell = GridPoint(given["axes"], run)
        runs.append(PlannedRun(cell, given["name"], mark, key, cost))
    there, here = values["data"], identity.data_digest(runs[0].cell.run.data)
    if there is not None and here is not None and there != here:
        raise LabError(
            f"the files of {registry.name_of(runs[0].cell.run.data)} on {provenance.host()} are "
            "not the driver's; put the same files there"
        )
    return Task(**{**values, "runs": tuple(runs), "kept": frozenset(values["kept"])})


def run_of(values: Mapping[str, Any], file: str) -> config.Run:
    """A run from its config. file: of its experiment, which may define parts of it; or "".

    Raises LabError for a field or a name that there is no longer.
    """
    try:
        return config.from_dict(values)
    except LabError:
        # A class that the experiment's file registers.
        if not file or not Path(file).is_file():
            raise
        experiment.load(file)
        return config.from_dict(values)


class Measured(NamedTuple):
    """A worker's device, and the width that trains most steps per second there."""

    device: str
    width: int


def measure(task: Task, folder: str, link: Link) -> Measured:
    """The width for the runs of a program on this worker: measured before, or measured now."""
    compilation_cache.keep()
    device = str(provenance.source()["device"])
    width = (task.known or {}).get(device)
    if width is None:
        if link.stopping():
            raise Interrupted
        width = widths.measure(workspace.current(), task.runs, task.beside, link.say)
    return Measured(device, width)


def train(task: Task, folder: str, link: Link) -> Rows:
    """Train an ensemble and return the rows of its records; those of failed runs if it fails.

    Raises Interrupted if it was asked to stop, and LabError on bad input.
    """
    if link.stopping():
        raise Interrupted
    compilation_cache.keep()
    link.began(task.names)
    try:
        result = _trained(task, mirror.opened(folder), link)
    except (LabError, Interrupted):
        raise
    except Exception as error:
        return record_rows(task.experiment, task.runs, error)
    return record_rows(task.experiment, task.runs, result)


def checkpointer(
    task: Task, folder: Path, say: Callable[[str], None] = lambda line: None
) -> Checkpointer:
    """The checkpointer of an ensemble, in a folder named after its runs and its width.

    Fields at their defaults and the bytes of the data and of the parents' parameters count: a run
    does not go on under another default, on other data or from another start.
    """
    marks = [[run.name, run.fingerprint, config.defaults(run.cell.run)] for run in task.runs]
    told: dict[str, Any] = {"runs": marks, "width": task.width, "data": task.data}
    if parents := _parents(task, folder):
        told["parents"] = sorted(map(str, parents.values()))
    name = config.digest(told)
    return Checkpointer(folder / ".work" / "checkpoints" / name, say=say)


def _parents(task: Task, folder: Path) -> dict[config.Parent | None, str | None]:
    """Parent -> digest of its kept parameters, for the parents of a task's runs."""
    parents = {run.cell.run.parent for run in task.runs} - {None}
    return {parent: inheritance.content(parent, folder.parent) for parent in parents if parent}


def cut(task: Task, width: int) -> list[Task]:
    """The task's runs as tasks of at most `width` trunk groups."""
    return [replace(task, runs=runs, width=width) for runs in ensemble.cut(task.runs, width)]


def _trained(task: Task, folder: Path, link: Link) -> EnsembleResult:
    """Train an ensemble; if memory runs out, as narrower ones."""
    started, began, joules = provenance.now(), time.perf_counter(), provenance.energy()
    here = workspace.current()
    results: dict[str, RunResult] = {}
    measured: dict[str, dict[str, Any]] = {}
    parents = {run.cell.run.parent for run in task.runs} - {None}
    for name in {parent.experiment for parent in parents if parent}:
        pull.tables(folder.parent / name)  # or the parameters that lie here may be outdated
    began_from = _parents(task, folder)
    waiting, built = [task], None
    while waiting:
        part = waiting.pop()
        runs = [run.cell.run for run in part.runs]
        flops = part.runs[0].cost.total
        try:
            built = here.program(part.program, runs[0], part.width)
            taken = inheritance.shares(built, runs, folder.parent)
            together = {"width": built.width, "ensemble": ensemble.identifier(part.names)}
            measured |= {
                run.name: together
                | {
                    "parent_share": taken.get(run.cell.run),
                    "parent_content": began_from.get(run.cell.run.parent),
                }
                for run in part.runs
            }
            found = trainer.train(
                built,
                here.arrays(runs[0], built.placement, part.runs[0].fingerprint),
                runs,
                stopping=link.stopping,
                progress=lambda steps, flops=flops: link.advance(steps * flops),
                checkpointer=checkpointer(part, folder, link.say),
                finish=_finish(part, folder, built.learner),
                snapshot=_snapshot(part, folder),
                start=_start(folder.parent),
            )
        except jax.errors.JaxRuntimeError as error:
            if part.width == 1 or not ensemble.out_of_memory(error):
                raise
            half = ensemble.halved(part.width)
            link.say(f"out of memory: continuing with ensembles of {half}")
            waiting += reversed(cut(part, half))
            continue
        results |= dict(zip(part.names, found, strict=True))
    assert built is not None
    used = provenance.energy()
    # The counter is the device's: it cannot be divided among ensembles that train in parallel.
    spent = None
    if used is not None and joules is not None and used >= joules and task.beside == 1:
        spent = used - joules
    seconds = time.perf_counter() - began
    data = here.data_digest(task.runs[0].cell.run)
    return EnsembleResult(built, results, seconds, spent, started, measured, data)


def _finish(task: Task, folder: Path, learner: BoundLearner) -> Finish:
    """What to do with trained parameters: save those asked for, compute final metrics."""
    kept = {run.cell.run: run.fingerprint for run in task.runs if run.name in task.kept}

    def call(run: config.Run, params: Params) -> dict[str, float]:
        if run in kept:
            parameters.save(folder, kept[run], params)
        return learner.final_metrics(params) if learner.final_metrics else {}

    return Finish(lambda run: run in kept or learner.final_metrics is not None, call)


def _snapshot(task: Task, folder: Path) -> Snapshot:
    """Keep parameters before the end of a run where the experiment asks for it."""
    runs = {run.cell.run: run for run in task.runs}

    def call(run: config.Run, step: int, params: Params) -> None:
        parameters.save(folder, runs[run].fingerprint, params, step)

    return Snapshot(lambda run: task.snapshots.get(runs[run].name, ()), call)


def _start(results: Path) -> Callable[[config.Run], Params | None]:
    """Run -> the parameters of its parent, if it has one."""
    load = cache(lambda parent: inheritance.load(parent, results))
    return lambda run: load(run.parent) if run.parent else None
