"""Parameters against data: MNIST, ImageNet, Billion Words, Atari, Dota and a brain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import style
from .. import extrapolation, landmarks
from . import COLOURS, OURS, Grid

PLACE = 3
TITLE = "Parameters against data"
CAPTION = (
    "Parameters N against data D in each domain's own examples: images, words, decisions in games; "
    "for a brain, synapses against seconds of a life, with 90% ranges. On the dashed line N = D. "
    "Supervised learning lies on both sides of it, games far below, and a brain has a million "
    "synapses for every second it lives. Green: the compute frontier of this laboratory's grids, "
    "measured and from laws of N and D."
)
# Offset of a label from its mark in points, and its alignment, if not above to the right.
SIDES = {
    "a human life": (0, 9, "center"),
    "big LSTM on a Billion Words": (-5, 4, "right"),
    "AlexNet on ImageNet": (-6, 3, "right"),
    "MNIST perceptron": (-6, 3, "right"),
}


def draw(grids: Sequence[Grid]) -> Figure:
    marks = [(mark, mark.N.range, mark.D.range) for mark in landmarks() if mark.N and mark.D]
    with style.theme():
        made = style.figure(style.DOUBLE, 3.4)
        axes = made.add_subplot()
        for mark, (n_low, n, n_high), (d_low, d, d_high) in marks:
            colour = COLOURS[mark.kind]
            axes.plot([d, d], [n_low, n_high], color=colour, lw=2, alpha=0.4)
            axes.plot([d_low, d_high], [n, n], color=colour, lw=2, alpha=0.4)
            axes.plot(d, n, "o", color=colour, ms=5)
            right, up, side = SIDES.get(mark.name, (6, 3, "left"))
            axes.annotate(
                mark.name,
                (d, n),
                xytext=(right, up),
                ha=side,
                textcoords="offset points",
                fontsize=7.5,
                color=colour,
            )
        for grid in grids:
            _frontier(axes, grid)
        ends = np.array([1e1, 1e16])
        axes.plot(ends, ends, color=style.GREY, lw=0.9, ls=(0, (4, 2)), zorder=1)
        axes.annotate("N = D", (3e14, 3e14), xytext=(4, -10), textcoords="offset points")
        axes.set(xscale="log", yscale="log", xlim=(1e1, 1e16), ylim=(1e2, 1e17))
        axes.set(xlabel="data D (examples of each domain)", ylabel="parameters N")
        style.log_ticks(axes.xaxis, plain=False)
        style.log_ticks(axes.yaxis, plain=False)
    return made


def _frontier(axes: Axes, grid: Grid) -> None:
    if grid.frontier is not None and len(grid.frontier):
        axes.plot(grid.frontier["D"], grid.frontier["N"], ".", color=OURS, ms=4)
        least = grid.frontier.iloc[0]
        axes.annotate(
            f"{grid.name}, frontier",
            (least["D"], least["N"]),
            xytext=(0, -10),
            textcoords="offset points",
            fontsize=7.5,
            color=OURS,
        )
    for name, fit in grid.fits.items():
        if "N" in fit.variables:
            data = extrapolation.reach(fit)
            over = np.geomspace(data.low, data.high, 50)
            found = extrapolation.at(fit, "C", over)
            axes.plot(found["D"][1], found["N"][1], color=OURS, lw=1.3)
            axes.annotate(
                name,
                (found["D"][1][-1], found["N"][1][-1]),
                xytext=(5, -3),
                textcoords="offset points",
                fontsize=7.5,
                color=OURS,
            )
