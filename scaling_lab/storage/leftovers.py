"""Temporary files that a killed process left in a results folder.

A temporary file's name tells the host and process that wrote it (`atomic.temporary_path`). It is
dead if that process has ended, or, where that cannot be known (another host, a name of an earlier
version), if it has not been written to for an hour: writing takes seconds.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .atomic import host
from .objects import mirror

NAME = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")
WRITER = re.compile(r"\..+\.(?P<host>[^.]+)\.(?P<process>\d+)\.[0-9a-f]{8}\.tmp")
AGE = 3600.0  # s


def clean(folder: Path) -> list[Path]:
    """Remove the dead temporary files of a results folder, and return them.

    Hold the experiment's lock: then the tables' own (in runs/ and curves/), which the holder alone
    writes, are dead in any case; but others fetch into a mirror of an object store.
    """
    found = [path for path in _temporary(folder) if _dead(folder, path)]
    for path in found:
        with suppress(OSError):
            path.unlink()
    return found


def _temporary(folder: Path) -> Iterator[Path]:
    """Files named as temporary ones, in the folder and below it, but not in checkpoints."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("checkpoints", "damaged")]
        yield from (Path(place, name) for name in names if NAME.fullmatch(name))


def _dead(folder: Path, path: Path) -> bool:
    if path.parent in (folder / "runs", folder / "curves") and not mirror.object_of(folder):
        return True
    named = WRITER.fullmatch(path.name)
    if named and named["host"] == host() and not _runs(int(named["process"])):
        return True
    try:
        return time.time() - path.stat().st_mtime > AGE
    except OSError:
        return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
