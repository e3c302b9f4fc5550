"""Figures of orders of magnitude, one a file, found by its file's name.

A figure's module holds `TITLE`, `CAPTION` (how to read it), `PLACE` (small ones come first) and

    draw(grids: Sequence[Grid]) -> matplotlib.figure.Figure

`Grid` carries what an experiment of one's own adds to the picture; without any, the estimates stand
alone. Where there is nothing to draw it raises `LabError` with the reason.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from scaling_lab.errors import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...fitting.result import Fit

# One colour a kind of landmark, and one for what is measured here.
COLOURS = {"machine": "#1f5fa8", "brain": "#c2410c", "anchor": "#6b7280"}
OURS = "#0f766e"


@dataclass(frozen=True)
class Grid:
    """An experiment on the axes of the landmarks.

    C         FLOP of all its runs together; `largest` of the greatest of them
    fits      its laws that can be read at a compute, by name
    frontier  the points of least loss for their compute: columns N and D (None: not known)
    """

    name: str
    C: float
    largest: float
    fits: Mapping[str, Fit] = field(default_factory=dict)
    frontier: Any = None


class Drawing(Protocol):
    """What a figure's module holds."""

    PLACE: float
    TITLE: str
    CAPTION: str

    def draw(self, grids: Sequence[Grid]) -> Figure: ...


def names() -> list[str]:
    """The figures there are, in the order of their places."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda name: (get(name).PLACE, name))


def get(name: str) -> Drawing:
    """The module of one figure. Raises LabError for an unknown name."""
    there = [module.name for module in pkgutil.iter_modules(__path__)]
    if name not in there:
        raise unknown("figure of estimates", name, there)
    return cast(Drawing, importlib.import_module(f"{__name__}.{name}"))
