"""The gradient noise scale through training, beside critical batch sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from scaling_lab.errors import NotApplicable

from .. import style
from ..experiment_tables import Tables, needs
from ..numbers import human
from ..studies import Refusal

PLACE = 4.7
TITLE = "Gradient noise scale"
CAPTION = (
    "The gradient noise scale tr(Sigma) / |G|^2 while the test loss falls (to the right), median "
    "over seeds, in examples of a batch: estimated from the parts of a minibatch (solid) and from "
    "two batch sizes (dashed). Squares with 95% intervals: critical batch sizes, from the steps "
    "that reach these losses. Dotted, for MNIST: the mean critical batch size, 200, and the mean "
    "noise scale, 900, of McCandlish et al. 2018, who name tens of thousands for ImageNet and "
    "millions for Dota 2."
)
ONE, TWO = "noise_scale", "noise_scale_two_batches"
PUBLISHED = {"mnist": (200.0, 900.0)}  # data -> critical batch size, noise scale


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    """A panel for each learner. Raises NotApplicable if no run measured it."""
    curves = tables.curves
    if ONE not in curves or not (curves[ONE] > 0).any():
        raise NotApplicable("a noise scale needs runs that measured it")
    needs(curves, ("test_loss", "N"), TITLE)
    needs(tables.runs, ("run", "learner"), TITLE)
    kinds = [name for name in ("run", "learner", "data") if name in tables.runs]
    rows = curves[curves[ONE] > 0].merge(tables.runs[kinds], on="run")
    learners = sorted(rows["learner"].unique(), reverse=True)
    sizes = sorted(rows["N"].unique())
    colours = dict(zip(sizes, style.colours(len(sizes), "N"), strict=True))
    study = studies.get("critical_batch")
    critical = [] if study is None or isinstance(study, Refusal) else study.curves
    with style.theme():
        made = style.figure(style.DOUBLE if len(learners) > 1 else style.COLUMN, 2.7)
        panels = made.subplots(1, len(learners), squeeze=False)[0]
        for axes, learner in zip(panels, learners, strict=True):
            mine = rows[rows["learner"] == learner]
            for N, part in mine.groupby("N"):
                _line(axes, part, colours[N])
            for one in (one for one in critical if one.learner == learner):
                _point(axes, one, colours.get(one.N, style.INK))
            data = str(mine["data"].iloc[0]) if "data" in mine else ""
            for level in PUBLISHED.get(data.split("_")[0], ()):
                axes.axhline(level, color=style.GREY, lw=0.9, ls=(0, (1, 1.5)), zorder=1)
            style.log_axes(axes, "loss", "examples in a batch")
            axes.set_xlabel(style.LABELS["loss"])
            axes.invert_xaxis()
            if len(learners) > 1:
                axes.set_title(learner)
        entries = [(human(n), [style.mark(colours[n], lw=1.5)]) for n in sizes]
        style.key(made, "N", entries)
    return made


def _line(axes: Any, rows: Any, colour: str) -> None:
    for name, dashes, width in ((ONE, "-", 1.2), (TWO, (0, (3, 1.5)), 0.9)):
        if name in rows:
            middle = rows.groupby("step")[["test_loss", name]].median()
            middle = middle[middle[name] > 0]
            axes.plot(middle["test_loss"], middle[name], color=colour, ls=dashes, lw=width)


def _point(axes: Any, one: Any, colour: str) -> None:
    found = one.fit.params["B_crit"]
    reach = np.array([[found.value - found.low], [found.high - found.value]])
    axes.errorbar(
        [float(one.target)],
        [found.value],
        yerr=reach if np.isfinite(reach).all() else None,
        fmt="s",
        color=colour,
        ms=3.6,
        mfc="white",
        mew=0.9,
        lw=0.9,
        zorder=4,
    )
