"""Read a results folder: the experiment's definition, its tables, and what is wrong with them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError
from scaling_lab.registration import log
from scaling_lab.registration import path as looks
from scaling_lab.storage import arrays
from scaling_lab.storage.records import Store

from .. import checks, experiment_tables
from ..kept import digest
from ..table_files import asked, unusable
from . import notes
from .findings import Findings
from .outcome import outcome

TABLES = ("*.csv", "*.npz", "runs/*", "curves/*")  # the files of a results folder that hold them
READ_BY = ("name", "cells", "choose", "families", "objective", "direction")  # of its definition


def read(folder: Path) -> Findings:
    """The findings of one results folder before anything is fitted: definition, tables, notes.

    Raises LabError for a folder without experiment.json or without a run.
    """
    definition, store = _definition(folder), Store(folder)
    runs, curves = store.tables()
    runs, others = asked(runs, store)
    if runs.empty:
        command = definition.get("command", "scaling-lab run")
        raise LabError(
            f"{folder} has no run that can be used{unusable(store)}; train with: {command}"
        )
    if definition.get("looks"):
        runs = _as_planned(runs, definition)
    runs.attrs["source"] = definition["name"]
    auxiliary, unreadable = _auxiliary(folder)
    tables = experiment_tables.tables(
        runs,
        curves,
        [name for name in definition.get("choose", ()) if name in runs],
        definition.get("families"),
        auxiliary,
        definition.get("objective", "valid_loss"),
        definition.get("direction", "min"),
    )
    found = Findings(folder, definition, tables, outcome(runs, curves), _digest(folder, definition))
    found.checked = checks.of_tables(tables, definition)
    found.log, found.path = log.read(folder), looks.read(folder)
    found.notes += [*notes.doubts(found, store, others), *unreadable]
    found.notes += [
        f"{line}. Compare it with an older copy."
        for line in (*found.log.broken, *found.path.broken)
    ]
    return found


def _as_planned(runs: pd.DataFrame, definition: dict[str, Any]) -> pd.DataFrame:
    """The runs in the order of the plan.

    Drawn intervals depend on the order of rows, and that of recording changes if a run is killed
    and goes on. What a look sees must not.
    """
    place = {name: i for i, name in enumerate(definition.get("cells", ()))}
    order = np.argsort([place.get(name, len(place)) for name in runs["run"]], kind="stable")
    return runs.iloc[order].reset_index(drop=True)


def _digest(folder: Path, definition: dict[str, Any]) -> str:
    """The digest of the files that hold the tables, and of how they are read."""
    paths = sorted(path for name in TABLES for path in folder.glob(name) if path.is_file())
    files = [
        (path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    ]
    return digest([files, {name: definition.get(name) for name in READ_BY}])


def _definition(folder: Path) -> dict[str, Any]:
    path = folder / "experiment.json"
    if not path.is_file():
        raise LabError(f"{folder} has no experiment.json; give the results folder of an experiment")
    try:
        definition = json.loads(path.read_text())
    except ValueError as error:
        raise LabError(f"{path} is not JSON ({error}); run the experiment again") from error
    if not isinstance(definition, dict):
        raise LabError(f"{path} is not the definition of an experiment; run it again")
    definition.setdefault("name", folder.name)
    return definition


def _auxiliary(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Auxiliary CSV and NPZ files by stem, and messages for unreadable ones."""
    found: dict[str, Any] = {}
    unreadable = []
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.npz")]):
        try:
            if path.suffix == ".csv":
                found[path.stem] = pd.read_csv(path, keep_default_na=False)
                continue
            found[path.stem] = arrays.load(path)
        except LabError as error:
            unreadable.append(f"{error} and is left out; make it again.")
        except (OSError, ValueError) as error:
            why = str(error).strip().partition("\n")[0]
            unreadable.append(f"{path} cannot be read ({why}) and is left out; make it again.")
    return found, unreadable
