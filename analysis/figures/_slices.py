"""Loss against one of N and D at each value of the other: shared by two figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scaling_lab.errors import LabError

from .. import style
from ..checks import Severity
from ..experiment_tables import Tables, needs, slice_name
from ..numbers import human

REAL = (0, (1, 1.3))


def draw_slices(tables: Tables, fits: Mapping[str, Any], x: str, at: str) -> Figure:
    """Loss against `x`, one colour for each value of `at`: seeds, their mean and range, the law."""
    needs(tables.chosen, (x, tables.loss), f"loss against {x}")
    values = tables.values(at)
    rows = tables.chosen
    along = [value for value in values if rows[x][rows[at] == value].nunique() > 1]
    if len(values) > 1 and not along:
        raise LabError(f"loss against {x} needs two values of {x} at one {at}; there are none")
    values = along or values
    with style.theme():
        made = style.figure()
        axes = made.add_subplot()
        if not values:
            _series(axes, tables.chosen, x, tables.loss, style.INK)
            style.log_axes(axes, x, tables.quantity)
            return made
        colours = style.colours(len(values), at)
        entries = []
        for value, colour in zip(values, colours, strict=True):
            rows = tables.chosen[tables.chosen[at] == value]
            _series(axes, rows, x, tables.loss, colour, fits.get(slice_name(x, at, value)))
            marks = (style.mark(colour), style.mark(colour, marker="o", linestyle=""))
            entries.append((human(value), marks))
        entries += _baselines(axes, tables, x)
        style.log_axes(axes, x, tables.quantity)
        # The key lists values in the order of the curves: fewest data or parameters on top.
        style.key(made, at, entries, columns=1 if len(entries) <= 14 else 2)
    return made


def _baselines(axes: Axes, tables: Tables, x: str) -> list[tuple[str, list]]:
    """In grey: the feature distance of real images, and baselines (against N, the best one)."""
    entries = []
    if tables.loss == "best_test_distance" and "real_distance" in tables.chosen:
        real = tables.chosen["real_distance"].dropna()
        if len(real):
            axes.axhline(real.mean(), color=style.GREY, ls=REAL, lw=1.0, zorder=1)
            entries.append(("real pictures", [style.mark(style.GREY, ls=REAL, lw=1.0)]))
    table = tables.auxiliary.get("baselines")
    if table is None:
        return entries
    for name, rows in table.sort_values("D").groupby("name", sort=False):
        line = {"color": style.GREY, "ls": (0, (3, 1, 1, 1)), "lw": 1.0}
        if x == "D":
            axes.plot(rows["D"], rows["L"], marker="s", ms=2.6, zorder=2, **line)
        else:
            axes.axhline(rows["L"].min(), zorder=1, **line)
        entries.append((str(name), [style.mark(line["color"], ls=line["ls"], lw=1.0)]))
    return entries


def _series(axes: Axes, rows, x: str, loss: str, colour: str, fit=None) -> None:
    """One colour: seeds as small dots, their mean as a large one, their range as a bar; a law."""
    many = len(rows) > 2000
    axes.plot(
        rows[x], rows[loss], ".", color=colour, alpha=0.6, ms=3.4, mew=0, rasterized=many, zorder=3
    )
    by_x = rows.groupby(x)[loss].agg(["mean", "min", "max"])
    at = by_x.index.to_numpy(float)
    axes.vlines(at, by_x["min"], by_x["max"], color=colour, lw=0.7, alpha=0.5, zorder=3)
    axes.plot(at, by_x["mean"], "o", color=colour, ms=4.2, mec="white", mew=0.5, zorder=4)
    if fit is None:
        axes.plot(at, by_x["mean"], color=colour, lw=0.6, alpha=0.6, zorder=2)
        return
    draw_law(axes, fit, x, at.min(), at.max(), colour)


def draw_law(
    axes: Axes, fit, x: str, low: float, high: float, colour: str, *, front: float = 2
) -> None:
    """A fitted law with its band over the range of the data; dashed if the fit is doubtful."""
    over = np.geomspace(low / 1.15, high * 1.15, 60)
    predicted = fit.predict({x: over})
    limits = axes.dataLim.frozen()
    axes.fill_between(over, predicted.low, predicted.high, color=colour, alpha=0.16, lw=0, zorder=1)
    axes.dataLim.set(limits)  # a band that opens wide beyond the data does not set the scale
    doubtful = any(one.severity >= Severity.DOUBT for one in fit.findings)
    line = (0, (4, 1.6)) if doubtful else "-"
    axes.plot(over, predicted.center, color=colour, lw=1.2, linestyle=line, zorder=front)
