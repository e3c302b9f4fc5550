"""Atomic file writes."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..errors import LabError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: to a temporary file, fsynced and renamed; parents are created.

    A reader sees it whole or not at all. Raises LabError if it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise LabError(
            f"cannot write {path}: {error.strerror}; give a writable folder with --results"
        ) from error
