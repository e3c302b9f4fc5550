"""Minor ticks of a log axis as one line of marks.

Matplotlib makes five artists of each tick and lays all of them out, though a minor tick has neither
label nor grid line. Half the time of a figure went there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axis import Axis, XAxis
from matplotlib.backend_bases import RendererBase
from matplotlib.lines import TICKDOWN, TICKLEFT, Line2D
from matplotlib.ticker import NullLocator

DECADES = 7  # a longer axis has none


def minor_ticks(axis: Axis) -> None:
    """Mark 1 to 9 times each power of ten in view, in place of the axis' own minor ticks."""
    axis.set_minor_locator(NullLocator())
    for other in list(axis.axes.artists):
        if isinstance(other, _MinorTicks) and other.axis is axis:
            other.remove()
    axis.axes.add_artist(_MinorTicks(axis))


class _MinorTicks(Artist):
    """The minor ticks of one axis; their places are those of the view when they are drawn."""

    def __init__(self, axis: Axis) -> None:
        super().__init__()
        self.axis = axis
        self.across = isinstance(axis, XAxis)
        kind = "xtick" if self.across else "ytick"
        look: dict[str, Any] = dict(rcParams)
        self.line = Line2D(
            [],
            [],
            linestyle="",
            color=look[f"{kind}.color"],
            marker=TICKDOWN if self.across else TICKLEFT,
            markersize=look[f"{kind}.minor.size"],
            markeredgewidth=look[f"{kind}.minor.width"],
        )
        self.set_zorder(0.5)  # with the other ticks
        self.set_in_layout(False)

    def draw(self, renderer: RendererBase) -> None:
        axes, line = self.axis.axes, self.line
        places = _places(*sorted(self.axis.get_view_interval()), self.axis.get_majorticklocs())
        zeros = np.zeros(len(places))
        x, y = (places, zeros) if self.across else (zeros, places)
        line.set_data(x, y)
        line.set_transform(
            axes.get_xaxis_transform() if self.across else axes.get_yaxis_transform()
        )
        if line.get_figure() is None:
            line.set_figure(axes.figure)
        line.draw(renderer)


def _places(low: float, high: float, major: np.ndarray) -> np.ndarray:
    if not 0 < low < high < low * 10.0**DECADES:
        return np.empty(0)
    decades = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    found = np.multiply.outer(10.0**decades, np.arange(1, 10)).ravel()
    found = found[(low <= found) & (found <= high)]
    return found[~np.isclose(found[:, None], major).any(axis=1)]
