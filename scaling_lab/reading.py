"""Reading files that may be missing or torn: whatever happens, the error names the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from .errors import LabError

T = TypeVar("T")


def threads() -> int:
    """Threads that read examples: one per core of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require_intact(array: np.ndarray) -> None:
    """Raise LabError if a memory map's file is gone or shorter than the map.

    Reading beyond the end of a file through a map would kill the process.
    """
    if not isinstance(array, np.memmap) or array.filename is None:
        return
    path, end = Path(array.filename), array.offset + array.nbytes
    size = reading(path, lambda: path.stat().st_size)
    if size < end:
        raise LabError(f"{path} has {size:,} bytes and had {end:,} before; restore an intact copy")


def reading(path: object, read: Callable[[], T]) -> T:
    """What `read` returns. Raises LabError, naming the file, in place of any other exception."""
    try:
        return read()
    except LabError:
        raise
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise LabError(f"{path} cannot be read: {said}; restore an intact copy") from error
