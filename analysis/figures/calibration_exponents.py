"""Exponents of runs against those of exact theory, a point a task, on the diagonal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from scaling_lab.errors import NotApplicable

from .. import style
from ..experiment_tables import Tables
from ..studies import require

PLACE = 0.0
TITLE = "Exponents against exact theory"
CAPTION = (
    "Left: the exponent of a law fitted to runs against that of the same law fitted to the exact "
    "theory at the same points, for every task, with 95% intervals from the seeds; the line is "
    "equality. Right: their ratio, magnified. Open rings are exponents in the limit of infinite "
    "size, over the exact ones of these sizes, where they are near: their distance from 1 is the "
    "error of an asymptotic theory, not of a run. An exponent of best N is that of the size which "
    "is best at a budget of compute."
)
COLOURS = {"L(C)": "#0072b2", "L(D)": "#d55e00", "L(N)": "#009e73", "N(C)": "#cc79a7"}
WORDS = {"L(C)": "loss, compute", "L(D)": "loss, data", "L(N)": "loss, size", "N(C)": "best N"}
WIDEST = (0.85, 1.15)  # ratios shown


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    found = sorted(require(studies, "calibration").exponents, key=lambda one: one.law)
    if not found:
        raise NotApplicable("no task has points enough for an exponent")
    names = [f"{one.task}, {WORDS[one.law]}" for one in found]
    place = np.arange(len(found))[::-1]
    with style.theme():
        made = style.figure(style.DOUBLE, max(2.8, 0.6 + 0.15 * len(found)))
        left, right = made.subplots(1, 2, width_ratios=[1.0, 0.9])
        for one, at in zip(found, place, strict=True):
            colour, (value, low, high, _) = COLOURS[one.law], one.measured
            reach = [[value - low], [high - value]]
            left.errorbar([one.exact], [value], reach, fmt="o", color=colour, ms=3, mew=0, lw=0.9)
            value, low, high, _ = one.ratio
            reach = [[value - low], [high - value]]
            right.errorbar(
                [value], [at], xerr=reach, fmt="o", color=colour, ms=3, mew=0, lw=0.9, zorder=3
            )
            limit = one.limit / one.exact
            if WIDEST[0] < limit < WIDEST[1]:
                ring = {"ms": 4, "mfc": "none", "mec": colour, "mew": 0.6}
                right.plot([limit], [at], "o", zorder=2, **ring)
        ends = [min(one.exact for one in found) / 1.25, max(one.exact for one in found) * 1.25]
        left.plot(ends, ends, color=style.GREY, lw=0.6, zorder=0)
        left.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        left.set_aspect("equal")
        for axis in (left.xaxis, left.yaxis):
            style.log_ticks(axis, plain=True)
        left.set(xlabel="exact exponent at these points", ylabel="measured exponent")
        laws = [law for law in WORDS if any(one.law == law for one in found)]
        marks = [style.mark(COLOURS[law], ls="", marker="o", ms=3, mew=0) for law in laws]
        left.legend(marks, [WORDS[law] for law in laws], loc="upper left")
        right.axvline(1, color=style.GREY, lw=0.6, zorder=0)
        right.set(xlim=WIDEST, xlabel="measured / exact")
        right.set_yticks(place, names, fontsize=5.5)
        right.tick_params(axis="y", length=0)
    return made
