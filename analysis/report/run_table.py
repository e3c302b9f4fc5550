"""The run table of a page: headings and values as JSON, which the page's script shows.

The JSON is escaped, so that no string in it can close the script element that holds it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from scaling_lab.storage.schema import RUN_COLUMNS

if TYPE_CHECKING:
    from .findings import Findings

# The run table's columns: key and heading. The recipe columns that were swept go before the seed.
RUN_TABLE = (
    *(("status", "status"), ("N", "N"), ("D", "D"), ("seed", "seed"), ("kept", "kept")),
    *(("best_valid_loss", "valid loss"), ("best_test_loss", "test loss")),
    *(("best_test_error", "test error"), ("best_step", "best step"), ("steps", "steps")),
    *(("C", "C"), ("wall_s", "wall time"), ("run", "run")),
)


def run_table(one: Findings) -> Markup:
    """The run table as JSON: headings, and the values column by column."""
    runs = one.tables.runs.copy()
    best = set(one.tables.chosen["run"]) if "run" in one.tables.chosen else set()
    runs["kept"] = ["yes" if run in best else "" for run in runs["run"]]
    known = {column.name: column for column in RUN_COLUMNS}
    swept = [(name, name.replace("_", " ")) for name in one.choose]
    other = [] if one.tables.measure == "test_loss" else _measures(one.tables.loss)
    order = [*RUN_TABLE[:3], *swept, *RUN_TABLE[3:5], *other, *RUN_TABLE[5:]]
    heads, values = [], []
    for key, label in order:
        if key not in runs or not runs[key].notna().any():
            continue
        numeric = pd.api.types.is_numeric_dtype(runs[key])
        column = known.get(key)
        unit = column.unit if column and key not in ("N", "D", "seed", "best_step", "steps") else ""
        hint = column.meaning if column else "part of the recipe that was swept"
        hint = "whether the run has the chosen recipe" if key == "kept" else hint
        hint = "at best_step" if (key, label) in other else hint
        measured = bool(column and column.type == "float64" and column.origin == "measured")
        measured = measured or (key, label) in other
        head = {"key": key, "label": label, "unit": unit, "hint": hint}
        rounded = pd.api.types.is_float_dtype(runs[key])
        heads.append({**head, "number": numeric, "measured": measured, "rounded": rounded})
        values.append([_plain(value) for value in runs[key]])
    return script_json({"columns": heads, "values": values})


def _measures(loss: str) -> list[tuple[str, str]]:
    """Key and heading of the measure used instead of a loss, on validation and on test data."""
    keys = (loss.replace("test", "valid", 1), loss)
    return [(key, key.removeprefix("best_").replace("_", " ")) for key in keys]


def script_json(value: Any) -> Markup:
    """JSON that is safe inside a script element, whatever its strings contain."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _plain(value: Any) -> Any:
    """A value of the table for JSON: six digits of a float, None if it is missing."""
    if pd.isna(value) or (isinstance(value, float) and math.isinf(value)):
        return None
    value = getattr(value, "item", lambda: value)()  # numpy's numbers as Python's
    if isinstance(value, float):
        rounded = float(f"{value:.6g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
    return value
