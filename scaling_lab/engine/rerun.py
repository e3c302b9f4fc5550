"""Trains a recorded run again, as its record defines it, and compares what comes out.

A run gives the same bits again where nothing differs in how it is trained: at the same width (the
record's is taken), with the same versions, instruction sets and number of threads.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .. import config
from ..errors import LabError
from ..experiment import check_name
from ..grid import GridPoint
from ..plan import PlannedRun
from ..storage import parameters
from ..storage.atomic import write_whole
from ..storage.locks import lock
from ..storage.objects import pull
from ..storage.records import DEFINITION, Store
from . import inheritance, work, workspace
from .comparison import Comparison, compare
from .ensemble import identifier
from .rows import Rows
from .training import branching
from .work import Task

__all__ = ["rerun"]

SAME_ENSEMBLE = ("program", "width", "started", "finished", "ensemble")


class Quietly:
    """A link that hears nothing and stops when `stop` is set."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()

    def stopping(self) -> bool:
        return self.stop.is_set()

    def began(self, names: Sequence[str]) -> None:
        pass

    def advance(self, flops: float) -> None:
        pass

    def say(self, line: str) -> None:
        pass


def rerun(
    store: Store,
    run: str,
    *,
    file: str = "",
    ensemble: bool = False,
    to: Path | None = None,
    link: work.Link | None = None,
    begin: Callable[[Task], object] = lambda task: None,
) -> Comparison:
    """Train one recorded run again, and compare it with its record.

    run: its name, its fingerprint or the beginning of that, or a part of one name alone. file: of
    its experiment, which may define parts of it. ensemble: train the whole ensemble that it was
    trained in, in place of the run alone at that width. to: a folder of results to record the new
    rows in; by default they are dropped. begin: called with the task before it is trained. Raises
    LabError for a run that is not recorded, or failed, or has fields that there are no longer; and
    Interrupted if the link stops it.
    """
    recorded = _plain(store.runs(config=True))
    row = _named(recorded, store.folder, run)
    if row["status"] == "failed":
        raise LabError(f"{row['run']} failed: {row['reason']}; it left nothing to compare")
    together = [one for one in recorded if all(one.get(c) == row.get(c) for c in SAME_ENSEMBLE)]
    task = Task(
        experiment=row["experiment"],
        runs=tuple(_planned(one, file) for one in (together if ensemble else [row])),
        file=file,
        width=int(row["width"]),
    )
    if ensemble and row.get("ensemble") not in (None, identifier(task.names)):
        raise LabError(
            f"some runs of the ensemble of {row['run']} were recorded again since; leave "
            "--ensemble out"
        )
    groups = branching.trunk_groups([one.cell.run for one in task.runs], lambda one: one)
    if len(groups) > task.width:
        raise LabError(
            f"the ensemble of {row['run']} cannot be told from others that trained beside it; "
            "leave --ensemble out"
        )
    target = _target(store, to)
    begin(task)
    found = _trained(task, store.folder.parent, link or Quietly())
    if target is not None:
        _record(target, store.folder, found)

    def own(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for one in rows if one["run"] == row["run"]]

    (now,) = own(found.runs)
    return compare(row, own(_plain(store.curves())), now, own(found.curves))


def _named(rows: list[dict[str, Any]], folder: Path, run: str) -> dict[str, Any]:
    """The row of the run that is meant."""
    if not rows:
        raise LabError(f"{folder} holds no recorded run; run the experiment first")
    for meant in (
        [row for row in rows if row["run"] == run],
        [row for row in rows if run and row["fingerprint"].startswith(run)],
        [row for row in rows if run and run in row["run"]],
    ):
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise LabError(
                f"'{run}' is {len(meant)} runs of {folder.name}, {meant[0]['run']} and "
                f"{meant[1]['run']} among them; give one's whole name or its fingerprint"
            )
    raise LabError(
        f"no recorded run of {folder.name} is '{run}'; give a part of one's name or its "
        f"fingerprint, such as {rows[0]['run']} or {rows[0]['fingerprint']}"
    )


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, missing values as None."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _planned(row: dict[str, Any], file: str) -> PlannedRun:
    """A recorded run with the name of its record, defined as it was then."""
    run = work.run_of(json.loads(row["config"]), file)
    axes = {axis: row[f"{axis}_target"] for axis in "NDC" if row.get(f"{axis}_target") is not None}
    return PlannedRun(
        GridPoint(axes, run),
        row["run"],
        config.fingerprint(run),
        config.program_key(run),
        run.learner.cost(run),
    )


def _trained(task: Task, results: Path, link: work.Link) -> Rows:
    """The rows of a task that is trained in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="scaling_lab-") as place:
        for parent in [run.cell.run.parent for run in task.runs]:
            if parent is None:
                continue
            check_name(parent.experiment)
            if not inheritance.there(parent, results):
                raise LabError(
                    f"the parameters of its parent {parent} are not kept in "
                    f"{results / parent.experiment}; put them back"
                )
            kept = Path(place, parent.experiment, parameters.FOLDER)
            kept.parent.mkdir(exist_ok=True)
            if not os.path.lexists(kept):
                kept.symlink_to((results / parent.experiment / parameters.FOLDER).resolve())
        try:
            return work.train(task, str(Path(place, task.experiment)), link)
        finally:
            workspace.clear()


def _target(store: Store, to: Path | None) -> Store | None:
    if to is None:
        return None
    folder = to / store.folder.name
    if folder.resolve() == store.folder.resolve():
        raise LabError(f"{to} holds the record itself; give another folder for the new one")
    return Store(folder, store.experiment)


def _record(target: Store, folder: Path, found: Rows) -> None:
    with lock.held(target.folder):
        pull.tables(target.folder)
        definition = folder / DEFINITION
        if definition.is_file() and not (target.folder / DEFINITION).exists():
            write_whole(target.folder / DEFINITION, definition.read_bytes())
        target.append(found.runs, found.curves)
