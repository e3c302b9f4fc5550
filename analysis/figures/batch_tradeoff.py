"""Steps against examples that reach a loss: a hyperbola for each target and model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables
from ..numbers import human
from ..studies import require

PLACE = 4.6
TITLE = "Steps against examples"
CAPTION = (
    "Steps S and examples E = B S in which batches of B reach a loss, at the best learning rate "
    "of each B, geometric means over seeds; one colour for each target, full symbols for the "
    "largest model of a learner and open ones for the smallest, a panel for each learner (an "
    "example of a language model is a block of its context). Lines: (S / S_min - 1) (E / E_min - "
    "1) = 1, fitted to the steps (McCandlish et al. 2018); the cross on each is the critical batch "
    "size, which takes twice the fewest steps and twice the fewest examples."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    """A panel for each learner. Raises the study's own error if there is none."""
    study = require(studies, "critical_batch")
    learners = study.learners
    with style.theme():
        made = style.figure(style.DOUBLE if len(learners) > 1 else style.COLUMN, 2.7)
        panels = made.subplots(1, len(learners), squeeze=False)[0]
        entries = []
        for axes, learner in zip(panels, learners, strict=True):
            curves = [one for one in study.curves if one.learner == learner]
            targets = list(dict.fromkeys(one.target for one in curves))
            hues = dict(zip(targets, style.FAMILIES * len(targets), strict=False))
            largest = max(one.N for one in curves)
            for one in curves:
                _curve(axes, one, hues[one.target], full=largest == one.N)
            style.log_axes(axes, "examples E", "steps S")
            if len(learners) > 1:
                axes.set_title(learner)
            sizes = sorted({one.N for one in curves}, reverse=True)
            entries += [
                (f"{target}, {learner}" if len(learners) > 1 else target, [_mark(hues[target])])
                for target in targets
            ]
            entries += [
                (f"N = {human(n)}", [_mark(style.GREY, full=n == largest)])
                for n in (sizes if len(sizes) > 1 else [])
            ]
        style.key(made, "loss", entries)
    return made


def _curve(axes: Any, one: Any, colour: str, *, full: bool) -> None:
    sizes = np.array(sorted(one.logs))
    steps = np.exp([one.logs[size] for size in sizes])
    face = colour if full else "white"
    axes.plot(sizes * steps, steps, "o", color=colour, mfc=face, ms=3.2, mew=0.8, zorder=3)
    least, critical = (one.fit.params[name].value for name in ("S_min", "B_crit"))
    along = np.geomspace(sizes.min() / 1.3, sizes.max() * 1.3, 100)
    law = least * (1 + critical / along)
    axes.plot(along * law, law, color=colour, lw=0.9, ls="-" if full else (0, (4, 1.5)))
    axes.plot(2 * least * critical, 2 * least, "+", color=style.INK, ms=6, mew=1.0, zorder=4)


def _mark(colour: str, full: bool = True) -> Any:
    face = colour if full else "white"
    return style.mark(colour, lw=0, marker="o", ms=3.6, mfc=face, mew=0.8)
