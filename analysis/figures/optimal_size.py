"""The compute-optimal size N* against compute C, by every approach that applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables
from ..studies import require

if TYPE_CHECKING:
    from ..frontier.frontier import Frontier

PLACE = 6
TITLE = "The best size for each compute"
CAPTION = (
    "Left: the size N* of lowest loss at each compute C, by every approach that the runs allow, "
    "with 95% bands. Marks are optima read from runs: along the envelope of the learning curves, "
    "and at each budget by a parabola, a cubic and an Akima spline; lines are the power laws "
    "N* = N₁ Cᵃ through them, and the optimum of the fitted law (parametric). Right: the same as "
    "data per parameter, D* / N*, where differences that the left panel hides show. Shaded: "
    "beyond the largest compute of the runs, where everything is extrapolated."
)
COLOURS = {
    "envelope": "#1b6ca8",
    "parabola": "#e07b00",
    "cubic": "#8a5a9e",
    "akima": "#1e8a5f",
    "parametric": "#c2255c",
}
MARKS = {"envelope": "^", "parabola": "s", "cubic": "D", "akima": "o"}
AHEAD = 30.0  # how far beyond the largest compute the laws are drawn


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    return drawn(require(studies, "best_n"))


def drawn(found: Frontier) -> Figure:
    """The figure of one frontier: N* and data per parameter against C."""
    with style.theme():
        made = style.figure(style.DOUBLE, 2.7)
        left, right = made.subplots(1, 2)
        plot(left, found)
        plot(right, found, "tokens_per_parameter")
        entries = []
        for name, approach in found.approaches.items():
            a = approach.params["a"].value
            mark = style.mark(COLOURS[name], lw=1.3, marker=MARKS.get(name, ""), ms=3.4, mew=0)
            entries.append((f"{name}  {a:.3f}", [mark]))
        style.key(made, "approach, a", entries)
    return made


def plot(axes: Axes, found: Frontier, what: str = "N") -> None:
    """N* (or D, tokens_per_parameter) of a frontier against C, with bands, log axes and labels."""
    over = np.geomspace(found.compute[0], AHEAD * found.compute[1], 80)
    for name, approach in found.approaches.items():
        at, colour = approach.sizes(over, found.level), COLOURS[name]
        limits = axes.dataLim.frozen()
        low, high = at[f"{what}_low"], at[f"{what}_high"]
        axes.fill_between(over, low, high, color=colour, alpha=0.13, lw=0, zorder=1)
        axes.dataLim.set(limits)  # a wide band does not set the scale
        axes.plot(over, at[what], color=colour, lw=1.2, zorder=4, label=name)
        if approach.points is not None:
            points = approach.points
            shown = points["N"] if what == "N" else points["D"] / points["N"]
            how: dict[str, Any] = {"ms": 4, "mec": "white", "mew": 0.5, "zorder": 5}
            if len(points) > 40:
                how = {"ms": 2, "mew": 0, "alpha": 0.55, "zorder": 3}
            axes.plot(points["C"], shown, MARKS[name], color=colour, **how)
    axes.axvspan(found.compute[1], over[-1], color=style.GRID, alpha=0.6, lw=0, zorder=0)
    axes.set_xlim(over[0] / 1.5, over[-1])
    style.log_axes(axes, "C", what)
    axes.set_ylabel("best size N*" if what == "N" else "data per parameter D* / N*")
