"""Loss against the optimiser's steps, a panel for each of up to four data sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables, needs
from ..numbers import human

PANELS = 4
PLACE = 4
TITLE = "Learning curves"
CAPTION = (
    "Loss, or the metric in its place, against optimiser steps, averaged over seeds; one colour "
    "for each model size N, one panel for each data size D (the smallest, the largest and some in "
    "between). Solid: test loss; faint dashes: loss on the training minibatches, where that is "
    "the same metric. The ring marks the step of lowest validation loss, whose test loss is used "
    "everywhere else. Where the solid curve rises while the dashes fall (and leave the frame), "
    "the model memorises."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    """One row of panels with one scale; without a column D a single panel."""
    needs(tables.curves, ("step", tables.measure), "learning curves")
    curves = tables.curves[tables.curves["step"] > 0]
    sizes = sorted(curves["N"].dropna().unique()) if "N" in curves else []
    colours = dict(zip(sizes, style.colours(len(sizes), "N"), strict=True))
    data = _some(sorted(curves["D"].dropna().unique()) if "D" in curves else [])
    if data and sizes and curves.groupby("D")["N"].nunique().max() < 2:
        data = []  # every run has a D of its own: one panel holds them all
    with style.theme():
        wide = len(data) > 1
        made = style.figure(style.DOUBLE if wide else style.COLUMN, 2.35 if wide else 2.55)
        panels = made.subplots(1, max(1, len(data)), sharex=True, sharey=True, squeeze=False)[0]
        for axes, value in zip(panels, data or [None], strict=True):
            here = curves if value is None else curves[curves["D"] == value]
            alone = ["N", "D"] if sizes and not data and "D" in here else ["N"]
            for key, rows in here.groupby(alone) if sizes else [((None,), here)]:
                _curve(axes, rows, colours.get(key[0], style.INK), tables.measure)
            if value is not None:
                axes.set_title(f"D = {human(value)}")
        for axes in panels:
            style.log_axes(axes, "step", tables.quantity)
        # Scaled to the test data: the training loss of a memorising model falls without bound.
        low, high = curves[tables.measure].min(), curves[tables.measure].max()
        if low > 0:
            panels[0].set_ylim(low / 1.7, high * 1.25)
        for axes in panels:
            style.log_ticks(axes.yaxis, plain=True)
        for axes in panels[1:]:
            axes.set_ylabel("")
        if tables.measure == "test_loss":
            panels[0].set_ylabel("loss (nats)")
        entries = [(human(n), [style.mark(colours[n], lw=1.5)]) for n in sizes]
        if entries:
            style.key(made, "N", entries, columns=1 if len(entries) <= 12 else 2)
    return made


def _curve(axes, rows, colour: str, measure: str) -> None:
    valid = measure.replace("test", "valid", 1)
    there = [name for name in (measure, valid, "train_loss") if name in rows]
    means = rows.groupby("step")[there].mean()
    if measure == "test_loss" and "train_loss" in means:
        dashes = {"lw": 0.7, "ls": (0, (3, 2)), "alpha": 0.55}
        axes.plot(means.index, means["train_loss"], color=colour, **dashes)
    axes.plot(means.index, means[measure], color=colour, lw=1.1)
    if valid in means and means[valid].notna().any():
        best = means[valid].idxmin()
        axes.plot(best, means[measure][best], "o", color=colour, mfc="white", ms=3.4, mew=0.9)


def _some(values: list) -> list:
    """At most PANELS of the values, spread evenly, with the first and the last."""
    if len(values) <= PANELS:
        return values
    return [values[round(i * (len(values) - 1) / (PANELS - 1))] for i in range(PANELS)]
