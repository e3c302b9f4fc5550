"""Minor ticks of a log axis as one line of marks.

Matplotlib makes five artists of each tick and lays all of them out, though a minor tick has neither
label nor grid line. Half the time of a figure went there.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib import rcParams
from matplotlib.axis import Axis, XAxis
from matplotlib.backend_bases import RendererBase
from matplotlib.lines import TICKDOWN, TICKLEFT, Line2D
from matplotlib.ticker import NullLocator

DECADES = 7  # a longer axis has none


def minor_ticks(axis: Axis) -> None:
    """Mark 1 to 9 times each power of ten in view, in place of the axis' own minor ticks."""
    axis.set_minor_locator(NullLocator())
    for line in [line for line in axis.axes.artists if isinstance(line, _Marks)]:
        if line.axis is axis:
            line.remove()
    axis.axes.add_artist(_Marks(axis))


class _Marks(Line2D):
    """The marks of one axis; their places are those of the view when they are drawn."""

    def __init__(self, axis: Axis) -> None:
        kind = "xtick" if isinstance(axis, XAxis) else "ytick"
        super().__init__([], [], linestyle="", color=rcParams[f"{kind}.color"], clip_on=False)
        self.axis = axis
        self.set_marker(TICKDOWN if kind == "xtick" else TICKLEFT)
        self.set_markersize(rcParams[f"{kind}.minor.size"])
        self.set_markeredgewidth(rcParams[f"{kind}.minor.width"])
        self.set_zorder(0.5)  # with the other ticks
        self.set_in_layout(False)

    def draw(self, renderer: RendererBase) -> None:
        axes = self.axis.axes
        across = isinstance(self.axis, XAxis)
        places = _places(*sorted(self.axis.get_view_interval()), self.axis.get_majorticklocs())
        zeros = np.zeros(len(places))
        self.set_data(*((places, zeros) if across else (zeros, places)))
        self.set_transform(axes.get_xaxis_transform() if across else axes.get_yaxis_transform())
        super().draw(renderer)


def _places(low: float, high: float, major: np.ndarray) -> np.ndarray:
    if not 0 < low < high < low * 10.0**DECADES:
        return np.empty(0)
    decades = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    found = np.multiply.outer(10.0**decades, np.arange(1, 10)).ravel()
    found = found[(low <= found) & (found <= high)]
    return found[~np.isclose(found[:, None], major).any(axis=1)]
