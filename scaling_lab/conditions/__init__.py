"""Conditions on the columns of a table, and arithmetic with columns: one language, without eval.

    parse("N == max(N) and model == 'mlp'").mask(table)    one bool for each row
    parse("C / (6 * N)", "expression").value(table)        one float for each row

The grammar is a subset of Python's, read from the syntax tree: `grammar` gives each node it lists a
meaning, and any other node is an error. A name is always a column, so a condition cannot reach
anything else; a column whose name is not a Python identifier is written in backticks.
docs/conditions.md describes the whole language.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LabError, shown, unknown
from .grammar import Grammar, Reader
from .source import Source
from .values import array, flags

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Condition", "parse"]


@dataclass(frozen=True)
class Condition:
    """A parsed condition or arithmetic expression.

    names    the columns it needs, in order of appearance
    above    the column whose large values it selects, such as C in "C > 1e21"; empty otherwise
    clauses  the conditions that `and` joins, as texts; the whole text if there is but one
    """

    text: str
    names: tuple[str, ...]
    above: str
    clauses: tuple[str, ...]
    noun: str = field(repr=False)
    _read: Reader = field(repr=False, compare=False)

    def mask(self, columns: Mapping[str, Any] | pd.DataFrame) -> np.ndarray:
        """Whether it is true of each row, bool (rows,). A mapping of scalars is a table of one row.

        Raises LabError for a missing column and for values that cannot be compared.
        """
        value, rows = self._evaluate(columns)
        if (found := flags(value)) is None:
            raise LabError(
                f'the {self.noun} "{shown(self.text)}" is not true or false for each row; '
                "compare: N > 1e6"
            )
        return np.broadcast_to(found, rows).copy()

    def value(self, columns: Mapping[str, Any] | pd.DataFrame) -> np.ndarray:
        """The number of each row, float64 (rows,), NaN where one is missing. Raises as `mask`."""
        value, rows = self._evaluate(columns)
        if value.dtype.kind not in "iuf":
            raise LabError(
                f'the {self.noun} "{shown(self.text)}" is not a number for each row; '
                "write e.g. C / (6 * N)"
            )
        return np.broadcast_to(value.astype("float64"), rows).copy()

    def require(self, columns: Collection[str] | pd.DataFrame) -> None:
        """Raises LabError for the first name that is not a column."""
        for name in self.names:
            if name not in columns:
                raise unknown("column", name, map(str, columns))

    def _evaluate(self, columns: Any) -> tuple[np.ndarray, int]:
        self.require(columns)
        known = {name: array(columns[name], name) for name in self.names}
        with np.errstate(all="ignore"):
            value = self._read(known)
        if known:
            return value, len(next(iter(known.values())))
        index = getattr(columns, "index", None)  # a DataFrame's, which may have no columns
        return value, len(array(next(iter(columns.values()), 0), "") if index is None else index)


def parse(text: str, noun: str = "condition") -> Condition:
    """Parse a text without evaluating it; errors call it a `noun`.

    Raises LabError for anything outside the grammar.
    """
    source = Source(text, noun)
    grammar = Grammar(source)
    read = grammar.reader(source.tree)
    names, above = tuple(grammar.names), grammar.above(source.tree)
    return Condition(source.text, names, above, source.clauses, noun, read)
