"""Training compute against date: the trend to 2018, its projection, and later systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import style
from .. import doubling
from ..domains import history, life
from . import COLOURS, Grid

PLACE = 4
TITLE = "Compute against time: projection and outcome"
CAPTION = (
    "Training compute of systems against their date of publication; the right axis is in human "
    "lives of 10²⁴ FLOP. Blue: the points of “AI and Compute” (2018), large for systems that took "
    "more than any before; the line is the least-squares trend of those, dashed where projected, "
    "with its 90% range. The star is the talk's “2022: about 1000 lives”. Orange: the largest "
    "systems since (Epoch AI). The trend did not hold: in 2022 the largest run was almost a "
    "thousand times below it."
)
EPOCH = "Grey: all systems of the given table, with the least-squares trend of each of its eras."
TALK = (2022.5, 1000)  # date, lives
SINCE = "#c2410c"
# Offset of a label from its mark in points, and its alignment, if not below to the right.
PLACES = {
    "AlexNet": (0, 6, "center"),
    "VGG": (6, -2, "left"),
    "DeepSpeech2": (6, 1, "left"),
    "GNMT": (-5, 3, "right"),
    "AlphaGo Zero": (-5, 3, "right"),
    "PaLM": (-5, 3, "right"),
}
FIRST, LAST = 2011.6, 2026.2


def draw(grids: Sequence[Grid], systems: pd.DataFrame | None = None) -> Figure:
    """Draw it; `systems` is an optional table of system, date and flop, such as Epoch's."""
    points, since = history.points(), history.since()
    with style.theme():
        made = style.figure(style.DOUBLE, 3.1)
        axes = made.add_subplot()
        if systems is not None:
            _cloud(axes, systems)
        _trend(axes)
        records = doubling.record_setters(points)
        for table, size in ((points, 2.6), (records, 5)):
            axes.plot(
                doubling.years(table["date"]), table["flop"], "o", color=COLOURS["machine"], ms=size
            )
        axes.plot(doubling.years(since["date"]), since["flop"], "o", color=SINCE, ms=4.6)
        for table, colour in ((records, COLOURS["machine"]), (since, SINCE)):
            _names(axes, table, colour)
        one = life.flops.centre()
        axes.plot(TALK[0], TALK[1] * one, "*", color=style.INK, ms=11)
        axes.annotate(
            "the talk: ~1000 lives",
            (TALK[0], TALK[1] * one),
            xytext=(-28, -15),
            textcoords="offset points",
            fontsize=7.5,
        )
        axes.set(yscale="log", ylabel="training compute C (FLOP)", xlim=(FIRST, LAST))
        axes.set_ylim(2e14, 4e30)
        axes.set_yticks([10.0**k for k in range(15, 31, 3)])
        axes.set_xticks(range(2012, 2027, 2))
        axes.axhline(one, color=style.GREY, lw=0.7, ls=(0, (1, 2)))
        scale: Any = (lambda flop: flop / one, lambda lives: lives * one)
        lives = axes.secondary_yaxis("right", functions=scale)
        lives.set_ylabel("human lives of compute")
        lives.set_yticks([10.0**k for k in range(-9, 7, 3)])
        lives.tick_params(which="minor", length=0)
        axes.tick_params(which="minor", length=0)
    return made


def _trend(axes: Axes) -> None:
    line, colour = history.trend(), COLOURS["machine"]
    records = doubling.record_setters(history.points())
    ends = doubling.years(records["date"])[[0, -1]]
    axes.plot(ends, line.flop(ends), color=colour, lw=1.2)
    ahead = np.array([ends[1], LAST])
    axes.plot(ahead, line.flop(ahead), color=colour, lw=1.1, ls=(0, (4, 2)))
    years = np.linspace(ends[1], LAST, 30)
    start = line.flop(ends[1])
    low, high = (start * 2 ** (12 * (years - ends[1]) / months) for months in (line.high, line.low))
    axes.fill_between(years, low, high, color=colour, alpha=0.1, lw=0)
    axes.annotate(
        f"doubling every {line.months:.1f} months,\nas projected",
        (2019.3, float(np.asarray(line.flop(2019.3)))),
        xytext=(-8, 14),
        textcoords="offset points",
        ha="right",
        color=colour,
        fontsize=7.5,
    )


def _cloud(axes: Axes, systems: pd.DataFrame) -> None:
    axes.plot(
        doubling.years(systems["date"]),
        systems["flop"],
        "o",
        color=style.GREY,
        ms=2.2,
        alpha=0.35,
        mew=0,
        zorder=1,
    )
    for (first, last), dashes in zip(history.ERAS, ("-", (0, (5, 2))), strict=True):
        era = doubling.between(systems, first, last)
        line = doubling.fit(era)
        ends = doubling.years(era["date"])[[0, -1]]
        label = f"{first} to {last}: doubling every {line.months:.1f} months"
        axes.plot(ends, line.flop(ends), color=style.INK, lw=1, ls=dashes, zorder=2, label=label)
    axes.legend(loc="lower right")


def _names(axes: Axes, table: pd.DataFrame, colour: str) -> None:
    for system, date, flop in zip(
        table["system"], doubling.years(table["date"]), table["flop"], strict=True
    ):
        right, up, side = PLACES.get(system, (5, -8, "left"))
        axes.annotate(
            system,
            (date, flop),
            xytext=(right, up),
            ha=side,
            textcoords="offset points",
            fontsize=7,
            color=colour,
        )
