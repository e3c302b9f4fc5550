"""Values in a condition: arrays of shape (rows,) or () that hold numbers, bools or objects.

A missing value is NaN in numbers and None in objects. Objects are text, dates written as text,
bools with missing values, or a mixture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import LabError

NUMBERS = (bool, int, float, np.number, np.bool_)
FLOATS = (float, np.floating)
NONE = np.asarray(None, dtype=object)


def array(column: Any, name: str) -> np.ndarray:
    """A column of a table, or one scalar, as such an array (rows,)."""
    sequence = type(column) in (list, tuple)
    if getattr(column, "ndim", 1) > 1:
        raise LabError(f"the table has the column '{name}' more than once; rename all but one")
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return np.atleast_1d(np.asarray(column))
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        dates = np.atleast_1d(np.asarray(column)).astype(str).astype(object)
        return np.where(dates == "NaT", NONE, dates)
    if dtype is not None and hasattr(column, "to_numpy"):
        return _objects(column.to_numpy(dtype=object, na_value=None))
    return _objects(column if sequence or np.ndim(column) else [column])


def constant(value: float | str | None) -> np.ndarray:
    """A literal of the text, as an array ()."""
    if type(value) is int and abs(value) >= 2**63:
        value = float(value)
    return np.asarray(value, dtype=object if value is None or isinstance(value, str) else None)


def _objects(items: Any) -> np.ndarray:
    """The items as numbers or bools if all that are not missing are; otherwise as objects."""
    known = (None if isinstance(item, FLOATS) and item != item else item for item in items)
    found = np.fromiter(known, dtype=object, count=len(items))
    there = found[~missing(found)]
    if not there.size or not all(isinstance(item, NUMBERS) for item in there):
        return found
    if not all(isinstance(item, bool | np.bool_) for item in there):
        return found.astype("float64")
    return found.astype(bool) if there.size == found.size else found


def is_number(value: np.ndarray) -> bool:
    """Whether the value holds numbers, or bools without missing ones."""
    return value.dtype.kind in "biuf"


def is_text(value: np.ndarray) -> bool:
    """Whether the value holds text, of which some but not all may be missing."""
    if value.dtype.kind != "O":
        return False
    there = value[~missing(value)]
    return bool(there.size) and all(isinstance(item, str) for item in there)


def flags(value: np.ndarray) -> np.ndarray | None:
    """The value as bools, False where missing; None if it holds anything else."""
    if value.dtype.kind == "b":
        return value
    if value.dtype.kind == "O":
        there = value[~missing(value)]
        if there.size and all(isinstance(item, bool | np.bool_) for item in there):
            return equal(value, np.asarray(True))
    return None


def missing(value: np.ndarray) -> np.ndarray:
    """Where the value is missing."""
    if value.dtype.kind == "f":
        return np.isnan(value)
    if value.dtype.kind == "O":
        return np.asarray(value == NONE, dtype=bool)
    return np.zeros(value.shape, bool)


def equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where two values are equal; a missing value equals nothing."""
    return np.asarray(one == other, dtype=bool) & ~missing(one) & ~missing(other)
