"""Reading files that may be missing or torn: whatever happens, the error names the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from .errors import LabError

T = TypeVar("T")


def threads() -> int:
    """Threads that read examples: one per core of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Stamp(NamedTuple):
    """A file as it was: its size in bytes, when it was changed, in ns, and its inode."""

    size: int
    changed: int
    inode: int


def stamp_of(path: Path) -> Stamp:
    """A file as it is now. Raises LabError if it is gone."""
    status = reading(path, path.stat)
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def require_unchanged(path: Path, before: Stamp) -> None:
    """Raise LabError if a file is gone or not as it was."""
    if stamp_of(path) != before:
        raise LabError(f"{path} was changed during training; run the experiment again")


def stamp(array: np.ndarray) -> Stamp | None:
    """The file of a memory map as it is now; None for other arrays."""
    if not isinstance(array, np.memmap) or array.filename is None:
        return None
    return stamp_of(Path(array.filename))


def require_intact(array: np.ndarray, before: Stamp | None) -> None:
    """Raise LabError if a memory map's file is gone, too short, or not as it was.

    Reading beyond the end of a file through a map would kill the process.
    """
    now = stamp(array)
    if now is None or not isinstance(array, np.memmap):
        return
    end = array.offset + array.nbytes
    if now.size < end:
        raise LabError(
            f"{array.filename} has {now.size:,} bytes and had {end:,} before; "
            "restore an intact copy"
        )
    if before is not None and array.filename is not None:
        require_unchanged(Path(array.filename), before)


def reading(path: object, read: Callable[[], T]) -> T:
    """What `read` returns. Raises LabError, naming the file, in place of any other exception."""
    try:
        return read()
    except LabError:
        raise
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise LabError(f"{path} cannot be read: {said}; restore an intact copy") from error
