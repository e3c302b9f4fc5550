"""Plotting: how `plot()` of a result reaches the figure that draws it.

Figures lie above the results they draw, so a result cannot import its figure. Its `plot` calls
`draw` with the figure's name instead. This is the one upward import in analysis, and
tests/test_imports.py allows it here alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(figure: str, result: object, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw the result on `ax`, or on a new figure of pyplot's, and give the axes.

    `figure` is a module of `figures/` with a function plot(axes, result, **options).
    """
    from matplotlib import pyplot as plt

    from . import figures

    module = importlib.import_module(f".{figure}", figures.__name__)
    if ax is None:
        ax = plt.figure(layout="constrained").add_subplot()
    module.plot(ax, result, **options)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)
    return ax
