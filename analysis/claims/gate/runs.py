"""Lines of the gate about runs: seeds, learning rates, training to the end, one family."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..verdict import GateLine
from .case import Case

CELL = ("family", "N", "D", "C_target", "steps")  # what runs that differ in their seed share
SEEDS = ("seed", "data_seed")
EQUALLY_LONG = 0.01  # relative difference of steps


def seeds(case: Case) -> GateLine | None:
    """Seeds at the cell that has the fewest."""
    rows = case.support.rows if case.support else None
    if rows is None or not len(rows) or (case.support and case.support.cells):
        return None
    there, needed = fewest_seeds(rows), case.required.seeds
    return case.line(
        "seeds",
        there >= needed,
        f"{there} at some level",
        f"{needed} at each",
        f"Train {needed} seeds at every level",
        "seeds",
    )


def sweep_end(case: Case) -> GateLine | None:
    """The learning rate was swept, and the chosen one lies inside its sweep."""
    return _share(
        case,
        "learning rate",
        "sweep_end",
        "chosen at an end of its sweep",
        "Sweep the learning rate further there",
    )


def training(case: Case) -> GateLine | None:
    """Runs ended at their validation minimum; or all are equally long, or read their data once.

    Where the number of passes varies with D, an exponent of D is in part one of the steps. Of runs
    that read each example at most once, D is what they saw (Hoffmann et al. 2022).
    """
    rows = case.support.rows if case.support else None
    if rows is None or not len(rows) or "steps" not in rows:
        return None
    steps = np.asarray(rows["steps"].dropna(), "float64")
    varies = "D" in rows and rows["D"].nunique() > 1
    if not varies or not len(steps) or np.ptp(steps) <= EQUALLY_LONG * steps.max():
        said = "equally long" if len(steps) and np.ptp(steps) == 0 else "D does not vary"
        return case.line("training", True, said, "equally long where D varies", "")
    if "examples" in rows and (rows["examples"] <= rows["D"]).all():
        return case.line("training", True, "each example is read once", "equally long or once", "")
    short = unfinished(rows)
    allowed = case.required.undertrained
    return case.line(
        "training",
        short <= allowed,
        f"{short:.0%} of runs, of {steps.min():,.0f} to {steps.max():,.0f} steps, end before "
        "their validation minimum",
        "all past it, equally long or one pass" if not allowed else f"at most {allowed:.0%}",
        "Train every run past its validation minimum, or all for equally many steps, or one pass",
        "undertrained",
    )


def family(case: Case) -> GateLine | None:
    """Along the axis one family grows: its depth rule, head size and latent size stay."""
    return _count(
        case,
        "one family",
        "family_changes",
        "nothing but size changes",
        "Grow one family along the axis",
    )


def tautology(case: Case) -> GateLine | None:
    """No axis follows from another by the grid's arithmetic alone."""
    return _count(case, "tautology", "tautology", "none", "Vary both axes in the grid")


def fewest_seeds(rows: Any) -> int:
    """The number of seeds of the cell that has the fewest; 1 if the table has no seeds."""
    cell = [name for name in CELL if name in rows and rows[name].notna().any()]
    own = [name for name in SEEDS if name in rows]
    if not own or not cell:
        return 1
    distinct = rows.drop_duplicates([*cell, *own])
    return int(distinct.groupby(cell, dropna=False).size().min())


def unfinished(rows: Any) -> float:
    """The share of runs whose validation loss was still lowest at the end of training."""
    if "best_step" not in rows:
        return 1.0
    known = rows[["best_step", "steps"]].dropna().astype("float64")
    return float((known["best_step"] >= known["steps"]).mean()) if len(known) else 1.0


def _share(case: Case, name: str, check: str, what: str, remedy: str) -> GateLine | None:
    """A line about the rows that a check doubts, as a share of the cells."""
    if case.support is None or case.support.rows is None or not len(case.support.rows):
        return None
    found, allowed = case.doubted(check), getattr(case.required, check)
    said = "; ".join(one.what for one in found) or f"none {what}"
    told = found[0].what_to_do if found else ""
    remedy = told[0].upper() + told[1:] if told else remedy
    share = max((one.measured for one in found), default=0.0)
    share = 1.0 if np.isnan(share) else share
    needed = "none" if not allowed else f"at most {allowed:.0%}"
    return case.line(name, share <= allowed, said, needed, remedy, check)


def _count(case: Case, name: str, check: str, sound: str, remedy: str) -> GateLine | None:
    """A line about the number of findings of a check."""
    if case.support is None or case.support.rows is None or not len(case.support.rows):
        return None
    found, allowed = case.doubted(check), getattr(case.required, check)
    said = found[0].what if found else sound
    if found and found[0].how_bad:
        said += f" ({found[0].how_bad})"
    told = found[0].what_to_do if found else ""
    remedy = told[0].upper() + told[1:] if told else remedy
    needed = f"at most {allowed} findings" if allowed else sound
    return case.line(name, len(found) <= allowed, said, needed, remedy, check)
