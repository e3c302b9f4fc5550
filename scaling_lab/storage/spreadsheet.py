"""CSV that a spreadsheet shows and does not run.

Spreadsheets take a cell that begins with =, +, -, @ or a control character as a formula, also one
that fetches a page or starts a program (OWASP, CSV injection). An apostrophe before it makes it
text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv(frame: pd.DataFrame) -> bytes:
    """The frame as CSV in UTF-8: numbers as they are, text and column names as text."""
    import pandas as pd

    safe = frame.rename(columns=lambda name: _text(str(name)))
    for at, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            values = [_text(v) if isinstance(v, str) else v for v in frame.iloc[:, at]]
            safe.isetitem(at, pd.Series(values, index=frame.index, dtype=object))
    return safe.to_csv(index=False).encode()


def _text(cell: str) -> str:
    safe = f"'{cell}" if cell.startswith(STARTS) and not _is_number(cell) else cell
    # A bare carriage return is not quoted, and would begin a row.
    return safe.replace("\r\n", "\n").replace("\r", "\n")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
