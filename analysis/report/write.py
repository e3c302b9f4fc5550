"""Write the report: fit an experiment's claims and studies, draw its figures, make one page.

`write` reads `experiment.json` and the tables of each results folder, chooses the recipe on
validation data, fits, and writes into the folder, or
elsewhere if it is told to,

    fits/NAME.json          a card for each fit and study, in full precision
    verdicts.json           the verdict on each claim
    figures/NAME.png, .svg
    report.html             needs no network and no other file

Everything it writes follows from what it reads: the same tables give the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from scaling_lab.errors import LabError, NotApplicable
from scaling_lab.storage.atomic import write_whole

from .. import claims, experiment_tables, figures, laws, registration, sequential, studies
from ..claims import level, parameter
from ..claims.verdict import Verdict
from . import notes, verdict_card
from .findings import VERDICTS, Findings, card_name
from .read import read

Say = Callable[[str], None]


def write(folders: Sequence[Path], progress: Say | None = None) -> Path:
    """Fit, draw and write the page: in the folder, or in the common parent of several.

    `progress` receives a line for each thing that is done. Raises LabError for a folder that holds
    no experiment or no runs.
    """
    return write_page(analyse(folders, progress))


def analyse(
    folders: Sequence[Path], progress: Say | None = None, to: Path | None = None
) -> list[Findings]:
    """Read, fit and draw each folder, writing its fit cards and figures; no page yet.

    to: the folder to write into, or for several results folders to write a folder each into.
    """
    unique = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
    if not unique:
        raise LabError("no results folder was given; name one, such as results/e01_digits_mlp")
    alone = len(unique) == 1
    homes = {folder: to and (to if alone else to / folder.name) for folder in unique}
    return [_analysed(folder, home, progress or _silent) for folder, home in homes.items()]


def write_page(found: Sequence[Findings], to: Path | None = None) -> Path:
    """Write the page of what was found, and its figures of orders of magnitude.

    It is written into `to`, by default the folder of the results, or the parent of several.
    """
    from . import magnitudes
    from .page import page

    folders = [one.folder for one in found]
    shared = os.path.commonpath([folder.parent for folder in folders])
    home = to or (folders[0] if len(folders) == 1 else Path(shared))
    drawn = magnitudes.analyse(found, home / "figures")
    write_whole(home / "report.html", page(found, drawn).encode())
    return home / "report.html"


def fits(folder: Path, progress: Say | None = None) -> dict[str, Any]:
    """Every fit by name and study by title. Writes their cards; draws no figure."""
    found = read(Path(folder))
    fit(found, progress or _silent)
    return found.results


def fit(found: Findings, say: Say) -> None:
    """Fit the slices, make the studies, evaluate the claims; write a card for each."""
    slices: dict[str, Any] = {}
    for name, law, rows, columns, where in _slices(found.tables):
        say(f"{found.name}: fitting {name}")
        try:
            slices[name] = _fitted(law, rows, columns, where)
        except LabError as error:
            found.notes.append(f"{name} was not fitted: {error}.")
    for slug, study in studies.found().items():
        say(f"{found.name}: {study.TITLE[0].lower()}{study.TITLE[1:]}")
        found.studies[slug] = studies.attempt(study, found.tables)
    made = [*slices.values(), *found.studies.values()]
    looks = found.path.looks
    for claim in found.definition.get("claims", ()):
        say(f"{found.name}: fitting {claim['name']}")
        with level.at(sequential.level_now(claim["name"], looks)):
            verdict = claims.evaluate(claim, found.tables, slices, found.studies, found.definition)
        verdict = sequential.standing(verdict, looks)
        found.verdicts.append(_registered(verdict, found))
        if verdict.evidence is not None and not any(verdict.evidence is one for one in made):
            found.fits[claim["name"]] = verdict.evidence
    found.fits |= slices
    registered = {
        verdict.claim["name"]: {"registration": verdict.registration._asdict()}
        for verdict in found.verdicts
        if verdict.registration is not None
    }
    for name, result in found.results.items():
        card = result.card() | registered.get(name, {})
        text = json.dumps(card, ensure_ascii=False)
        write_whole(found.home / "fits" / card_name(name), text.encode() + b"\n")
    verdicts = json.dumps([verdict_card.record(one) for one in found.verdicts], ensure_ascii=False)
    write_whole(found.home / VERDICTS, verdicts.encode() + b"\n")


def judge(found: Findings, evaluate: Callable[..., Verdict] = claims.evaluate) -> None:
    """Evaluate the claims and nothing else; writes no file. evaluate: as `claims.evaluate`."""
    every = found.definition.get("claims", ())
    slices: dict[str, Any] = {}
    if any(parameter.is_made_anyway(claim.get("law") or "") for claim in every):
        for slug, study in studies.found().items():
            found.studies[slug] = studies.attempt(study, found.tables)
        for name, law, rows, columns, where in _slices(found.tables):
            with suppress(LabError):
                slices[name] = _fitted(law, rows, columns, where)
    found.verdicts = [
        evaluate(claim, found.tables, slices, found.studies, found.definition) for claim in every
    ]


def _registered(verdict: Verdict, found: Findings) -> Verdict:
    """The verdict with its claim's registration, relative to the runs that it rests on."""
    rows = verdict.support.rows if verdict.support is not None else None
    if rows is None or not len(rows):
        rows = registration.selected(verdict.claim, found.tables)
    standing = registration.of_claim(verdict.claim, found.log, rows, found.total)
    return replace(verdict, registration=standing)


def draw(found: Findings, say: Say) -> None:
    """Draw every figure that these runs have, as PNG and SVG; note why others cannot be drawn."""
    from .drawings import drawn

    folder = found.home / "figures"
    for name in figures.names():
        say(f"{found.name}: drawing {name}")
        figure = figures.get(name)
        try:
            found.pictures[name] = drawn(
                lambda fits, figure=figure: figure.draw(found.tables, fits, found.studies),
                found.digest,  # the studies follow from the tables
                found.fits,
                folder,
                name,
            )
        except NotApplicable:
            continue
        except LabError as error:
            found.undrawn[name] = str(error)


def _analysed(folder: Path, home: Path | None, say: Say) -> Findings:
    found = read(folder)
    found.to = home
    fit(found, say)
    draw(found, say)
    found.notes += [*notes.refusals(found), *notes.leftovers(found)]
    return found


def _slices(
    tables: experiment_tables.Tables,
) -> Iterator[tuple[str, str, pd.DataFrame, dict[str, str], str]]:
    """The fits besides claims and studies: L(N) at each D and L(D) at each N.

    Four scales or more get a power law with a floor, three one without, fewer none. Yields name,
    law, rows, role -> column, and the condition on the rows.
    """
    for x, at in (("N", "D"), ("D", "N")):
        for value in tables.values(at):
            rows = tables.chosen[tables.chosen[at] == value]
            scales = rows[x].nunique() if x in rows else 0
            if scales >= 3:
                law = "power_law_floor" if scales >= 4 else "power_law"
                name = experiment_tables.slice_name(x, at, value)
                columns = {x: x, "L": tables.loss}
                yield name, law, tables.chosen, columns, f"{at} == {value:.15g}"


def _fitted(law: str, rows: pd.DataFrame, columns: dict[str, str], where: str) -> Any:
    from ..fitting.fit import fit as fit_law
    from ..tables import checked

    return fit_law(laws.get(law), checked(rows, columns, where=where))


def _silent(line: str) -> None:
    """Show no progress."""
