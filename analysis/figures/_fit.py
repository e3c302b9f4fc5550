"""A fit drawn: its curve, or predicted against measured responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling_lab.errors import LabError

from ..style import (
    GREY,
    LABELS,
    PALETTES,
    RING,
    figure,
    log_axes,
    log_ticks,
    theme,
    widen,
)
from ..tables import ROLES

if TYPE_CHECKING:
    from ..fitting.result import Fit


def plotted(fit: Fit, held: pd.DataFrame | None = None) -> Figure:
    """A figure of a fit, in the theme: its curve, or predicted against measured responses.

    `held` are rows that were not fitted, columns named by role: they are drawn as rings.
    """
    with theme():
        made = figure()
        axes = made.subplots()
        if len(fit.variables) == 1:
            plot(axes, fit, held)
            axes.legend()
        else:
            _measured(axes, fit, held)
    return made


def plot(axes: Axes, fit: Fit, held: pd.DataFrame | None = None) -> None:
    """Points, curve and band against the law's one variable, on a logarithmic axis.

    Raises LabError for a law of several variables.
    """
    if len(fit.variables) != 1:
        raise LabError(
            f"{fit.law} has {len(fit.variables)} variables and plot draws one; "
            "use scaling-lab fit --figure"
        )
    role = fit.variables[0]
    scale = fit.certificate["scales"][role]
    ends = [scale["low"], scale["high"], *(() if held is None else held[role])]
    at = np.geomspace(min(ends) / 1.5, max(ends) * 1.5, 200)
    center, low, high = fit.predict({role: at}, fit.level)
    (line,) = axes.plot(at, center, label=fit.equation)
    axes.fill_between(at, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
    if fit.points is not None:
        axes.plot(fit.points[role], fit.points["L"], "o", color="0.2", markersize=4)
    if held is not None:
        axes.plot(held[role], held["L"], "o", color=RING, mfc="none", ms=4, label="held out")
    what = f"{role} ({ROLES[role]})" if role in ROLES else role
    yscale = "log" if fit.settings["space"] == "log" else "linear"
    axes.set(xscale="log", yscale=yscale, xlabel=what, ylabel=fit.law.response)
    if yscale == "log":
        widen(axes.yaxis)
        log_ticks(axes.yaxis, plain=True)
    log_ticks(axes.xaxis, plain=role not in ("C", "x"))


def _measured(axes: Axes, fit: Fit, held: pd.DataFrame | None) -> None:
    """Measured against predicted responses, coloured by the first of the law's variables."""
    if fit.points is None:
        raise LabError("this fit came from a card and has no points to draw; fit the table again")
    rows, first = fit.points, fit.variables[0]
    given = fit.predict({role: rows[role] for role in fit.variables}).center
    tint = colormaps[PALETTES.get(first, PALETTES["N"])[0]]
    shades = axes.scatter(given, rows["L"], c=rows[first], cmap=tint, norm="log", s=9, lw=0)
    ends = [min(given.min(), rows["L"].min()), max(given.max(), rows["L"].max())]
    if held is not None:
        apart = fit.predict({role: held[role] for role in fit.variables}).center
        axes.plot(apart, held["L"], "o", color=RING, mfc="none", ms=4, label="held out")
        axes.legend(loc="upper left")
        ends = [min(*ends, apart.min(), held["L"].min()), max(*ends, apart.max(), held["L"].max())]
    axes.plot(ends, ends, color=GREY, lw=0.8, zorder=0)
    log_axes(axes, "predicted", "measured")
    log_ticks(axes.xaxis, plain=True)
    axes.set(xlabel=f"{fit.equation.split(' = ')[0]} by {fit.law}", ylabel="measured")
    bar = axes.figure.colorbar(shades, ax=axes, pad=0.02, aspect=30)
    bar.set_label(LABELS.get(first, first))
    bar.outline.set_visible(False)  # type: ignore[operator]
