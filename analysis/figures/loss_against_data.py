"""Test loss against training examples D, one law for each size N."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from ..experiment_tables import Tables
from ._slices import draw_slices

PLACE = 2
TITLE = "Loss against data"
CAPTION = (
    "Test loss against the number of distinct training examples D; one colour for each model size "
    "N. Small dots are single seeds, large dots their mean; bars run from the lowest seed to the "
    "highest. Curves are power laws with a floor, E + A·D⁻ᵅ, fitted at each N, with the 95% "
    "band of the curve; a dashed curve comes from a fit that a check doubts. A straight stretch is "
    "a power law; where a curve flattens towards its floor, the model is too small for more data "
    "to help."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    return draw_slices(tables, fits, "D", "N")
