"""A fit drawn: its curve, or what it predicts against what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling_lab.errors import LabError

from ..style import GREY, LABELS, PALETTES, RING, figure, log_axes, log_ticks, theme

if TYPE_CHECKING:
    from ..fitting.result import Fit


def plotted(fit: Fit, held: Any = None) -> Figure:
    """A figure of a fit, in the theme: its curve, or what it gives against what was measured.

    `held` are rows that were not fitted, columns named by role: they are drawn as rings.
    """
    with theme():
        made = figure()
        if len(fit.variables) == 1:
            fit.plot(made.subplots(), held)
        else:
            _measured(made.subplots(), fit, held)
    return made


def _measured(axes: Axes, fit: Fit, held: Any) -> None:
    """Measured against predicted response, coloured by the first of the law's variables."""
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
