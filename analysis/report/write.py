"""The report: every claim of an experiment fitted and judged, its figures drawn, one page made.

`write` reads `experiment.json` and the tables of each results folder, chooses the recipe on
validation data, fits, and writes beside the tables

    fits/NAME.json          a card for each fit, in full precision
    figures/NAME.png, .svg
    report.html             needs no network and no other file

All that it writes follows from what it reads: the same tables give the same bytes.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError
from scaling_lab.storage.atomic import write_whole
from scaling_lab.storage.records import Store

from .. import experiment_tables, figures
from ..claims import verdict as claims
from .findings import Findings

if TYPE_CHECKING:
    from ..fitting.result import Fit

Say = Callable[[str], None]


def write(folders: Sequence[Path], progress: Say | None = None) -> Path:
    """Fit, draw and write the page: in the folder, or in the common parent of several.

    `progress` is told in a line what is being done. Raises LabError for a folder that holds no
    experiment or no runs.
    """
    return put(study(folders, progress))


def study(folders: Sequence[Path], progress: Say | None = None) -> list[Findings]:
    """Read, fit and draw each folder, writing its fit cards and figures; no page yet."""
    say = progress or (lambda line: None)
    unique = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
    if not unique:
        raise LabError("no results folder was given; name one, such as results/e01_digits_mlp")
    found = []
    for folder in unique:
        one = read(folder)
        _fit(one, say)
        _draw(one, say)
        one.notes += _leftovers(one)
        found.append(one)
    return found


def put(found: Sequence[Findings]) -> Path:
    """Write the page of what was found, and its figures of orders of magnitude, beside it."""
    from . import magnitudes
    from .page import page

    folders = [one.folder for one in found]
    shared = os.path.commonpath([folder.parent for folder in folders])
    home = folders[0] if len(folders) == 1 else Path(shared)
    drawn = magnitudes.study(found, home / "figures")
    write_whole(home / "report.html", page(found, drawn).encode())
    return home / "report.html"


def fits(folder: Path, progress: Say | None = None) -> dict[str, Any]:
    """Fit every claim, every slice and the frontier, make the studies; write the cards; give all by
    name."""
    found = read(Path(folder))
    _fit(found, progress or (lambda line: None))
    return found.fits


def read(folder: Path) -> Findings:
    """The definition and the tables of one results folder, and what is wrong with them."""
    path = folder / "experiment.json"
    if not path.is_file():
        raise LabError(f"{folder} holds no experiment.json; give the folder of an experiment's run")
    try:
        definition = json.loads(path.read_text())
    except ValueError as error:
        raise LabError(f"{path} is not JSON ({error}); run the experiment again") from error
    if not isinstance(definition, dict):
        raise LabError(f"{path} holds no definition; run the experiment again")
    definition.setdefault("name", folder.name)
    store = Store(folder)
    runs = store.runs()
    if runs.empty:
        command = definition.get("command", "scaling-lab run")
        raise LabError(f"{folder} holds no whole table of runs; train with: {command}")
    runs.attrs["source"] = definition["name"]
    choose = [name for name in definition.get("choose", ()) if name in runs]
    beside, broken = _beside(folder)
    made = experiment_tables.tables(
        runs,
        store.curves(),
        choose,
        definition.get("families"),
        beside,
        definition.get("objective", "valid_loss"),
        definition.get("direction", "min"),
    )
    found = Findings(folder, definition, made)
    found.notes += [*_doubts(found, store), *broken]
    return found


def _beside(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What others than the runs left in the folder, by name: tables, and arrays of pictures.

    With it what cannot be read, in words.
    """
    found: dict[str, Any] = {}
    broken = []
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.npz")]):
        try:
            if path.suffix == ".csv":
                found[path.stem] = pd.read_csv(path, keep_default_na=False)
                continue
            with np.load(io.BytesIO(path.read_bytes())) as file:
                found[path.stem] = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            why = str(error).strip().partition("\n")[0]
            broken.append(f"{path} cannot be read ({why}) and is left out; make it anew.")
    return found, broken


def _fit(found: Findings, say: Say) -> None:
    """Fit claims, slices and frontier; judge the claims; make the studies; write their cards."""
    from .. import laws, tables
    from ..fitting.fit import fit as fit_law
    from ..studies import registry

    name = found.definition["name"]

    def fitted(law: str, frame: pd.DataFrame, columns: dict[str, str], **how: str) -> Fit:
        return fit_law(laws.get(law), tables.checked(frame, columns, **how))

    made: dict[str, Any] = {}
    for title, law, frame, columns, how in _laws(found.tables):
        say(f"{name}: fitting {title}")
        try:
            made[title] = fitted(law, frame, columns, **how)
        except LabError as error:
            found.notes.append(f"{title} was not fitted: {error}.")
    for title, study in registry.STUDIES.items():
        say(f"{name}: {title.lower()}")
        with suppress(LabError):  # its figure says why
            made[title] = study(found.tables)
    for claim in found.definition.get("claims", ()):
        say(f"{name}: fitting {claim['name']}")
        try:
            if claim["law"] in (*made, *registry.STUDIES):
                if claim["law"] not in made:
                    registry.STUDIES[claim["law"]](found.tables)  # says why there is none
                found.verdicts.append(claims.judge(claim, made[claim["law"]]))
                continue
            condition = claims.condition(claim, found.tables.families)
            columns = claims.columns(claim)
            fit = fitted(claim["law"], found.tables.families, columns, where=condition)
            found.fits[claim["name"]] = fit
            found.verdicts.append(claims.judge(claim, fit))
        except LabError as error:
            why = f"It could not be judged: {error}."
            found.verdicts.append(claims.Verdict(claim, claims.UNDECIDED, why))
    found.fits |= made
    for title, fit in found.fits.items():
        text = json.dumps(fit.card(), ensure_ascii=False)
        write_whole(found.folder / "fits" / f"{_slug(title)}.json", text.encode() + b"\n")


