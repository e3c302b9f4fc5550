"""Exponents of the same runs under each way of counting N and C."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables
from ..numbers import symbol
from ..studies import require
from .optimal_size import COLOURS

if TYPE_CHECKING:
    from ..studies.conventions import Counted

PLACE = 8
LONGEST = 34  # characters in a line of a label
TITLE = "The same runs, counted otherwise"
CAPTION = (
    "Exponents with their 95% intervals under each way of counting parameters N and compute C that "
    "the table's parts allow: with or without the embedding and the last layer, C by parts or as "
    "6 N D. The runs and their losses are the same in every row; only the definitions of N and C "
    "differ."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    return drawn(require(studies, "counting"))


def drawn(found: Counted) -> Figure:
    """The figure of one comparison of conventions: one panel per exponent."""
    panels = list(dict.fromkeys(found.exponents["name"]))
    lines = found.exponents["convention"].nunique()
    with style.theme():
        made = style.figure(style.DOUBLE, 1.1 + 0.3 * lines)
        # Browsers set the labels of an SVG up to 3% wider than they are here.
        made.get_layout_engine().set(w_pad=0.08)  # pyright: ignore
        several = made.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        entries: dict[str, list] = {}
        for axes, name in zip(several, panels, strict=True):
            entries |= plot(axes, found, name)
        style.key(made, "by", list(entries.items()))
    return made


def plot(axes: Axes, found: Counted, name: str = "") -> dict[str, list]:
    """One exponent (by default the first) under each convention; returns the key's entries."""
    rows = found.exponents
    name = name or rows["name"].iloc[0]
    conventions = list(dict.fromkeys(rows["convention"]))
    rows = rows[rows["name"] == name]
    ways = list(dict.fromkeys(rows["by"]))
    entries = {}
    for place, by in enumerate(ways):
        mine, colour = rows[rows["by"] == by], COLOURS.get(by, style.INK)
        shift = 0.0 if len(ways) == 1 else 0.5 * (place / (len(ways) - 1) - 0.5)
        at = np.array([conventions.index(c) for c in mine["convention"]]) + shift
        axes.hlines(at, mine["low"], mine["high"], color=colour, lw=1.4, alpha=0.6)
        axes.plot(mine["value"], at, "o", color=colour, ms=3.8, mec="white", mew=0.5)
        entries[by] = [style.mark(colour, lw=1.4, marker="o", ms=3.4)]
    axes.set_yticks(range(len(conventions)), [_broken(one) for one in conventions])
    axes.set_ylim(len(conventions) - 0.5, -0.5)
    axes.set_xlabel(f"exponent {symbol(name)}" + (" of N*(C)" if name == "a" else ""))
    return entries


def _broken(label: str) -> str:
    """A long label in lines, broken at its comma first."""
    if len(label) <= LONGEST:
        return label
    return ",\n".join(textwrap.fill(part, LONGEST) for part in label.split(", "))
