"""What the command line shows: plans, progress, status, tables."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..engine.cost_model import work
from ..engine.runner import Listener, Summary
from ..errors import LabError
from ..experiment import Experiment
from ..plan import Plan, PlannedRun
from ..storage import lock
from ..storage.records import Store


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command line: whoever reads has seen enough."""
        raise BrokenPipeError


out = _Console(highlight=False)


def plan(experiment: Experiment, made: Plan) -> None:
    """The grid: by axis, by program, and what the rest of it costs on this device."""
    from ..engine import cost_model, provenance
    from ..engine.backends import local

    out.print(f"[bold]{made.experiment}[/]: {escape(experiment.text['title'])}")
    axes: dict[str, dict[str, None]] = {}
    for run in made.runs:
        for axis, value in run.cell.axes.items():
            axes.setdefault(axis, {})[str(value)] = None
    for axis, values in axes.items():
        out.print(f"  {axis}: {escape(', '.join(values))}  ({len(values)})", soft_wrap=True)
    table = Table("program", "model", "N", "D", "runs", "C of a run (FLOP)", "done", box=None)
    for key, runs in made.programs.items():
        costs = [run.flops for run in runs]
        table.add_row(
            key[:8],
            _shape(runs[0]),
            f"{runs[0].cost.parameters:,}",
            _range([run.cell.run.D for run in runs], ","),
            str(len(runs)),
            _range(costs, ".2g"),
            f"{sum(run.state == 'done' for run in runs)}/{len(runs)}",
        )
    out.print(table)
    missing = [*made.missing, *made.stale]
    workers = local.workers()
    total = sum(run.flops for run in made.runs)
    out.print(f"{len(made.runs)} runs, {len(made.programs)} programs, {total:.3g} FLOP in all.")
    out.print(_states(made))
    if missing:
        need = max(cost_model.memory_needed(run, 1) for run in missing) * workers
        need += sum(_data_bytes(s) for s in {r.cell.run.data for r in missing if r.cell.run.data})
        seconds = cost_model.seconds(missing) / workers
        alone = sum(run.flops for run in missing)
        spent = sum(cost.total * steps for cost, steps in work(missing))
        if spent < 0.999 * alone:
            out.print(
                f"Branches of shared trunks: {spent:.3g} FLOP in place of {alone:.3g}, "
                f"{1 - spent / alone:.0%} saved."
            )
        out.print(
            f"To train: {len(missing)} runs, {spent:.3g} FLOP, "
            f"about {_duration(seconds)} and {_bytes(need)} of memory on "
            f"{provenance.source()['device']}."
        )
    for name, old, new, count in made.changes():
        out.print(f"[yellow]stale[/]: {escape(f'{name}: {old} -> {new}')} in {count} runs")


def status(made: Plan, store: Store) -> None:
    """How the runs stand, and what is wrong with those that are not done."""
    holder = lock.holder(store.folder)
    out.print(f"[bold]{made.experiment}[/]: {_states(made)}")
    if holder is not None:
        running = _running(store.folder)
        out.print(
            f"  running: {len(running)} runs in process {holder.get('pid')} on "
            f"{holder.get('host')} since {holder.get('since')}"
        )
        for name in running[:8]:
            out.print(f"    {escape(name)}")
    for path, reason in store.damaged():
        out.print(
            f"  [red]damaged[/]: {escape(str(path))}: {reason}; the next run sets it aside",
            soft_wrap=True,
        )
    frame = store.runs()
    for word in ("failed", "diverged"):
        rows = frame[frame["status"] == word] if len(frame) else frame
        for name, reason in zip(rows["run"][:8], rows["reason"][:8], strict=True):
            out.print(f"  [red]{word}[/]: {escape(f'{name}: {reason}')}", soft_wrap=True)
        if len(rows) > 8:
            out.print(f"  ... and {len(rows) - 8} more {word}")
    for name, old, new, count in made.changes():
        out.print(f"  [yellow]stale[/]: {escape(f'{name}: {old} -> {new}')} in {count} runs")


class Progress(Listener):
    """A bar whose time to go is weighted by FLOP, and a line for each run that did not end well."""

    def __init__(self) -> None:
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.fields[runs]}"),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=out,
            disable=not out.is_terminal,
        )
        self.recorded = 0
        self.total = 0
        self.told = 0
        self.task: progress.TaskID | None = None

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def begin(self, plan: Plan, runs: int, flops: float) -> None:
        self.total = runs
        self.task = self.bar.add_task(plan.experiment, total=flops, runs=f"0/{self.total} runs")

    def advance(self, flops: float) -> None:
        if self.task is not None:
            self.bar.advance(self.task, flops)

    def ended(self, run: PlannedRun, status: str, reason: str | None) -> None:
        self.recorded += 1
        if status != "done":
            self.say(f"{status}: {run.name}: {reason}")
        if self.task is not None:
            self.bar.update(self.task, runs=f"{self.recorded}/{self.total} runs")
            self._tell_without_terminal()

    def say(self, line: str) -> None:
        self.bar.console.print(line, soft_wrap=True, markup=False)

    def _tell_without_terminal(self) -> None:
        """In a log file: a line every tenth of the work, with the time to go."""
        task = self.bar.tasks[0]
        share = 0.0 if not task.total else task.completed / task.total
        if out.is_terminal or int(10 * share) <= self.told:
            return
        self.told = int(10 * share)
        elapsed = task.elapsed or 0.0
        left = elapsed * (1 / max(share, 1e-9) - 1)
        self.say(
            f"{share:4.0%} of the FLOP, {self.recorded}/{self.total} runs, "
            f"{_duration(elapsed)} gone, about {_duration(max(0.0, left))} to go"
        )


