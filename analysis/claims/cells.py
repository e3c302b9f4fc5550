"""Cells: runs that differ in their seed alone, their mean, and the comparison of two of them.

Intervals of means are Student's. Two cells are compared by Welch's statistic (B. L. Welch 1947,
"The generalization of 'Student's' problem when several different population variances are
involved"), with the degrees of freedom of Welch and Satterthwaite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from scaling_lab.errors import LabError

from .level import now

CONDITIONS = ("N", "D", "steps", "batch_size", "examples")  # what must be equal to compare
NEAR = {"N": 0.1}  # sizes that a family can have lie apart; other conditions agree within EQUAL
EQUAL = 0.01


class NoRuns(LabError):
    """No run has the conditions that a claim is about."""


class Mean(NamedTuple):
    """The mean of a cell's values, its standard error (NaN for one value) and their number."""

    value: float
    se: float
    n: int

    def interval(self, level: float | None = None) -> tuple[float, float]:
        """Student's interval, by default at the level in force; infinite if there is one value."""
        if self.n < 2:
            return (-math.inf, math.inf)
        half = quantile(self.n - 1, level or now()) * self.se
        return (self.value - half, self.value + half)


class Difference(NamedTuple):
    """The difference of two means, its standard error and degrees of freedom (NaN if unknown)."""

    value: float
    se: float
    df: float

    def interval(self, level: float | None = None) -> tuple[float, float]:
        """Welch's interval, by default at the level in force.

        It is infinite if the degrees of freedom are unknown.
        """
        if math.isnan(self.df):
            return (-math.inf, math.inf)
        half = quantile(self.df, level or now()) * self.se
        return (self.value - half, self.value + half)

    def above(self) -> float:
        """P value of the difference being positive against its being 0 or less."""
        if math.isnan(self.df):
            return 1.0
        if not self.se:
            return 0.0 if self.value > 0 else 1.0
        return float(special.stdtr(self.df, -self.value / self.se))


def mean(values: Any) -> Mean:
    """Mean of the values of a cell. Raises LabError if there is none."""
    found = np.asarray(values, "float64")
    found = found[np.isfinite(found)]
    if not len(found):
        raise LabError("no finished run has a value there")
    spread = float(found.std(ddof=1)) if len(found) > 1 else math.nan
    return Mean(float(found.mean()), spread / math.sqrt(len(found)), len(found))


def difference(one: Mean, other: Mean) -> Difference:
    """One mean less the other."""
    parts = [m.se**2 for m in (one, other)]
    value, total = one.value - other.value, sum(parts)
    if math.isnan(total):
        return Difference(value, math.nan, math.nan)
    if not total:
        return Difference(value, 0.0, one.n + other.n - 2.0)
    terms = sum(p**2 / (m.n - 1) for p, m in zip(parts, (one, other), strict=True))
    return Difference(value, math.sqrt(total), total**2 / terms)


def quantile(df: float, level: float) -> float:
    """Student's quantile for a two-sided interval."""
    return float(special.stdtrit(df, (1 + level) / 2))


def at(rows: Any, point: dict[str, float]) -> Any:
    """The rows at a point: column -> value, as the grid asked for it where the table says so.

    Raises LabError if a column is missing, NoRuns if no row has the value.
    """
    for name, value in point.items():
        column = asked(rows, name)
        near = np.abs(rows[column].astype("float64") - value) <= EQUAL * abs(value)
        if not near.any():
            have = sorted(rows[column].dropna().unique())
            shown = ", ".join(f"{one:g}" for one in have[:8]) + (", ..." if have[8:] else "")
            raise NoRuns(f"no run has {name} = {value:g}; there are {shown}")
        rows = rows[near]
    return rows


def asked(rows: Any, name: str) -> str:
    """The column that says which value of N, D or C the grid asked for, else the name itself."""
    target = f"{name}_target"
    if target in rows and rows[target].notna().all():
        return target
    if name not in rows:
        raise LabError(f"the table has no column {name}; it has {', '.join(map(str, rows))}")
    return name


def unequal(one: Any, other: Any, contrast: set[str]) -> list[str]:
    """The conditions that differ between the rows of two cells, or within one of them.

    `contrast` names the columns that are meant to differ.
    """
    meant = contrast | {name.removesuffix("_target") for name in contrast}
    found = []
    for name in CONDITIONS:
        if name in meant or name not in one or name not in other:
            continue
        values = [np.asarray(rows[name].dropna(), "float64") for rows in (one, other)]
        if not all(map(len, values)):
            continue
        both = np.concatenate(values)
        if both.max() - both.min() > NEAR.get(name, EQUAL) * abs(both.max()):
            found.append(name)
    # Runs of more steps see more examples: one name says it.
    return [
        name for name in found if name != "examples" or not {"steps", "batch_size"} & set(found)
    ]


def by(rows: Any, columns: Sequence[str]) -> dict[tuple[float, ...], Any]:
    """The rows by their values in some columns, in ascending order."""
    groups = rows.groupby(list(columns), dropna=False, sort=True)
    return {key if isinstance(key, tuple) else (key,): part for key, part in groups}
