"""Loss of a token against its position in the context, one colour for each size N."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from scaling_lab.errors import LabError, NotApplicable

from .. import style
from ..experiment_tables import Tables
from ..numbers import human

PLACE = 4.5
TITLE = "Loss by position"
CAPTION = (
    "Test loss of a token against its position in the context (octaves: 1, 2 to 3, 4 to 7 ...), "
    "for the run of most compute at each size N, one panel for each family of models. How far a "
    "line falls shows how much the model gains from context; where it levels off, more context "
    "does not help."
)
COLUMN = re.compile(r"test_loss_at_(\d+)$")


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    rows = tables.chosen if tables.families is None else tables.families
    found = {int(m[1]): name for name in rows.columns if (m := COLUMN.match(name))}
    if not found:
        raise NotApplicable("loss by position needs columns such as test_loss_at_1")
    found = {at: name for at, name in sorted(found.items()) if rows[name].notna().any()}
    if len(found) < 2 or "N" not in rows or "C" not in rows:
        raise LabError("loss by position needs columns test_loss_at_1, test_loss_at_2 and so on")
    first = tables.chosen["family"].iloc[0]
    families = [first, *sorted(set(rows["family"]) - {first})]
    with style.theme():
        wide = len(families) > 1
        made = style.figure(style.DOUBLE if wide else style.COLUMN, 2.55)
        panels = made.subplots(1, len(families), sharex=True, sharey=True, squeeze=False)[0]
        for axes, family in zip(panels, families, strict=True):
            mine = rows[rows["family"] == family]
            most = mine.loc[mine.groupby("N")["C"].idxmax()].sort_values("N")
            entries = []
            colours = style.colours(len(most), "N")
            for (_, row), colour in zip(most.iterrows(), colours, strict=True):
                at = list(found)
                axes.plot(at, [row[found[one]] for one in at], "o-", color=colour, ms=3, lw=1.0)
                entries.append((human(row["N"]), [style.mark(colour, lw=1.5)]))
            style.log_axes(axes, "position in the context")
            if wide:
                axes.set_title(family)
        for axes in panels[1:]:
            axes.set_ylabel("")
        style.key(made, "N", entries, columns=1)
    return made
