"""Printing what parameters the runs of a grid start from, and which they leave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from ..errors import LabError
from .console import out, size

if TYPE_CHECKING:
    from ..engine.inheritance import Shapes
    from ..experiment import Experiment
    from ..plan import Plan

FLOAT = 4  # bytes of a parameter


def show(experiment: Experiment, made: Plan, shapes: Mapping[str, Shapes], results: Path) -> None:
    """Print the parents of a plan's runs, and the parameters that are kept, with their size.

    A missing or stale parent of a run that is to be trained is shown, not raised. shapes: program
    -> shapes of its parameters.
    """
    from ..engine import inheritance

    cells = [run.cell for run in made.runs]
    try:
        for line in inheritance.described(cells, shapes, results):
            out.print(escape(line), soft_wrap=True)
        missing = [*made.missing, *made.stale]
        inheritance.require_parents([run.cell for run in missing], results)
    except LabError as error:
        out.print(f"[red]cannot start[/]: {escape(str(error))}", soft_wrap=True)
    kept, snapshots = experiment.kept(cells), experiment.snapshots_of(cells)
    ends = [run.cost.parameters for run in made.runs if run.cell.run in kept]
    if not ends:
        return
    before = [
        run.cost.parameters * len(snapshots[run.cell.run])
        for run in made.runs
        if run.cell.run in snapshots
    ]
    line = f"Keeps the parameters of {len(ends)} runs ({size(FLOAT * sum(ends))})"
    if before:
        count = sum(map(len, snapshots.values()))
        line += f" and {count} snapshots of them ({size(FLOAT * sum(before))})"
    out.print(f"{line}.")
