"""P(decided) of an experiment's claims, for `plan`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ..errors import LabError, shown
from .console import out

if TYPE_CHECKING:
    from ..experiment import Experiment
    from ..plan import Plan

MOST = 10_000  # runs, beyond which a plan is printed without them


def show(found: Experiment, made: Plan, folder: Path) -> None:
    """Print how likely the grid is to decide each claim, and what would help.

    folder: the results, whose runs are the pilot.
    """
    if not found.claims:
        return
    if len(found.cells) > MOST:
        out.print(f"P(decided) is left out beyond {MOST:,} runs; see: scaling-lab design")
        return
    import pandas as pd

    from ..analysis.design import chances
    from ..engine import rows

    planned = pd.DataFrame(rows.planned(found.cells))
    recorded = pilot(found, made, folder)
    for claim in found.claims:
        try:
            said = chances.of_claim(asdict(claim), planned, found.choose, recorded).text
        except LabError as error:
            said = f"P(decided) unknown: {error}"
        out.print(escape(shown(f"claim '{claim.name}': {said}", 500)), soft_wrap=True)


def pilot(found: Experiment, made: Plan, folder: Path) -> Any:
    """The chosen rows of the recorded runs; None if there are none that can be used."""
    if not any(run.state == "done" for run in made.runs):
        return None
    from ..analysis import experiment_tables
    from ..definition import families
    from ..storage.records import Store

    runs = Store(folder, found.name).runs()
    if len(runs) > MOST:
        return None
    choose = [name for name in found.choose if name in runs]
    objective, direction = found.base.learner.objective, found.base.learner.direction
    try:
        return experiment_tables.tables(
            runs, runs.iloc[:0], choose, families(found.base, found.cells), {}, objective, direction
        ).families
    except LabError:
        return None
