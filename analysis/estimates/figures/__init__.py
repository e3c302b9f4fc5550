"""Figures of orders of magnitude, one per file, found by name.

A figure's module has `TITLE`, `CAPTION` (how to read it), `PLACE` (figures are shown in increasing
order of it) and

    draw(grids: Sequence[Grid]) -> matplotlib.figure.Figure

`Grid` is what an experiment adds to the figure; without any, it shows the estimates alone. If there
is nothing to draw, it raises `LabError` with the reason.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from scaling_lab.errors import unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ...fitting.result import Fit

# One colour for each kind of landmark, and one for our own measurements.
COLOURS = {"machine": "#1f5fa8", "brain": "#c2410c", "anchor": "#6b7280"}
OURS = "#0f766e"


@dataclass(frozen=True)
class Grid:
    """An experiment on the axes of the landmarks.

    C         total FLOP of all its runs; `largest`: FLOP of the largest run
    fits      its laws of compute, or of N and D, by name
    frontier  points on the compute frontier, columns N and D; None if unknown
    """

    name: str
    C: float
    largest: float
    fits: Mapping[str, Fit] = field(default_factory=dict)
    frontier: pd.DataFrame | None = None


class Drawing(Protocol):
    """A figure's module."""

    PLACE: float
    TITLE: str
    CAPTION: str

    def draw(self, grids: Sequence[Grid]) -> Figure: ...


def names() -> list[str]:
    """The names of the figures, in increasing order of PLACE."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda name: (get(name).PLACE, name))


def get(name: str) -> Drawing:
    """The module of one figure. Raises LabError for an unknown name."""
    there = [module.name for module in pkgutil.iter_modules(__path__)]
    if name not in there:
        raise unknown("figure of estimates", name, there)
    return cast(Drawing, importlib.import_module(f"{__name__}.{name}"))
