"""Planned runs as a table, so that a claim can be held against the grid before it is trained.

The rows have the columns of the run table that are known beforehand: N, D, C, steps, examples,
seeds, all fields of the runs, and `family`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scaling_lab import conditions
from scaling_lab.errors import LabError

from .cells import Mean, NoRuns

COUNTED = ("N", "D", "C", "steps", "examples", "epochs", "updates")  # set by the grid
ALIKE = 0.01  # relative difference of two counts that are one


def selected(rows: Any, where: str) -> Any:
    """The rows that a condition selects. Raises NoRuns if there is none."""
    found = rows[conditions.parse(where).mask(rows)] if where else rows
    if not len(found):
        raise NoRuns(f'no run satisfies the condition "{where}"; check it against the table')
    return found


def cell(rows: Any) -> Mean:
    """A planned cell: its number of seeds, and no values."""
    own = [name for name in ("seed", "data_seed") if name in rows]
    return Mean(math.nan, math.nan, len(rows.drop_duplicates(own)) if own else len(rows))


def refuse_counted(claim: Mapping[str, Any]) -> None:
    """Raise LabError for a claim about what the grid sets: it is known before any run."""
    if claim.get("loss") in COUNTED:
        raise LabError(
            f"it is a tautology: {claim['loss']} is set by the grid, not measured; claim a loss"
        )


def follows(rows: Any, one: str, other: str) -> bool:
    """Whether a column has a single value for each value of another, of which there are three."""
    if not {one, other} <= set(rows) or rows[other].nunique() < 3:
        return False
    ends = rows.groupby(other)[one].agg(["min", "max"]).astype("float64")
    return bool((ends["max"] <= (1 + ALIKE) * ends["min"]).all())
