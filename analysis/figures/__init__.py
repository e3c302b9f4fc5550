"""One figure a file, found by its file's name: adding a figure edits no list.

A figure's module holds `TITLE`, `CAPTION` (how to read it), `PLACE` (a number: small ones come
first on the page) and

    draw(frame: Tables, fits: Mapping[str, Fit]) -> matplotlib.figure.Figure

`Tables` carries what a figure may need; make one with `tables(runs, curves)`. A figure takes from
`fits` the laws it draws, under the names that `slice_name` gives and `FRONTIER` is, and leaves out
those it does not find. Where the tables hold nothing to draw it raises `LabError` with the reason:
`Inapplicable` where such runs have no such figure and nothing is amiss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from scaling_lab import plugins

from ..experiment_tables import Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawing(Protocol):
    """What a figure's module holds."""

    PLACE: float
    TITLE: str
    CAPTION: str

    def draw(self, frame: Tables, fits: Mapping[str, Any]) -> Figure: ...


def names() -> list[str]:
    """The figures there are: the files of this folder, then those of plugins."""
    return list(plugins.modules("figures"))


def get(name: str) -> Drawing:
    """The module of one figure."""
    return cast(Drawing, plugins.load("figures", name, "figure"))
