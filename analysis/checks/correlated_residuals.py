"""Whether rows that belong together share an error, so that they are not independent."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from . import groups
from .finding import Finding, Severity
from .groups import Shared
from .lack_of_fit import evidence_against, exceeds_rounding
from .linear import Linear, levels, linear, pooled
from .subject import Fitted
from .thresholds import Thresholds

# Columns that tell which rows belong together; other columns are choices, see `pooled`.
TOGETHER = re.compile(
    r"(run|curve|trajectory|series|seed|data_seed|group|model|budget)(_?(id|name|number))?", re.I
)


class CorrelatedResiduals:
    """The intraclass correlation of residuals by cell, by N, D and C, and by run.

    Tested by the F test of the groups' means in the linearised fit; for N, D and C of the means of
    cells, as runs of a cell may share an error already. The correlation is that of a one-way
    analysis of variance (Donner 1986). A group that resampling keeps together does no harm, nor
    does one whose means follow a smooth curve: that is a lack of fit.
    """

    name, of = "correlated_residuals", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """One finding, about the grouping of the strongest evidence that clusters do not cover."""
        model, cell = linear(subject), groups.cells(subject)
        if model.freedom < thresholds.freedom or not exceeds_rounding(subject, model, thresholds):
            return []
        law = min((one.p for one in evidence_against(subject)), default=1.0)
        if law < thresholds.lack_of_fit_certain:
            return []  # what the law misses would be taken for a shared error
        tried = _groupings(subject, model, cell)
        found = [
            one
            for one in tried
            if one.shared.test.p * len(tried) < thresholds.correlated
            and not groups.covered(one.rows, levels(subject.clusters.astype("float64")))
            and not (one.ordered and one.shared.is_smooth is not False)
        ]
        if not found:
            return []
        first = min(found, key=lambda one: one.shared.test.p)
        size, icc = np.bincount(first.rows), first.shared.icc
        effective = len(first.rows) / (1 + (len(first.rows) / len(size) - 1) * icc)
        return [
            Finding(
                self.name,
                Severity.DOUBT,
                f"rows of equal {first.name} share an error, so the intervals are too narrow",
                f"intraclass correlation {icc:.2f} in {len(size)} groups, "
                f"{first.shared.test.text}; {len(first.rows)} rows say as much as {effective:.0f}",
                f"cluster by {first.column}",
                icc,
                thresholds.correlated,
            )
        ]


class _Grouping(NamedTuple):
    """A way to group the rows, and what the rows of each group share beyond the law."""

    name: str
    column: str
    rows: np.ndarray
    shared: Shared
    ordered: bool


def _groupings(subject: Fitted, model: Linear, cell: np.ndarray) -> list[_Grouping]:
    """The groupings in which most groups have two rows or more."""
    axes, found, seen = groups.axes(subject.x), [], set()
    first = np.unique(cell, return_index=True)[1]
    means = pooled(model, cell)

    def add(name: str, column: str, rows: np.ndarray, values: np.ndarray | None = None) -> None:
        rows = levels(rows.astype("float64"))
        by_cell = values is not None and len(first) < len(cell)
        count = len(first) if by_cell else len(rows)
        same = tuple(pd.factorize(rows)[0])
        if 1 < rows.max() + 1 <= count / 1.5 and same not in seen:
            seen.add(same)
            at, ordering = (rows[first], values[first]) if by_cell else (rows, values)
            shared = groups.shared(means if by_cell else model, at, ordering)
            found.append(_Grouping(name, column, rows, shared, values is not None))

    for column in subject.source:
        if TOGETHER.fullmatch(str(column)) and column not in subject.columns.values():
            add(str(column), str(column), pd.factorize(subject.source[column])[0])
    for role, values in axes.items():
        add(role, subject.columns.get(role, role), levels(values), values)
    named = " and ".join(subject.columns.get(role, role) for role in subject.x)
    add(" and ".join(subject.x), named, cell)
    return found