def summary(name: str, results: Path, done: Summary) -> None:
    """The last lines of `run`."""
    counts = ", ".join(f"{count} {status}" for status, count in done.recorded.items())
    out.print(f"{name}: {counts or 'nothing to train'} in {_duration(done.seconds)}.")
    if done.interrupted:
        out.print(f"Interrupted. 'scaling-lab run {name}' goes on from here.")
    else:
        out.print(f"Tables in {results / name}; next: scaling-lab report {name}", soft_wrap=True)


def verdicts(found: Iterable[Any]) -> None:
    """The fitted claims: each parameter with its interval, beside what was predicted."""
    table = Table("claim", "law", "value", "95% interval", "predicted", "verdict", box=None)
    for verdict in found:
        claim, (low, high), (first, last) = verdict.claim, verdict.predicted, verdict.interval
        table.add_row(
            escape(claim["name"]),
            escape(claim.get("law", "")),
            f"{verdict.quantity or claim.get('parameter', '')} = {verdict.value:.3g}",
            f"{first:.3g} to {last:.3g}",
            f"{low:g} to {high:g}",
            verdict.word,
        )
    out.print(table)


def datasets(sources: Mapping[str, Any]) -> None:
    """The datasets, where they come from and where they are."""
    for name, source in sources.items():
        place = source.location()
        try:
            spec = source.spec
            shape = f" of {'x'.join(map(str, spec.shape))}" if spec.shape else ""
            size = f"{spec.examples:,} {spec.unit}{shape}"
        except LabError:  # a source of the user's own, with nothing in it yet
            size = "as many as you give"
        out.print(f"[bold]{name}[/]: {size}; licence: {source.licence}")
        out.print(f"  origin: {escape(source.origin)}", soft_wrap=True)
        here = f"here: {place}" if place else f"not here: scaling-lab data {name}"
        out.print(f"  {escape(here)}", soft_wrap=True)


def doctor() -> bool:
    """Devices, versions, caches; returns whether all is well."""
    import jax

    from ..engine import compilation_cache, provenance
    from ..engine.ensemble import memory
    from ..storage.cache import cache_path

    compilation_cache.keep()
    well = True
    for package, version in provenance.versions().items():
        out.print(f"  {package} {version}")
    for device in jax.devices():
        out.print(f"  device {device.id}: {device.platform}, {provenance.device_name()}")
    out.print(f"  memory of a device: {_bytes(memory())}")
    out.print(f"  energy is told: {'yes' if provenance.energy() is not None else 'no'}")
    for what, place in (
        ("data", cache_path("data")),
        ("compiled programs", compilation_cache.folder()),
    ):
        files = [path for path in place.rglob("*") if path.is_file()] if place.exists() else []
        size = _bytes(sum(path.stat().st_size for path in files))
        out.print(f"  cache of {what}: {place}, {len(files)} files, {size}", soft_wrap=True)
    counts = compilation_cache.counts()
    out.print(f"  of compiled programs: {counts['hits']} hits, {counts['misses']} misses")
    problems = _problems(cache_path())
    for problem in problems:
        well = False
        out.print(f"  [red]wrong[/]: {problem}", soft_wrap=True)
    out.print("  all is well" if well else f"  {len(problems)} things to mend")
    return well


def _problems(cached: Path) -> list[str]:
    import os

    import jax
    import numpy as np

    found = []
    try:
        if float(jax.jit(lambda x: (x @ x).sum())(np.eye(8, dtype=np.float32))) != 8.0:
            found.append("a matrix product on the device is wrong")
    except Exception as error:
        found.append(f"the device does not compute: {error}")
    near = cached
    while not near.exists():
        near = near.parent
    if not os.access(near, os.W_OK):
        found.append(f"the cache {cached} cannot be written; set SCALING_LAB_CACHE")
    elif shutil.disk_usage(near).free < 1 << 30:
        found.append(f"less than 1 GB is free at {near}")
    folder = os.environ.get("SCALING_LAB_DATA")
    if folder and not Path(folder).is_dir():
        found.append(f"SCALING_LAB_DATA is {folder}, which is not a folder")
    return found


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """A line that tells what is being done."""
    with out.status(what) as shown:
        yield lambda text: shown.update(f"{what}: {text}")


def _states(made: Plan) -> str:
    order = ("done", "missing", "diverged", "failed", "stale")
    return ", ".join(f"{made.counts[s]} {s}" for s in order if made.counts[s] or s == "done")


def _running(folder: Path) -> list[str]:
    import json

    try:
        return json.loads((folder / ".work" / "running.json").read_text())
    except (OSError, ValueError):
        return []


def _shape(run: PlannedRun) -> str:
    from .. import registry

    model = run.cell.run.model
    fields = ", ".join(f"{k} {v}" for k, v in vars(model).items() if type(v) is int)
    return f"{registry.name_of(model)} ({fields})"


def _range(values: list[Any], form: str) -> str:
    low, high = min(values), max(values)
    return f"{low:{form}}" if low == high else f"{low:{form}} to {high:{form}}"


def _data_bytes(source: Any) -> int:
    return math.prod(source.spec.shape) * source.spec.examples


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError
