"""Learning curves against compute C, and the lowest loss that each C buys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables
from ..numbers import human
from ..studies import Refusal
from ._slices import draw_law

LAW = "#c2255c"
PLACE = 3
TITLE = "The compute frontier"
CAPTION = (
    "Test loss, or the metric in its place, against the compute spent so far. Each thin curve is "
    "one (N, D), averaged over seeds and coloured by model size N. Dots and steps are the "
    "frontier: the lowest loss that any of them reaches within C. The broad line is a power law "
    "with a floor, fitted to the interior of the frontier, where neither the smallest nor the "
    "largest model is best (the ends are limited by the grid), with its 95% band; dashed if the "
    "fit is doubtful. The colour on the frontier at some C is the model size to train there."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    means, edge = tables.mean_curves(), tables.frontier()
    sizes = sorted(means["N"].unique())
    colours = dict(zip(sizes, style.colours(len(sizes), "N"), strict=True))
    with style.theme():
        made = style.figure(height=2.7)
        axes = made.add_subplot()
        for (size, *_), rows in means.groupby([n for n in ("N", "D") if n in means]):
            axes.plot(rows["C"], rows["L"], color=colours[size], lw=0.8, alpha=0.75)
        axes.step(edge["C"], edge["L"], where="post", color=style.INK, lw=0.6, zorder=4)
        axes.plot(edge["C"], edge["L"], "o", color=style.INK, ms=2.2, mew=0, zorder=4)
        entries = [(human(n), [style.mark(colours[n], lw=1.5)]) for n in sizes]
        entries.append(("frontier", [style.mark(style.INK, lw=0.6, marker="o", ms=2.2)]))
        fit = studies.get("frontier")
        if fit is not None and not isinstance(fit, Refusal):
            inner = edge["C"][edge["inner"]]
            draw_law(axes, fit, "C", inner.min(), inner.max(), LAW, front=5)
            entries.append(("its law", [style.mark(LAW, lw=1.3)]))
        style.log_axes(axes, "C", tables.quantity)
        style.key(made, "N", entries, columns=1 if len(entries) <= 14 else 2)
    return made
