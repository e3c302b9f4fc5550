"""The gate: what a table and its fits must have before the interval of a claim decides it.

A kind of claim names the lines of its gate in GATE; each is a function in a file of this folder:

    fits     levels, decades, clusters, certificate, lack_of_fit, floor
    runs     seeds, sweep_end, training, family, tautology
    cells    cell_seeds, conditions, equivalence, curve_points, curve_errors

A line looks at the verdict's support and gives a GateLine, or None where it does not apply. Every
number is in `requirements`. A line that is not passed says what would pass it, and the verdict is
`insufficient`: whatever the interval says, the table cannot decide.

Before anything is trained, the lines that follow from the grid alone (`PLANNED`) are examined on
the planned runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...checks import Finding, Severity, of_tables
from ...checks.finding import worst_first
from ...experiment_tables import Tables
from ..verdict import HELD, INSUFFICIENT, REFUTED, UNDECIDED, GateLine, Verdict, turning
from . import cells, fits, runs
from .case import Case
from .requirements import of_claim

__all__ = ["CELLS", "EXPONENT", "PLANNED", "RUNS", "Case", "judged", "lines", "shortfalls"]

Line = Callable[[Case], GateLine | None]

LINES: dict[str, Line] = {
    "levels": fits.levels,
    "decades": fits.decades,
    "clusters": fits.clusters,
    "seeds": runs.seeds,
    "certificate": fits.certificate,
    "lack of fit": fits.lack_of_fit,
    "floor": fits.floor_or_none,
    "seeds a cell": cells.cell_seeds,
    "equal conditions": cells.conditions,
    "margin": cells.equivalence,
    "points": cells.curve_points,
    "precision": cells.curve_errors,
    "learning rate": runs.sweep_end,
    "training": runs.training,
    "one family": runs.family,
    "tautology": runs.tautology,
}
RUNS = ("learning rate", "training", "one family")
CELLS = ("seeds a cell", "equal conditions", *RUNS)
EXPONENT = (
    *("levels", "decades", "clusters", "seeds", "certificate", "lack of fit", "floor", "margin"),
    *RUNS,
    "tautology",
)
PLANNED = ("levels", "decades", "clusters", "seeds", "seeds a cell", "equal conditions", "points")


def judged(
    found: Verdict,
    names: Sequence[str],
    tables: Tables,
    definition: Mapping[str, Any] | None = None,
) -> Verdict:
    """The verdict after the gate: with its lines and findings, and insufficient if one failed.

    names: the lines of the claim's kind. definition: the experiment's, for the checks of tables.
    """
    support = found.support
    doubts = _of_tables(found, tables, definition or {})
    case = Case(found.claim, of_claim(found.claim), support, doubts, found.word, tables)
    checked = lines(names, case)
    findings = worst_first([*_of_fits(found), *doubts])
    turned = found.turning or turning(found.claim, found.value, found.interval)
    word, why, missing = found.word, found.why, [line for line in checked if not line.passed]
    if missing:
        short = [line.name for line in missing]
        named = f"{', '.join(short[:-1])} and {short[-1]}" if short[1:] else short[0]
        why = f"The table cannot decide it: it falls short of the gate in {named}."
        if found.word in (HELD, REFUTED, UNDECIDED):
            why += f" The interval alone would read {found.word}."
        word, turned = INSUFFICIENT, " ".join(f"{one.what_would_pass}." for one in missing)
    order = sorted(checked, key=lambda line: line.passed)
    return replace(
        found, word=word, why=why, gate=tuple(order), findings=tuple(findings), turning=turned
    )


def lines(names: Iterable[str], case: Case) -> list[GateLine]:
    """The lines of the gate that apply."""
    found = (LINES[name](case) for name in names)
    return [line for line in found if line is not None]


def shortfalls(names: Iterable[str], case: Case) -> list[GateLine]:
    """The lines that the planned runs cannot pass, whatever comes out."""
    planned = [name for name in names if name in PLANNED]
    return [line for line in lines(planned, case) if not line.passed]


def _of_tables(found: Verdict, tables: Tables, definition: Mapping[str, Any]) -> list[Finding]:
    """What the checks of tables find wrong with the rows that the verdict rests on."""
    if found.support is None or found.support.rows is None or not len(found.support.rows):
        return []
    rows = found.support.rows
    runs_ = set(rows["run"]) if "run" in rows else set()
    curves = tables.curves
    if "run" in curves:
        curves = curves[curves["run"].isin(runs_)]
    restricted = replace(tables, chosen=rows, families=rows, curves=curves)
    checked = of_tables(restricted, definition)
    if "C" in found.support.axes:
        return checked
    return [one for one in checked if one.check != "fixed_length"]  # which is about laws of C


def _of_fits(found: Verdict) -> list[Finding]:
    """The findings of the fits behind a verdict; a study's warnings are doubts."""
    own = getattr(found.evidence, "findings", None)
    if own is None:
        said = getattr(found.evidence, "warnings", ())
        own = [Finding("study", Severity.DOUBT, text) for text in said]
    fits_ = found.support.fits if found.support else {}
    further = [
        one
        for fit in fits_.values()
        if fit is not found.evidence and found.evidence is None
        for one in fit.findings
    ]
    return list(dict.fromkeys([*own, *further]))
