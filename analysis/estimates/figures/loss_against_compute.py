"""Our laws of loss against compute, extrapolated to the landmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling_lab.errors import LabError

from ... import style
from .. import extrapolation, landmarks
from . import COLOURS, OURS, Grid

if TYPE_CHECKING:
    from ...fitting.result import Fit

PLACE = 2
TITLE = "Our laws, extrapolated to the landmarks"
CAPTION = (
    "Fitted laws of loss against compute: solid over the fitted points, dashed beyond, with the "
    "95% band of the law. Vertical lines are the landmarks. Laws of N and D are drawn along their "
    "frontier. Losses of different tasks cannot be compared; the figure shows how much of each "
    "curve is extrapolation. A band that stays narrow far out is not evidence: it assumes that the "
    "law holds."
)
INKS = (OURS, "#7c3aed", "#b45309", "#be185d", style.INK)


def draw(grids: Sequence[Grid]) -> Figure:
    laws = [(grid.name, name, fit) for grid in grids for name, fit in grid.fits.items()]
    if not laws:
        raise LabError("no law was fitted along compute; that needs a frontier of several sizes")
    marks = [mark for mark in landmarks() if mark.compared]
    last = math.log10(max(mark.C.centre() for mark in marks if mark.C)) + 0.6
    with style.theme():
        made = style.figure(style.DOUBLE, 3.0)
        axes = made.add_subplot()
        for i, (grid, name, fit) in enumerate(laws):
            colour = INKS[i % len(INKS)]
            _law(axes, fit, last, colour)
            axes.plot([], [], color=colour, label=f"{grid}: {name}" if name != grid else grid)
        for mark in marks:
            if mark.C is not None:
                axes.axvline(mark.C.centre(), color=COLOURS[mark.kind], lw=0.7, alpha=0.6, zorder=0)
                axes.annotate(
                    mark.name,
                    (mark.C.centre(), 1.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(-2, 2),
                    textcoords="offset points",
                    rotation=32,
                    rotation_mode="anchor",
                    fontsize=7,
                    color=COLOURS[mark.kind],
                )
        style.log_axes(axes, "C", "loss")
        axes.set_ylabel("loss (nats)")
        made.legend(loc="outside lower center", ncols=1 if len(laws) < 3 else 2)
    return made


def _law(axes: Axes, fit: Fit, last: float, colour: str) -> None:
    """The points, and the law with its band over the data and beyond."""
    data = extrapolation.reach(fit)
    first = math.log10(data.low)
    over = np.logspace(first, max(last, math.log10(data.high)), 240)
    low, centre, high = extrapolation.at(fit, "C", over)["L"]
    inside = over <= data.high
    axes.fill_between(over, low, high, color=colour, alpha=0.16, lw=0)
    axes.plot(over[inside], centre[inside], color=colour, lw=1.6)
    axes.plot(over[~inside], centre[~inside], color=colour, lw=1.1, ls=(0, (4, 2)))
    if fit.points is not None and "C" in fit.points:
        axes.plot(fit.points["C"], fit.points["L"], ".", color=colour, ms=3)
