"""Printing a plan, and the status of its runs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from ..errors import shown
from ..registration import log, texts
from ..registration import summary as summary_of
from ..storage.contents import ignored_lines
from ..storage.locks import lock
from ..storage.objects import mirror
from .console import duration, out, size, span

if TYPE_CHECKING:
    from ..engine.runner import Summary
    from ..experiment import Experiment
    from ..plan import Plan, PlannedRun
    from ..protocols import Data
    from ..storage.records import Store, Survey

SHOWN = 8  # running, failed or diverged runs that are listed
LONGEST = 500  # characters of a line from the tables


def plan(experiment: Experiment, made: Plan, beyond: Sequence[str], folder: Path) -> None:
    """Print the grid by axis and by program, and what the missing runs cost on this device.

    beyond: names of the recorded runs that the grid does not ask for. folder: the results.
    """
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
            span([run.cell.run.D for run in runs], ","),
            str(len(runs)),
            span(costs, ".2g"),
            f"{sum(run.state == 'done' for run in runs)}/{len(runs)}",
        )
    out.print(table)
    missing = [*made.missing, *made.stale]
    workers = local.cores()
    total = sum(run.flops for run in made.runs)
    runs, programs = _number(len(made.runs), "run"), _number(len(made.programs), "program")
    out.print(f"{runs}, {programs}, {total:.3g} FLOP in all.")
    out.print(_counts(made.counts))
    if missing:
        need = max(cost_model.memory_needed(run, 1) for run in missing) * workers
        need += sum(data_bytes(s) for s in {r.cell.run.data for r in missing if r.cell.run.data})
        work = cost_model.work(missing)
        seconds = cost_model.seconds(work) / workers
        alone = sum(run.flops for run in missing)
        spent = sum(cost.total * steps for cost, steps in work)
        if spent < 0.999 * alone:
            out.print(
                f"Branches of shared trunks: {spent:.3g} FLOP in place of {alone:.3g}, "
                f"{1 - spent / alone:.0%} saved."
            )
        out.print(
            f"To train: {len(missing)} runs, {spent:.3g} FLOP, "
            f"about {duration(seconds)} and {size(need)} of memory on "
            f"{provenance.device()}."
        )
    _show_changes(made.changes())
    _show_beyond(beyond)
    _show_registration(experiment, made, folder)
    _show_unheld(experiment, {axis: [*values] for axis, values in axes.items()})


def status(
    store: Store,
    found: Survey,
    states: Counter[str],
    changes: Iterable[tuple[str, object, object, int]],
    doubts: Iterable[str],
    beyond: Sequence[str],
) -> None:
    """Print the states of an experiment's runs, and the reasons of those that are not done.

    found: what the store holds. states: state -> number of runs. changes: those of the stale runs,
    as `Plan.changes` gives them. doubts: what is to be known about the records beside that. beyond:
    names of the recorded runs that the grid does not ask for.
    """
    holder = lock.holder(store.folder)
    out.print(f"[bold]{store.folder.name}[/]: {_counts(states)}")
    registered = log.read(store.folder)
    if registered.entries:
        said = summary_of.sentence(registered, sum(states.values()))
        out.print(f"  {_line(said)}", soft_wrap=True)
    for line in registered.broken:
        out.print(f"  [red]warning[/]: {_line(line)}", soft_wrap=True)
    if holder is not None:
        running = _running(store.folder)
        out.print(
            f"  running: {len(running)} runs in {holder}; last heartbeat at {holder.seen}",
            soft_wrap=True,
        )
        for run in running[:SHOWN]:
            out.print(f"    {_line(run)}", soft_wrap=True)
    for path, reason in found.damaged:
        line = _line(f"{path}: {reason}")
        out.print(f"  [red]damaged[/]: {line}; the next run sets it aside", soft_wrap=True)
    for line in ignored_lines(found.ignored):
        out.print(f"  [yellow]ignored[/]: {_line(line)}", soft_wrap=True)
    for word in ("failed", "diverged"):
        rows = [row for row in found.rows.values() if row["status"] == word]
        for row in rows[:SHOWN]:
            line = _line(f"{row['run']}: {row['reason']}")
            out.print(f"  [red]{word}[/]: {line}", soft_wrap=True)
        if len(rows) > SHOWN:
            out.print(f"  ... and {len(rows) - SHOWN} more {word}")
    _show_changes(changes, indent="  ")
    for line in doubts:
        out.print(f"  {line}", soft_wrap=True)
    _show_beyond(beyond, indent="  ")


def summary(name: str, results: Path, done: Summary) -> None:
    """Print the last lines of `run`."""
    counts = ", ".join(f"{count} {status}" for status, count in done.recorded.items())
    out.print(f"{name}: {counts or 'nothing to train'} in {duration(done.seconds)}.")
    if done.interrupted:
        out.print(f"Interrupted. 'scaling-lab run {name}' continues from here.")
    else:
        where = mirror.address(results / name)
        out.print(f"Tables in {where}; next: scaling-lab report {name}", soft_wrap=True)


def _show_registration(experiment: Experiment, made: Plan, folder: Path) -> None:
    """Print that the next run will register an amendment."""
    last, now = log.read(folder).last, texts.of_experiment(experiment)
    seen = sum(row["status"] in ("done", "diverged") for row in made.recorded.values())
    if last is not None and last.digest != now.digest:
        out.print(
            f"[yellow]amended[/]: question, prediction or claims are not those registered on "
            f"{last.time[:10]}; the next run registers the change, after {_number(seen, 'run')}",
            soft_wrap=True,
        )


def _show_unheld(experiment: Experiment, axes: Mapping[str, Sequence[str]]) -> None:
    """Print the numbers of the prediction that no claim holds. axes: axis -> its values."""
    from ..analysis import unheld_numbers

    claims = map(asdict, experiment.claims)
    if numbers := unheld_numbers.unheld(experiment.text["prediction"], claims, axes):
        quoted = ", ".join(f"'{number}'" for number in numbers)
        out.print(f"{unheld_numbers.HEADING}: {escape(quoted)}", soft_wrap=True)


def _show_changes(changes: Iterable[tuple[str, object, object, int]], indent: str = "") -> None:
    for name, old, new, count in changes:
        change = _line(f"{name}: {old} -> {new}")
        out.print(f"{indent}[yellow]stale[/]: {change} in {count} runs")


def _show_beyond(runs: Sequence[str], indent: str = "") -> None:
    if runs:
        out.print(
            f"{indent}[yellow]not in the grid[/]: {len(runs)} recorded runs, such as "
            f"{_line(runs[0])}; fits and reports leave them out",
            soft_wrap=True,
        )


def _line(text: str) -> str:
    """Text from the tables as one printable line: it cannot command the terminal."""
    return escape(shown(text, LONGEST))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"


def _counts(states: Counter[str]) -> str:
    order = ("done", "missing", "diverged", "failed", "stale")
    return ", ".join(f"{states[s]} {s}" for s in order if states[s] or s == "done")


def _running(folder: Path) -> list[str]:
    try:
        names = json.loads((folder / ".work" / "running.json").read_text())
    except (OSError, ValueError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _shape(run: PlannedRun) -> str:
    from .. import registry

    model = run.cell.run.model
    fields = ", ".join(f"{k} {v}" for k, v in vars(model).items() if type(v) is int)
    return f"{registry.name_of(model)} ({fields})"


def data_bytes(source: Data) -> int:
    """Memory for a source's training data, at a byte a number: of its chunks if it streams."""
    from ..engine.training import feed
    from ..populations import endless
    from ..stream import streams

    if endless(source):
        return 0
    if streams(source):
        return feed.IN_MEMORY * feed.CHUNK_BYTES
    return math.prod(source.spec.shape) * source.spec.examples
