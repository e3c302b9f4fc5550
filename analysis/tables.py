"""Tables: the columns N, D, C, L of a results folder or of any other table, checked.

A mistake in the table (text in place of a number, a missing column) raises a LabError that names
the rows. A row whose value has no logarithm (missing, infinite, zero or negative) is left out, and
the table records its number and the reason. Rows are numbered from 1, the first below the header.
`load`, which reads the files, is in `table_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from scaling_lab import conditions
from scaling_lab.errors import LabError, unknown

from .clustering import AUTO, NONE, ROWS, Clustering, of_table
from .recipes import chosen
from .table_files import load

__all__ = ["Table", "checked", "chosen", "load"]

ROLES = {
    "N": "parameters",
    "D": "data",
    "C": "compute",
    "S": "steps",
    "B": "batch size",
    "U": "unique data",
    "M": "multiplier",
    "L": "loss",
    "weight": "weight of a row in the objective",
    "noise": "known standard deviation of a row's residual",
}
OUTCOMES = ("L", "weight", "noise")  # the roles that are not variables of a law


@dataclass(frozen=True)
class Table:
    """Points that can be fitted.

    frame      float64 columns named by role, "row" (its number in the source), and "cluster" if
               rows share clusters
    columns    role -> the source's column
    left_out   the rows that cannot be used: columns row, reason
    rows       the same rows as `frame`, with all columns of the source
    source     where the rows came from
    where      the condition they satisfy
    clustering    what rows are clustered by, and why
    """

    frame: pd.DataFrame
    columns: dict[str, str]
    left_out: pd.DataFrame
    rows: pd.DataFrame = field(repr=False)
    source: str = ""
    where: str = ""
    clustering: Clustering = ROWS

    def __len__(self) -> int:
        return len(self.frame)

    def split(self, condition: str) -> tuple[Table, Table]:
        """The rows that fail a condition on roles or on the source's columns, and those that pass.

        Raises LabError if it cannot be read, or if it holds for no row or for every row.
        """
        held = self.held(condition)
        return self._only(~held), self._only(held)

    def held(self, condition: str) -> np.ndarray:
        """Mask of the rows that pass: some but not all. Raises LabError as `split` does."""
        named = self.rows.assign(**{role: self.frame[role].to_numpy() for role in self.columns})
        held = _matching(named, " ".join(condition.split()))
        if held.all():
            raise LabError(f'every row satisfies "{condition}"; there is nothing left to fit')
        return held

    def without_worst(self, count: int) -> Table:
        """All but the `count` rows of highest L, which are recorded as left out."""
        order = np.argsort(-self.frame["L"].to_numpy(), kind="stable")[:count]
        if count >= len(self):
            raise LabError(f"cannot leave out the {count} highest of {len(self)} rows; drop fewer")
        worst = np.isin(np.arange(len(self)), order)
        return self._only(~worst, f"{self.columns['L']} is among the {count} highest")

    def positive(self) -> Table:
        """The rows whose L has a logarithm; the others are recorded as left out."""
        loss, kept = self.frame["L"].to_numpy(), self
        for reason, bad in (("zero", loss == 0), ("negative", loss < 0)):
            if bad.any():
                there = np.isin(kept.frame["row"], self.frame["row"][~bad])
                kept = kept._only(there, f"{self.columns['L']} is {reason}")
        if not len(kept):
            raise LabError(f"no row can be used: {describe(kept.left_out)}; give positive numbers")
        return kept

    def _only(self, kept: np.ndarray, reason: str = "") -> Table:
        """Some of the rows; with a reason, the others are recorded as left out."""
        left_out = self.left_out
        if reason:
            rows = self.frame["row"].to_numpy()[~kept]
            left_out = pd.concat([left_out, pd.DataFrame({"row": rows, "reason": reason})])
            left_out = left_out.sort_values("row", kind="stable").reset_index(drop=True)
        frame, rows = (some[kept].reset_index(drop=True) for some in (self.frame, self.rows))
        return replace(self, frame=frame, rows=rows, left_out=left_out)


def checked(
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    where: str = "",
    cluster: str = AUTO,
    space: str = "log",
) -> Table:
    """The rows that satisfy `where`, with columns named by their roles N, D, C, L and so on.

    columns    role -> the frame's column; a role is one of ROLES, or a column's own name if the law
               has a variable of that name
    where      a condition such as "seed < 3"
    cluster    which rows share an error: "auto" finds runs and cells (see `clustering`), "none"
               counts every row as independent, and a column names the cluster of each row
    space      "raw" allows an L that is zero or negative; "log" leaves such rows out

    Raises LabError for mistakes in the table (see the module), or if no row can be used.
    """
    for role, name in columns.items():
        if role not in ROLES and role != name:
            raise unknown("role", role, ROLES)
    given = cluster if cluster not in ("", AUTO, NONE) else ""
    for name in [*columns.values(), *([given] if given else [])]:
        _require(frame, name)
    if frame.empty:
        raise LabError("the table has no rows; give one row per run")
    rows = np.arange(1, len(frame) + 1)
    where = " ".join(where.split())
    if where:
        kept = _matching(frame, where)
        frame, rows = frame.iloc[np.flatnonzero(kept)], rows[kept]
    values = {role: _numbers(frame, name, rows) for role, name in columns.items()}
    points = pd.DataFrame(values | {"row": rows})
    reasons = np.full(len(rows), "", dtype=object)
    for role, name in columns.items():
        for reason, bad in _unusable(values[role]).items():
            if role == "L" and space == "raw" and reason in ("zero", "negative"):
                continue
            reasons[bad & (reasons == "")] = f"{name} is {reason}"
    if given:
        reasons[frame[given].isna().to_numpy() & (reasons == "")] = f"{given} is missing"
    used = reasons == ""
    left_out = pd.DataFrame({"row": rows[~used], "reason": reasons[~used]})
    if not used.any():
        raise LabError(f"no row can be used: {describe(left_out)}; give positive numbers")
    points, kept = (
        some.iloc[np.flatnonzero(used)].reset_index(drop=True) for some in (points, frame)
    )
    variables = {role: points[role].to_numpy() for role in columns if role not in OUTCOMES}
    clustering, labels = of_table(kept, variables, cluster)
    if labels is not None:
        points["cluster"] = labels
    return Table(
        frame=points,
        columns=dict(columns),
        left_out=left_out,
        rows=kept,
        source=str(frame.attrs.get("source", "")),
        where=where,
        clustering=clustering,
    )


def as_table(rows: Table | pd.DataFrame, more: Sequence[str] = (), space: str = "log") -> Table:
    """The table itself, or a frame whose columns are named by role, checked.

    `more` are columns that are variables of a law without being roles, such as width. A column
    "cluster" names the clusters; without one they are found. Raises LabError as `checked` does.
    """
    if isinstance(rows, Table):
        return rows
    columns = {name: name for name in dict.fromkeys([*ROLES, *more]) if name in rows.columns}
    cluster = "cluster" if "cluster" in rows.columns else AUTO
    return checked(rows, columns, cluster=cluster, space=space)


def describe(left_out: pd.DataFrame) -> str:
    """The rows that were left out, by reason, as text."""
    parts = []
    for reason in dict.fromkeys(left_out["reason"]):
        rows = np.asarray(left_out["row"])[left_out["reason"] == reason]
        parts.append(f"{_rows(rows)} ({reason})")
    return "; ".join(parts)


def _require(frame: pd.DataFrame, name: str) -> None:
    found = list(frame.columns).count(name)
    if found == 0:
        raise unknown("column", name, map(str, frame.columns))
    if found > 1:
        raise LabError(f"the table has the column '{name}' {found} times; rename all but one")


def _matching(frame: pd.DataFrame, where: str) -> np.ndarray:
    """Mask of the rows that satisfy the condition. Raises LabError if none does."""
    kept = conditions.parse(where).mask(frame)
    if not kept.any():
        raise LabError(f'no row satisfies the condition "{where}"; check it against the table')
    return kept


def _numbers(frame: pd.DataFrame, name: str, rows: np.ndarray) -> np.ndarray:
    """The column as float64. Raises LabError, naming the rows, if some values are not numbers."""
    column = pd.Series(frame[name])
    kinds = (pd.api.types.is_datetime64_any_dtype, pd.api.types.is_bool_dtype)
    if any(kind(column) for kind in (*kinds, pd.api.types.is_complex_dtype)):
        raise LabError(f"column '{name}' holds {column.dtype}, not numbers; give a numeric column")
    try:
        numbers = pd.Series(pd.to_numeric(column, errors="coerce"))
    except TypeError as error:
        raise LabError(f"column '{name}' holds objects that are not numbers: {error}") from error
    text = (numbers.isna() & column.notna()).to_numpy()
    if text.any():
        example = str(column.iloc[int(np.argmax(text))])[:30]
        raise LabError(
            f"column '{name}' has text where a number should be ('{example}') in "
            f"{_rows(rows[text])}; correct the table or leave those rows out with a condition"
        )
    return np.asarray(numbers.astype("float64"))


def _unusable(values: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "missing": np.isnan(values),
        "infinite": np.isinf(values),
        "zero": values == 0,
        "negative": values < 0,
    }


def _rows(rows: np.ndarray) -> str:
    shown = ", ".join(str(row) for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"
