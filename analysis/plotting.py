"""Plotting: how `plot()` of a result reaches the figure that draws it.

Figures lie above the results they draw, so no result imports its figure. Its `plot` names the
figure, and `draw` imports that module when called. No other module imports a higher one by name
(tests/analysis/test_plotting.py).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(figure: str, result: object, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw the result on `ax`, or on a new pyplot figure, and return the axes.

    `figure` is a module of `figures/` with a function plot(axes, result, **options).
    """
    from matplotlib import pyplot as plt

    module = importlib.import_module(f".figures.{figure}", __package__)
    if ax is None:
        ax = plt.figure(layout="constrained").add_subplot()
    module.plot(ax, result, **options)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)
    return ax
