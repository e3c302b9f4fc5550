"""Sharpness through training, over the largest that is stable, a line for each learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from scaling_lab.errors import NotApplicable

from .. import style
from ..experiment_tables import Tables, needs

RATIO = "sharpness_over_threshold"
PLACE = 4.5
TITLE = "Edge of stability"
CAPTION = (
    "The largest eigenvalue of the Hessian of the training loss over the largest that is stable at "
    "the learning rate, 2 / eta for gradient descent, against steps: mean over seeds, one colour "
    "for each rate, thin lines for single seeds. Descent that is stable stays below 1, the dashed "
    "line; at the edge of stability it settles there (Cohen et al. 2021). Runs that diverged have "
    "no line."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    """One panel. Raises NotApplicable if no run measured its sharpness."""
    if RATIO not in tables.curves or not tables.curves[RATIO].notna().any():
        raise NotApplicable("the edge of stability needs runs that measured their sharpness")
    needs(tables.runs, ("run", "learning_rate"), TITLE)
    rates = tables.runs[["run", "learning_rate"]]
    curves = tables.curves.dropna(subset=[RATIO]).merge(rates, on="run")
    values = sorted(curves["learning_rate"].unique())
    colours = dict(zip(values, style.colours(len(values), "C"), strict=True))
    with style.theme():
        made = style.figure(style.COLUMN, 2.55)
        axes = made.subplots()
        axes.axhline(1, color=style.GREY, lw=0.8, ls=(0, (4, 2)))
        for rate, colour in colours.items():
            rows = curves[curves["learning_rate"] == rate]
            for _, one in rows.groupby("run"):
                axes.plot(one["step"], one[RATIO], color=colour, lw=0.5, alpha=0.4)
            mean = rows.groupby("step")[RATIO].mean()
            axes.plot(mean.index, mean, color=colour, lw=1.3)
        axes.set_xscale("log")
        style.log_ticks(axes.xaxis, plain=True)
        axes.set_xlabel(style.LABELS["step"])
        axes.set_ylabel("sharpness / largest stable")
        axes.set_ylim(bottom=0)
        entries = [(f"{rate:g}", [style.mark(colours[rate], lw=1.5)]) for rate in values[::-1]]
        style.key(made, "rate", entries)
    return made
