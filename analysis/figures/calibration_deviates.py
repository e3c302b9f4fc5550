"""Distances of all points from exact theory, beside those that chance alone gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import special

from .. import style
from ..experiment_tables import Tables
from ..studies import require

PLACE = 0.2
TITLE = "Distances from exact theory"
CAPTION = (
    "z of every point, its mean's distance from the exact theory in standard errors, in order of "
    "size against what as many normal deviates are expected to be. If runs, standard errors and "
    "theory are right, points follow the line within the band, which holds each of them with a "
    "probability of 95%; a steeper course means errors that are too small, a shift means a bias."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    found = require(studies, "calibration")
    z = np.sort(found.points["z"].dropna().to_numpy("float64"))
    count, (chi2, n) = len(z), found.chi2
    order = np.arange(1, count + 1)
    expected = special.ndtri((order - 0.375) / (count + 0.25))
    low, high = (
        special.ndtri(special.betaincinv(order, count + 1 - order, p)) for p in (0.025, 0.975)
    )
    with style.theme():
        made = style.figure(height=3.0)
        axes = made.subplots()
        axes.fill_between(expected, low, high, color=style.GRID, lw=0, zorder=0)
        axes.axline((0, 0), slope=1, color=style.GREY, lw=0.6, zorder=1)
        axes.plot(expected, z, "o", color="#0072b2", ms=2.2, mew=0, zorder=2)
        p = special.chdtrc(n, chi2)
        axes.set_title(f"chi² = {chi2:.0f} at {n} points, p = {p:.2g}")
        axes.set(xlabel="expected of normal deviates", ylabel="z")
    return made
