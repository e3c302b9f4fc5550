"""Clustering: which rows of a table share an error, found from its columns or from residuals.

Rows are in a cluster if a column `run` or `curve` gives them one value (checkpoints of one run), or
if they agree in N, D, C and every other variable and in the model and data columns: a cell, whose
rows differ in the seed or the recipe, or are copies of one another. A missing value agrees with
any. An interval that counts the
rows of a cluster as independent is too narrow.

Clusters that a table's columns do not show are found from the residuals of a fit: `shared` tests
whether rows of one N, D or C have an error in common (`shared_error`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .shared_error import SharedError, groups_of, shared_error

AUTO, NONE = "auto", "none"
RUNS = ("run", "curve", "run_id", "curve_id", "run_name")  # columns whose values name a run
MODEL = ("model", "family", "architecture", "data", "dataset", "corpus")
PARTS = ("model.", "data.")  # fields of a model's or a data source's config
ALIKE = 1e-6  # relative: sizes and data that differ by rounding are equal
BUDGET = 0.02  # relative: runs whose compute differs by less share a budget
SURE = 0.02  # p of the test of a shared error, below which rows count as clustered


@dataclass(frozen=True)
class Clustering:
    """What rows are clustered by, and why.

    by       "rows" (each row is its own cluster), "cells", "none" (turned off), or a column or role
    why      a clause for readers, without numbers: "rows of one run share its error"
    """

    by: str = "rows"
    why: str = "no two rows are alike"

    @property
    def found(self) -> bool:
        """Whether it may be replaced by clusters that residuals show: it was not asked for."""
        return self.by in ("rows", "cells")


ROWS = Clustering()


def of_table(
    rows: pd.DataFrame, values: Mapping[str, np.ndarray], cluster: str
) -> tuple[Clustering, np.ndarray | None]:
    """The clustering, and the cluster of each row (None: each row is its own).

    rows       the table's rows with all columns
    values     the law's possible variables, by role [rows]
    cluster    "auto", "none", or a column
    """
    count = len(rows)
    if cluster == NONE:
        return Clustering(NONE, "clustering is off, so every row counts as independent"), None
    if cluster not in (AUTO, ""):
        why = f"rows of one {cluster} share its error"
        return Clustering(cluster, why), rows[cluster].to_numpy()
    for name in RUNS:
        if name in rows and list(rows.columns).count(name) == 1:
            labels = rows[name]
            if labels.nunique() < count and not labels.isna().any():
                return Clustering(name, f"rows of one {name} share its error"), labels.to_numpy()
    labels = _cells(rows, values)
    if int(labels.max(initial=-1)) + 1 == count:
        return ROWS, None
    return Clustering("cells", f"rows of equal {', '.join(values)} are one cell"), labels


def shared(
    x: Mapping[str, np.ndarray],
    residual: np.ndarray,
    jacobian: np.ndarray,
    weights: np.ndarray | None = None,
) -> dict[str, tuple[np.ndarray, SharedError]]:
    """For each of N, D and C: the group of each row, and the test that its rows share an error.

    Variables are left out whose groups are fewer than three, or hold a single row each. The rows
    should be independent as far as is known: the means of cells, not their rows.
    """
    found = {}
    for name, members in groups(x).items():
        if 3 <= int(members.max()) + 1 < len(members):
            found[name] = members, shared_error(residual, jacobian, members, weights)
    return found


def groups(x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The group of each row by each of N, D and C that is known; C = 6 N D if it is not given."""
    known = {name: x[name] for name in ("N", "D", "C") if name in x}
    if "C" not in known and {"N", "D"} <= known.keys():
        known["C"] = 6.0 * known["N"] * known["D"]
    return {n: groups_of(v, BUDGET if n == "C" else ALIKE) for n, v in known.items()}


def reason(name: str, found: SharedError) -> str:
    """The clause of a clustering that residuals show."""
    return (
        f"residuals of one {name} are alike (F = {found.statistic:.3g}, p = {found.p:.1g}), "
        f"so rows of one {name} are a cluster"
    )


def _cells(rows: pd.DataFrame, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The cell of each row, as integers from 0."""
    keys: list[np.ndarray] = []
    for number in values.values():
        positive = np.isfinite(number) & (number > 0)
        group = np.full(len(number), -1)
        if positive.any():
            group[positive] = groups_of(number[positive], ALIKE)
        keys.append(group)
    told = [rows[name] for name in _told(rows.columns)]
    keys += [pd.factorize(one.astype(str))[0] for one in told if not one.isna().any()]
    if not keys and not told:
        return np.arange(len(rows))
    cells = _numbered(keys, len(rows))
    for column in (one for one in told if one.isna().any()):
        # Records from before a field existed have no value of it: they go with the first that has.
        known = column.astype(object).groupby(cells).transform("first")
        filled = column.astype(object).where(column.notna(), known).astype(str)
        cells = _numbered([cells, pd.factorize(filled)[0]], len(rows))
    return cells


def _numbered(keys: Sequence[np.ndarray], count: int) -> np.ndarray:
    """The number of each row's combination of keys."""
    if not keys:
        return np.zeros(count, int)
    return np.unique(np.stack(keys), axis=1, return_inverse=True)[1].ravel()


def _told(columns: Sequence[object]) -> list[str]:
    """Columns that tell models and data apart, as far as their names say so."""
    names = [str(name) for name in columns]
    once = [name for name in names if names.count(name) == 1]
    return [n for n in once if n.lower() in MODEL or n.lower().startswith(PARTS)]
