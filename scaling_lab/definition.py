"""The definition of an experiment in plain values, as `experiment.json` in its results holds it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from . import config
from .config import PARTS, Run
from .errors import LabError
from .experiment import HEADINGS, Experiment
from .grid import SPECIAL, GridPoint, path, text_of
from .selection import named
from .sweeps import Swept


def described(
    experiment: Experiment, cells: Sequence[GridPoint] | None = None, recorded: Collection[str] = ()
) -> dict[str, Any]:
    """Plain values for experiment.json: what a report says about the experiment.

    cells: the runs that are asked for, by default the grid's. recorded: names of runs; those of
    the file's grid are described too, since they still belong to the experiment if others are
    asked for.
    """
    asked = {cell.name: cell for cell in (experiment.cells if cells is None else cells)}
    filed = {cell.name: cell for cell in (experiment.in_file or experiment).cells}
    there = {n: cell for n, cell in filed.items() if n in asked or n in recorded}
    described = tuple((there | asked).values())
    looks = experiment.looks and asdict(experiment.looks)
    extended = {cell.name: _why(cell) for cell in described if _is_added(cell, experiment)}
    return {
        "name": experiment.name,
        "objective": experiment.base.learner.objective,
        "direction": experiment.base.learner.direction,
        "families": families(experiment.base, described),
        "title": experiment.text["title"],
        **{heading.lower(): experiment.text[heading.lower()] for heading in HEADINGS},
        "axes": {name: list(map(named, values)) for name, values in axes(described).items()},
        "overrides": list(experiment.overrides),
        "runs": len(described),
        "choose": list(experiment.choose),
        "claims": [asdict(claim) for claim in experiment.claims],
        "cells": [cell.name for cell in described],
    } | {name: value for name, value in (("extended", extended), ("looks", looks)) if value}


def _is_added(cell: GridPoint, experiment: Experiment) -> bool:
    """Whether a sweep added the run to the grid."""
    return any(cell.name in one.added_names for one in (experiment, experiment.in_file) if one)


def _why(cell: GridPoint) -> str:
    """Why a sweep added the run."""
    return next((value.why for value in cell.axes.values() if isinstance(value, Swept)), "")


def axes(grid: Sequence[GridPoint]) -> dict[str, list[Any]]:
    """Axis -> its distinct values in the grid's order, then those of runs that do not set it."""
    found: dict[str, dict[str, Any]] = {}
    for cell in grid:
        for name, value in cell.axes.items():
            found.setdefault(name, {}).setdefault(text_of(value), value)
    for cell in grid:
        counted = {"steps"} if cell.axes.keys() & {"C", "epochs"} else set()
        for name in found.keys() - cell.axes.keys() - set(SPECIAL) - counted:
            for value in _left(cell.run, name):
                found[name].setdefault(text_of(value), value)
    return {name: list(values.values()) for name, values in found.items()}


def _left(run: Run, name: str) -> list[object]:
    """The value that a run has for an axis it does not set; none if it has no such field."""
    if name in PARTS:
        return [getattr(run, name)]
    try:
        return [config.flat(run)[path(run, name)]]
    except LabError:
        return []


def families(base: Run, cells: Sequence[GridPoint]) -> dict[str, Any]:
    """Columns that distinguish families of runs -> their values in the first run.

    These are the parts (learner, data, model), the experiment of the parent, and those of the
    parts' fields that differ between runs, without the fields that the axis N sets.
    """
    flat = [config.flat(cell.run) for cell in cells]
    named = {name for cell in cells for name in cell.axes}
    sized = named & {"N", "parent"}  # axes that set the size
    asked = {path(base, name) for name in named - set(SPECIAL)}
    return {
        name: value
        for name, value in flat[0].items()
        if (
            name in (*config.PARTS[:3], "parent_experiment")
            or name.startswith(("learner.", "data."))
        )
        or (name.startswith("model.") and (name in asked or not sized))
        if any(one.get(name) != value for one in flat)
    }
