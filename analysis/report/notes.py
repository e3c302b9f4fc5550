"""Notes: caveats about an experiment's tables, for the top of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from scaling_lab.storage.contents import ignored_lines
from scaling_lab.storage.records import Store

from .. import studies
from ..estimates import figures as magnitudes
from .findings import Findings, card_name


def doubts(found: Findings, store: Store, others: int) -> list[str]:
    """What is damaged, foreign, missing or stale in the tables.

    others: the number of recorded runs that the grid does not ask for.
    """
    runs, definition, notes = found.tables.runs, found.definition, []
    survey = store.survey()
    for path, reason in survey.damaged:
        notes.append(
            f"{path.relative_to(store.folder)} is damaged and was left out: {reason}. Running the "
            "experiment again sets it aside and trains its runs again."
        )
    ignored = [one._replace(path=one.path.relative_to(store.folder)) for one in survey.ignored]
    notes += [f"{line}." for line in ignored_lines(ignored)]
    if others:
        notes.append(
            f"{others} recorded runs are not in the experiment's grid; they are left out of the "
            "fits, the claims and this page."
        )
    if overrides := definition.get("overrides"):
        notes.append(
            f"Last run with --override {' '.join(map(str, overrides))}: those runs are reported, "
            "and the recorded ones of the experiment's own grid."
        )
    aside = len(list((store.folder / "damaged").glob("*.parquet")))
    if aside:
        notes.append(f"{aside} damaged parts were set aside in damaged/ and are not read.")
    asked = definition.get("runs", len(runs))
    if len(runs) < asked and found.path.looks:
        notes.append(
            f"{asked - len(runs)} of {asked} runs were not trained: the experiment stops when its "
            "claims are decided, or its budget is spent."
        )
    elif len(runs) < asked:
        notes.append(
            f"{asked - len(runs)} of {asked} runs are not in the tables; the page covers the rest. "
            f"To train what is missing: {definition.get('command', 'scaling-lab run')}"
        )
    stale = _stale(runs, definition.get("axes", {}))
    if stale:
        notes.append(
            f"{stale} runs are stale: the experiment as now defined does not include their values. "
            "They are still in the tables and in the fits."
        )
    absent = [name for name in found.choose if name not in runs]
    if absent:
        notes.append(f"The tables have no column {', '.join(absent)} to choose the recipe by.")
    classifiers = runs["judge_error"].nunique() if "judge_error" in runs else 1
    if classifiers > 1:
        notes.append(
            f"Feature distances were measured with {classifiers} different classifiers (see "
            "judge_error), as happens on several machines; they are not comparable."
        )
    return notes


def refusals(found: Findings) -> list[str]:
    """Studies that could not be made, except those whose reason a figure already gives."""
    said = set(found.undrawn.values())
    return [
        f"{studies.get(slug).TITLE} was not made: {made.reason}."
        for slug, made in found.studies.items()
        if isinstance(made, studies.Refusal) and made.applicable and made.reason not in said
    ]


def leftovers(found: Findings) -> list[str]:
    """Cards and figures that this report did not write: they are from an earlier definition."""
    written = {card_name(title) for title in found.results}
    written |= {path.name for pair in found.pictures.values() for path in pair}
    written |= {f"{name}.{kind}" for name in magnitudes.names() for kind in ("png", "svg")}
    there = [
        f"{path.parent.name}/{path.name}"
        for kind in ("fits", "figures")
        for path in sorted((found.home / kind).glob("[!.]*"))
        if path.name not in written
    ]
    return [f"Stale files, not from this report: {', '.join(there)}."] if there else []


def _stale(runs: pd.DataFrame, axes: Mapping[str, Sequence]) -> int:
    """The number of runs with a value on some axis that the definition does not include."""
    stale = pd.Series(False, index=runs.index)
    for axis, values in axes.items():
        column = f"{axis}_target" if f"{axis}_target" in runs else axis
        if column not in runs or not values or (axis == "N" and column == "N"):
            continue  # the N that is asked for and the N that is built differ
        if all(isinstance(value, int | float) for value in values):
            asked = {f"{float(value):.9g}" for value in values}
            have = runs[column].map(lambda value: f"{float(value):.9g}", na_action="ignore")
        else:
            asked, have = {str(value) for value in values}, runs[column].astype(str)
        stale |= runs[column].notna() & ~have.isin(asked)
    return int(stale.sum())
