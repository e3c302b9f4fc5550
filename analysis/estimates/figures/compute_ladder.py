"""The compute ladder: from one layer's forward pass to evolution, on one axis."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from ... import style
from .. import KINDS, landmarks
from . import COLOURS, OURS, Grid

PLACE = 1
TITLE = "The compute ladder"
CAPTION = (
    "Floating-point operations of training (of one forward pass, for the layer), each computed "
    "from its factors; bars are 90% ranges. Systems whose training was counted have short bars; a "
    "brain's are wide because the cost of a spike is unknown; anchors are published guesses at the "
    "compute that would train a mind, several decades wide."
)


def draw(grids: Sequence[Grid]) -> Figure:
    rungs = [
        (mark.name, mark.C.range, COLOURS[mark.kind]) for mark in landmarks() if mark.C is not None
    ]
    rungs += [
        (f"{grid.name}, all runs", (grid.C, grid.C, grid.C), OURS) for grid in grids if grid.C
    ]
    rungs.sort(key=lambda rung: rung[1][1])
    with style.theme():
        made = style.figure(style.DOUBLE, 0.7 + 0.152 * len(rungs))
        axes = made.add_subplot()
        for row, (_, (low, centre, high), colour) in enumerate(rungs):
            axes.plot([low, high], [row, row], color=colour, lw=2.6, alpha=0.35)
            axes.plot(centre, row, "o", color=colour, ms=4.2)
        axes.set_yticks(range(len(rungs)), [name for name, *_ in rungs])
        for label, (*_, colour) in zip(axes.get_yticklabels(), rungs, strict=True):
            label.set_color(colour)
        axes.set(xscale="log", xlabel="compute C (FLOP)", ylim=(-0.8, len(rungs) - 0.2))
        axes.xaxis.set_major_locator(FixedLocator([10.0**k for k in range(0, 46, 4)]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="y", length=0)
        entries = [(text, COLOURS[kind]) for kind, text in KINDS.items()]
        entries += [("this laboratory", OURS)] if grids else []
        marks = [style.mark(colour, marker="o", lw=2.2) for _, colour in entries]
        axes.legend(marks, [text for text, _ in entries], loc="lower right")
    return made
