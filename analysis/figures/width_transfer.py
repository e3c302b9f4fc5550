"""Loss against learning rate, a curve for each width, under both parametrisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables
from ..studies import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..studies.mup_optimum import MupOptimum

PLACE = 7
TITLE = "The best learning rate at each width"
CAPTION = (
    "Validation loss against learning rate, mean over seeds, a curve for each width; left under "
    "the standard parametrisation, right under muP, one row for each family. Dots: the best rate "
    "of each width, where a parabola through the bottom of the curve has its minimum, mean over "
    "seeds. It is a power of the width, whose exponent stands above with its 95% interval."
)
WORDS = {"standard": "standard", "mup": "muP"}
ABOVE = 4.0  # losses shown: up to this many times the lowest of the row


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    found: MupOptimum = require(studies, "mup_optimum")
    families = list(dict.fromkeys(found.sweeps["family"]))
    with style.theme():
        made = style.figure(style.DOUBLE, 0.4 + 2.3 * len(families))
        rows = made.subplots(len(families), 2, sharex="row", sharey="row", squeeze=False)
        for axes, family in zip(rows, families, strict=True):
            mine = found.sweeps[found.sweeps["family"] == family]
            widths = sorted(mine["width"].unique())
            colours = dict(zip(widths, style.colours(len(widths), "N"), strict=True))
            for panel, name in zip(axes, WORDS, strict=True):
                _panel(panel, found, family, name, colours)
            lowest = float(mine["loss"].min())
            highest = min(float(mine["loss"].max()), ABOVE * lowest)
            axes[0].set_ylim(lowest / 1.08, highest)
            for panel in axes:
                panel.set_xlabel("learning rate")
                style.log_ticks(panel.xaxis, plain=False)
            axes[0].set_ylabel(f"{family}: validation loss (nats)")
            style.log_ticks(axes[0].yaxis, plain=True)
            handles = [style.mark(colour, lw=1.2) for colour in colours.values()]
            axes[1].legend(
                handles, [f"{width:g}" for width in widths], title="width", loc="upper left"
            )
    return made


def _panel(
    panel: Axes, found: MupOptimum, family: str, name: str, colours: Mapping[float, str]
) -> None:
    """The curves of one family under one parametrisation, with the best rate of each width."""
    for width, colour in colours.items():
        own = found.sweeps[
            (found.sweeps["family"] == family)
            & (found.sweeps["parametrization"] == name)
            & (found.sweeps["width"] == width)
        ].sort_values("rate")
        if own.empty:
            continue
        panel.plot(own["rate"], own["loss"], color=colour, lw=1.0, zorder=3)
        best = found.best[
            (found.best["family"] == family)
            & (found.best["parametrization"] == name)
            & (found.best["width"] == width)
        ]
        at = float(best["log2_rate"].mean())
        x = np.log2(own["rate"].to_numpy(float))
        loss = float(np.exp(np.interp(at, x, np.log(own["loss"].to_numpy(float)))))
        panel.plot(2.0**at, loss, "o", color=colour, ms=5, mec="white", mew=0.7, zorder=5)
    panel.set(xscale="log", yscale="log")
    slope = found.params.get(f"{family}.{name}")
    said = ""
    if slope is not None:
        value, interval, _ = slope.as_text()
        said = f": slope {value} ({interval})"
    panel.set_title(f"{WORDS[name]}{said}")
