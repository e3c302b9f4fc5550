"""Files that a reader sees whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..errors import LabError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or none: temporary, flushed, renamed."""
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
