"""Numbers with their nouns, for the sentences of findings."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 5  # rows that a sentence names


def count(number: int, noun: str) -> str:
    """1 row, 2 rows."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rows(numbers: Sequence[int]) -> str:
    """Row 3; rows 3, 4, 5, 6, 7 and 2 more."""
    shown = ", ".join(str(int(number)) for number in numbers[:SHOWN])
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{more}"
