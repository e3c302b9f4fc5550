"""Numbers with their nouns, and rows by name, for the sentences of findings."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

SHOWN = 5  # rows that a sentence names


def count(number: int, noun: str) -> str:
    """1 row, 2 rows."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rows(numbers: Sequence[int]) -> str:
    """Row 3; rows 3, 4, 5, 6, 7 and 2 more."""
    shown = ", ".join(str(int(number)) for number in numbers[:SHOWN])
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{more}"


def runs(numbers: Sequence[int], table: Sequence[int], source: pd.DataFrame) -> str:
    """Rows by the names of their runs, where a column `run` names each: a page shows no row number.

    numbers: of rows of the table. table: the number of each row of `source`.
    """
    named = source.get("run")
    if not isinstance(named, pd.Series) or not named.is_unique or named.isna().any():
        return rows(numbers)
    at = {int(number): str(name) for number, name in zip(table, named, strict=True)}
    shown = ", ".join(at[int(number)] for number in numbers[:SHOWN])
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"run{'s' if len(numbers) > 1 else ''} {shown}{more}"
