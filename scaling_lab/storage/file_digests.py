"""Digests of the bytes of files, computed once for each state of the files."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from ..errors import LabError
from .atomic import write_whole
from .cache import cache_path, file_stamps

FOLDER = "digests"


def digest(files: Sequence[Path]) -> str | None:
    """Digest of the bytes of files, in their order, whatever their names; None if one is gone.

    It is kept in the user's cache under the files' paths, sizes and times.
    """
    try:
        key = hashlib.sha256(repr(file_stamps(files)).encode()).hexdigest()[:24]
    except OSError:
        return None
    place = None
    with contextlib.suppress(LabError, OSError):  # without a cache it is computed each time
        place = cache_path(FOLDER, key)
        return place.read_text()
    found = hashlib.sha256()
    try:
        for file in files:
            with file.open("rb") as opened:
                found.update(hashlib.file_digest(opened, "sha256").digest())
    except OSError:
        return None
    short = found.hexdigest()[:12]
    if place is not None:
        with contextlib.suppress(LabError, OSError):
            write_whole(place, short.encode())
    return short