def _laws(
    tables: experiment_tables.Tables,
) -> Iterator[tuple[str, str, pd.DataFrame, dict[str, str], dict[str, str]]]:
    """What is fitted beside the claims: L(N) at each D, L(D) at each N, L(C) on the frontier.

    Four scales or more carry a floor; three a power law alone; fewer nothing. Gives the name, the
    law, the rows, what their columns are, and how `tables.checked` is to take them.
    """
    for x, at in (("N", "D"), ("D", "N")):
        for value in tables.values(at):
            rows = tables.chosen[tables.chosen[at] == value]
            scales = rows[x].nunique() if x in rows else 0
            if scales >= 3:
                law = "power_law_floor" if scales >= 4 else "power_law"
                where = {"where": f"{at} == {value:.15g}"}
                columns = {x: x, "L": tables.loss}
                yield experiment_tables.slice_name(x, at, value), law, tables.chosen, columns, where
    try:
        edge = tables.frontier()
    except LabError:
        return  # no curves: the figure says so
    inner = edge[edge["inner"]].reset_index(drop=True)
    if inner["N"].nunique() >= 3 and len(inner) >= 5:
        yield (
            experiment_tables.FRONTIER,
            "power_law_floor",
            inner,
            {"C": "C", "L": "L"},
            {"cluster": "N"},
        )


def _draw(found: Findings, say: Say) -> None:
    from .. import style

    for name in figures.names():
        say(f"{found.definition['name']}: drawing {name}")
        try:
            made = figures.get(name).draw(found.tables, found.fits)
            found.pictures[name] = style.save(made, found.folder / "figures", name)
        except experiment_tables.Inapplicable:
            continue
        except LabError as error:
            found.undrawn[name] = str(error)


def _doubts(found: Findings, store: Store) -> list[str]:
    """What a reader should know about the tables before believing the page."""
    runs, definition, notes = found.tables.runs, found.definition, []
    for path, reason in store.damaged():
        notes.append(
            f"{path.relative_to(store.folder)} is damaged and was left out: {reason}. Running the "
            "experiment again sets it aside and trains its runs anew."
        )
    aside = len(list((store.folder / "damaged").glob("*.parquet")))
    if aside:
        notes.append(f"{aside} damaged parts were set aside in damaged/ and are not read.")
    asked = definition.get("runs", len(runs))
    if len(runs) < asked:
        notes.append(
            f"{asked - len(runs)} of {asked} runs are not in the tables; the page tells of the "
            f"others. To train what is missing: {definition.get('command', 'scaling-lab run')}"
        )
    old = _unasked(runs, definition.get("axes", {}))
    if old:
        notes.append(
            f"{old} runs are stale: the experiment, as it is defined now, does not ask for their "
            "values. They are in the tables and in the fits."
        )
    absent = [name for name in found.choose if name not in runs]
    if absent:
        notes.append(f"The tables have no column {', '.join(absent)} to choose the recipe by.")
    judges = runs["judge_error"].nunique() if "judge_error" in runs else 1
    if judges > 1:
        notes.append(
            f"Distances of pictures were measured by {judges} different classifiers (see "
            "judge_error), as happens on several machines; they do not compare."
        )
    return notes


def _unasked(runs: Any, axes: Mapping[str, Sequence]) -> int:
    """How many runs have a value on some axis that the definition does not ask for."""
    stale = pd.Series(False, index=runs.index)
    for axis, values in axes.items():
        column = f"{axis}_target" if f"{axis}_target" in runs else axis
        if column not in runs or not values or (axis == "N" and column == "N"):
            continue  # N asked for and N built differ
        if all(isinstance(value, int | float) for value in values):
            asked = {f"{float(value):.9g}" for value in values}
            have = runs[column].map(lambda value: f"{float(value):.9g}", na_action="ignore")
        else:
            asked, have = {str(value) for value in values}, runs[column].astype(str)
        stale |= runs[column].notna() & ~have.isin(asked)
    return int(stale.sum())


def _leftovers(found: Findings) -> list[str]:
    """Cards and figures in the folder that this report did not write: of an earlier definition."""
    from ..estimates import figures as magnitudes

    written = {f"{_slug(title)}.json" for title in found.fits}
    written |= {path.name for pair in found.pictures.values() for path in pair}
    written |= {f"{name}.{kind}" for name in magnitudes.names() for kind in ("png", "svg")}
    there = [
        f"{path.parent.name}/{path.name}"
        for kind in ("fits", "figures")
        for path in sorted((found.folder / kind).glob("[!.]*"))
        if path.name not in written
    ]
    if not there:
        return []
    return [f"Stale files, not of this report: {', '.join(there)}."]


def _slug(title: str) -> str:
    """A name as a file name: L(N) at D = 1000 becomes l_n_at_d_1000."""
    return re.sub(r"[^a-z0-9.]+", "_", title.lower()).strip("_")
