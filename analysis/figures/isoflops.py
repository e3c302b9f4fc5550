"""Loss against size N at each compute C, and three estimates of the size of lowest loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling_lab.errors import LabError, NotApplicable

from .. import style
from ..experiment_tables import Tables, needs
from ..frontier.isoflop import METHODS, SAME_SIZE, WITHIN, Budget, budgets
from ..studies import require

PLACE = 5
TITLE = "IsoFLOP curves"
CAPTION = (
    "Loss against the number of parameters N, one colour for each compute budget C: its runs, and "
    "three estimates of the size of lowest loss. Solid: an Akima spline through the runs; dashed: "
    "a parabola in log N; dotted: a cubic. Large marks are their minima; a curve without a minimum "
    "between the smallest and the largest size has no mark. The valleys are not symmetric, so the "
    "parabola's minimum is biased."
)
LINES = {"akima": "-", "parabola": (0, (4, 1.6)), "cubic": (0, (1, 1.2))}
MARKS = {"akima": "o", "parabola": "s", "cubic": "D"}


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    needs(tables.chosen, ("N", "C"), "isoFLOP curves")
    if not _budgets(tables.chosen):
        raise NotApplicable("isoFLOP curves: these runs share no budgets of equal compute")
    found = require(studies, "best_n")
    with style.theme():
        made = style.figure(style.DOUBLE, 2.9)
        axes = made.add_subplot()
        entries = draw_budgets(axes, found)
        style.log_axes(axes, "N", tables.quantity)
        style.key(made, "C (FLOP)", entries, columns=1 if len(entries) <= 14 else 2)
    return made


def _budgets(runs: Any) -> bool:
    """Whether there are budgets, or every run has another of equal compute and a different size."""
    known = runs.dropna(subset=["N", "C"]).drop_duplicates(["N", "C"]).sort_values("C")
    C, N = (np.log(known[name].to_numpy(float)) for name in ("C", "N"))
    if (budgets(np.exp(C), np.exp(N)) >= 0).any():
        return True
    first = np.searchsorted(C, C - np.log(WITHIN), side="right")
    last = np.searchsorted(C, C + np.log(WITHIN), side="left")
    return all(
        (np.abs(N[a:b] - size) > np.log(SAME_SIZE)).any()
        for a, b, size in zip(first, last, N, strict=True)
    )


def draw_budgets(axes: Axes, found: Any) -> list[tuple[str, list]]:
    """Draw every budget of a frontier; returns the entries of its key."""
    runs = found.runs[found.runs["budget"] >= 0]
    drawn = [name for name in METHODS if name in found.approaches]
    if not drawn:
        raise LabError(f"isoFLOP curves: {found.refused.get(METHODS[0], 'no budgets')}")
    numbers = sorted(runs["budget"].unique())
    colours = style.colours(len(numbers), "C")
    entries = []
    for number, colour in zip(numbers, colours, strict=True):
        rows = runs[runs["budget"] == number]
        axes.plot(rows["N"], rows["L"], ".", color=colour, ms=4, mew=0, alpha=0.75, zorder=3)
        budget = Budget(rows["N"].to_numpy(), rows["D"].to_numpy())
        over = np.geomspace(rows["N"].min(), rows["N"].max(), 200)
        C = float(np.exp(np.log(rows["C"]).mean()))
        limits = axes.dataLim.frozen()
        for name in drawn:
            read = budget.curve(name, rows["L"].to_numpy(), over)
            wide = 1.0 if name == "akima" else 0.8
            axes.plot(over, read, color=colour, ls=LINES[name], lw=wide, alpha=0.8, zorder=2)
        axes.dataLim.set(limits)  # a polynomial that dives between runs does not set the scale
        for name in drawn:
            points = found.approaches[name].points
            at = points[np.isclose(points["C"], C)]
            size = {"o": 5, "s": 4, "D": 3.6}[MARKS[name]]
            how = {"ms": size, "mec": "white", "mew": 0.6, "zorder": 5}
            axes.plot(at["N"], at["L"], MARKS[name], color=colour, **how)
        entries.append((style.power(float(f"{C:.2g}")), [style.mark(colour, lw=1.5)]))
    for name in drawn:
        mark = style.mark(style.INK, ls=LINES[name], lw=0.9, marker=MARKS[name], ms=3.6)
        entries.append((name, [mark]))
    return entries
