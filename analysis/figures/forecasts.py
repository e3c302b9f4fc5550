"""Held-out error against the cut below which laws were fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling_lab.errors import LabError

from .. import style
from ..experiment_tables import Tables
from ..studies import require

if TYPE_CHECKING:
    from ..studies.forecast import Comparison

PLACE = 7
TITLE = "How far each law sees"
CAPTION = (
    "Forecast error (root mean square of the log of predicted over measured losses) on the same "
    "held-out runs, those right of the dashed line, for laws fitted to the runs below each cut. "
    "The error of a correct law falls fast and stays low; that of a law that merely fits rises "
    "again or never falls. The rightmost point is the fit to everything that was not held out."
)
COLOURS = ("#1b6ca8", "#c2255c", "#1e8a5f", "#e07b00", "#8a5a9e", "#6b7280", "#0f766e", "#a16207")


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    return drawn(require(studies, "forecast"))


def drawn(found: Comparison) -> Figure:
    """The figure of one comparison. Raises LabError if its holdout is not a cut in one role."""
    if found.ladder.empty:
        raise LabError("a ladder of forecasts needs a cut in one role; write one such as C > 1e21")
    with style.theme():
        made = style.figure(style.DOUBLE, 2.6)
        axes = made.add_subplot()
        colours = plot(axes, found)
        marks = {name: style.mark(c, lw=1.3, marker="o", ms=3.4) for name, c in colours.items()}
        style.key(made, "law", [(name, [mark]) for name, mark in marks.items()])
    return made


def plot(axes: Axes, found: Comparison) -> dict[str, str]:
    """Error against the cut, one line per law, the best first; returns the laws' colours."""
    order = [forecast.law for forecast in found.ranked]
    colours = {law: COLOURS[i % len(COLOURS)] for i, law in enumerate(order)}
    for law, colour in colours.items():
        rungs = found.ladder[found.ladder["law"] == law]
        axes.plot(rungs["cut"], rungs["error"], "o-", color=colour, ms=3.4, label=law, zorder=3)
    axes.axvline(found.top, color=style.GREY, lw=0.8, ls=(0, (4, 2)))
    style.log_axes(axes, found.role)
    axes.set_xlabel(f"fitted up to {style.LABELS.get(found.role, found.role)}")
    axes.set_ylabel("held-out error (log loss)" if found.space == "log" else "held-out error")
    return colours
