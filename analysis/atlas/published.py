"""Published exponents, from a table with one row an exponent.

Columns: domain, architecture, variable (N, D or C), of (loss, error, N*), floor (yes or no), value,
low and high (a 95% interval, or empty), source. `TABLE` is our own, of figures that others printed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from scaling_lab.errors import LabError

from .rows import PUBLISHED, Exponent, Z

TABLE = Path(__file__).with_name("published.csv")
COLUMNS = ("domain", "architecture", "variable", "of", "floor", "value", "source")
WORDS = {"yes": True, "no": False}


def read(path: Path) -> list[Exponent]:
    """The exponents of a CSV table. Raises LabError, naming the row, for what it cannot use."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise LabError(f"{path} cannot be read as CSV: {error}") from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise LabError(f"{path} lacks columns {', '.join(missing)}; it has {', '.join(table)}")
    return [_row(one, f"{path}, row {at + 2}") for at, one in enumerate(table.to_dict("records"))]


def _row(one: Mapping[str, Any], where: str) -> Exponent:
    if one["floor"] not in WORDS:
        raise LabError(f"{where}: floor is '{one['floor']}'; write yes or no")
    value, low, high = (
        _number(one.get(name, ""), name, where) for name in ("value", "low", "high")
    )
    if not value > 0:
        raise LabError(f"{where}: value is '{one['value']}'; give a positive exponent")
    ends = 0 < low < high
    return Exponent(
        experiment="",
        name=one["domain"],
        kind=PUBLISHED,
        domain=one["domain"],
        architecture=one["architecture"],
        optimizer="",
        variable=one["variable"],
        of=one["of"],
        law="",
        floor=WORDS[one["floor"]],
        value=value,
        low=low,
        high=high,
        error=math.log(high / low) / (2 * Z) if ends else math.nan,
        source=one["source"],
    )


def _number(text: str, name: str, where: str) -> float:
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise LabError(f"{where}: {name} is '{text}'; give a number") from None
