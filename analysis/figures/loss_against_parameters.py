"""Test loss against parameters N, one law for each data size D."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from ..experiment_tables import Tables
from ._slices import draw_slices

PLACE = 1
TITLE = "Loss against parameters"
CAPTION = (
    "Test loss against the number of parameters N; one colour for each data size D. Small dots are "
    "single seeds, large dots their mean; bars run from the lowest seed to the highest. Curves are "
    "power laws with a floor, E + A·N⁻ᵅ, fitted at each D, with the 95% band of the curve; a "
    "dashed curve comes from a fit that a check doubts. Where the curves converge and flatten, "
    "data rather than size limits the loss."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    return draw_slices(tables, fits, "N", "D")
