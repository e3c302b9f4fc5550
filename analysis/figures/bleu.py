"""BLEU against test loss: what a nat is worth to a translation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from scaling_lab.errors import NotApplicable

from .. import style
from ..experiment_tables import Tables, needs

PLACE = 4.7
TITLE = "BLEU against loss"
CAPTION = (
    "BLEU of the test translations against the test loss at the same step: one dot per run, one "
    "colour for each family of models; larger dots are larger models. The loss axis is reversed: "
    "models improve to the right."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    rows = tables.chosen if tables.families is None else tables.families
    if "test_bleu" not in rows:
        raise NotApplicable("BLEU against loss needs the column test_bleu, which translations have")
    needs(rows, ["test_bleu"], "BLEU against loss")
    with style.theme():
        made = style.figure()
        axes = made.add_subplot()
        entries = []
        first = tables.chosen["family"].iloc[0]
        families = [first, *sorted(set(rows["family"]) - {first})]
        for family, colour in zip(families, style.FAMILIES, strict=False):
            mine = rows[rows["family"] == family]
            sizes = 6 + 9 * (mine["N"] / rows["N"].min()).map(float) ** 0.5
            axes.scatter(mine["test_loss"], mine["test_bleu"], s=sizes, color=colour, alpha=0.75)
            entries.append((str(family), [style.mark(colour, marker="o", linestyle="")]))
        axes.invert_xaxis()
        axes.set(xlabel="test loss (nats a token)", ylabel="BLEU", ylim=(0, None))
        style.key(made, "", entries)
    return made
