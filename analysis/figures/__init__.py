"""Figures of an experiment. One figure per file, found by the file's name: no list is edited.

A figure's module defines `TITLE`, `CAPTION` (how to read it), `PLACE` (a number: small ones come
first on the page) and

    draw(tables, fits, studies) -> matplotlib.figure.Figure

`tables` are the experiment's Tables; make one with `experiment_tables.tables(runs, curves)`. `fits`
are its fits by name (`slice_name` gives the names of slices); a figure leaves out those it does not
find. `studies` are its studies by slug; `studies.require` gives one or raises the reason for which
there is none. A figure fits nothing itself. It raises LabError, with the reason, where something is
missing, and NotApplicable where runs of this kind have no such figure. It follows from its
arguments alone: a report keeps it until the tables, or a fit that it read, have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from scaling_lab import plugins

from ..experiment_tables import Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawing(Protocol):
    """The module of a figure."""

    PLACE: float
    TITLE: str
    CAPTION: str

    def draw(
        self, tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]
    ) -> Figure: ...


def names() -> list[str]:
    """The names of all figures: the files of this folder, then those of plugins."""
    return list(plugins.modules("figures"))


def get(name: str) -> Drawing:
    """The module of one figure."""
    return cast(Drawing, plugins.load("figures", name, "figure"))
