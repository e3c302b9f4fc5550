"""Text that the models write, from the smallest to the largest."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from scaling_lab.errors import LabError, NotApplicable

from .. import style
from ..experiment_tables import Tables
from ..numbers import human

PLACE = 6
TITLE = "Samples"
CAPTION = (
    "Text that models of increasing size N write after the same prompt, sampled with the same "
    "random numbers. Letter frequencies come right first, then words."
)
WIDTH, LINES, LINE = 92, 3, 0.135  # characters of a line, lines of a sample, inches of a line


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    table = tables.auxiliary.get("samples")
    if table is None or table.empty:
        kind = LabError if "test_bits_per_byte" in tables.runs else NotApplicable
        raise kind("samples need a table of them: scaling-lab sample EXPERIMENT --save")
    rows = table.sort_values(["model", "N"], kind="stable").groupby("run", sort=False).head(1)
    blocks = [(row, _wrapped(row.prompt, row.text)) for row in rows.itertuples()]
    with style.theme():
        heights = [(len(lines) + 0.7) * LINE for _, lines in blocks]
        made = Figure(figsize=(style.DOUBLE, sum(heights) + 0.1))
        axes = made.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, style.DOUBLE), ylim=(sum(heights) + 0.1, 0))
        at = LINE
        for (row, lines), height in zip(blocks, heights, strict=True):
            axes.text(0.05, at, f"{human(row.N)}", weight="bold", fontsize=7, va="center")
            axes.text(0.5, at, str(row.model), color=style.GREY, fontsize=6, va="center")
            for number, line in enumerate(lines):
                axes.text(
                    1.35,
                    at + number * LINE,
                    line,
                    family="monospace",
                    fontsize=6,
                    va="center",
                    parse_math=False,
                )
            at += height
    return made


def _wrapped(prompt: str, text: str) -> list[str]:
    """The sample's first lines; its line breaks shown as such."""
    whole = (str(prompt) + str(text)).replace("\n", "⏎")
    whole = "".join(letter if letter.isprintable() else "�" for letter in whole)
    return textwrap.wrap(whole, WIDTH, drop_whitespace=False)[:LINES]
