"""Means over seeds on the exact curves of their theories, with the distance of each point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables
from ..studies import require

PLACE = 0.1
TITLE = "Runs on their exact curves"
CAPTION = (
    "The loss in excess of what no size removes: means over seeds (dots; the standard error is "
    "smaller than a dot where it cannot be seen) and the exact finite-size theory at the same "
    "points (lines), in which nothing is fitted. Tasks trained by SGD are shown against N, a line "
    "for each budget of compute and each draw of random features; the others against D or N. Below "
    "each, z: the distance of every point from its theory in standard errors, with the band of "
    "two, which one in twenty leaves by chance."
)
COLUMNS = 4
SHORT = {"L(C)": "N", "L(D)": "D", "L(N)": "N"}
FURTHEST = 4.4  # z shown


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    points = require(studies, "calibration").points
    panels = list(points.groupby(["task", "law"], sort=False))
    rows = -(-len(panels) // COLUMNS)
    with style.theme():
        made = style.figure(style.DOUBLE, 2.3 * rows)
        heights = [3, 1] * rows
        grid = made.add_gridspec(2 * rows, COLUMNS, height_ratios=heights)
        for at, ((task, law), some) in enumerate(panels):
            row, column = divmod(at, COLUMNS)
            above = made.add_subplot(grid[2 * row, column])
            below = made.add_subplot(grid[2 * row + 1, column], sharex=above)
            _panel(above, below, some, at % COLUMNS == 0)
            several = (points["task"] == task).sum() > len(some)
            above.set_title(f"{task}: {law}" if several else task, fontsize=6.5)
            below.set_xlabel(SHORT[law])
    return made


def _panel(above: Any, below: Any, some: Any, first: bool) -> None:
    series = list(some.groupby("series", sort=False))
    colours = style.colours(len(series), "C") if len(series) > 1 else ["#0072b2"]
    for colour, (_, line) in zip(colours, series, strict=True):
        line = line.sort_values("x")
        excess = line["measured"] - line["floor"]
        above.plot(line["x"], line["theory"] - line["floor"], color=colour, lw=0.7, zorder=2)
        above.errorbar(
            line["x"], excess, line["se"], fmt="o", color=colour, ms=2.0, mew=0, lw=0.7, zorder=3
        )
        below.plot(line["x"], line["z"], "o", color=colour, ms=1.8, mew=0, zorder=3)
    below.axhspan(-2, 2, color=style.GRID, lw=0, zorder=0)
    below.axhline(0, color=style.GREY, lw=0.5, zorder=1)
    below.set_ylim(-FURTHEST, FURTHEST)
    below.set_yticks([-4, 0, 4])
    above.set(xscale="log", yscale="log")
    style.widen(above.yaxis)
    style.log_ticks(above.yaxis, plain=False)
    style.log_ticks(below.xaxis, plain=False)
    above.tick_params(labelbottom=False)
    if first:
        above.set_ylabel("excess loss")
        below.set_ylabel("z")
