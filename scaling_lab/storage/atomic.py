"""Atomic changes of files: whole writes, removals, renames."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from ..errors import LabError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: to a temporary file, fsynced and renamed; parents are created.

    A reader sees it whole or not at all. Raises LabError if it cannot be written; the temporary
    file is then removed.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        _discard(temporary)
        raise LabError(
            f"cannot write {path}: {error.strerror}; give a writable folder with --results"
        ) from error
    except BaseException:
        _discard(temporary)
        raise


def remove(path: Path) -> None:
    """Remove a file, if it exists. Raises LabError if it cannot be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise LabError(
            f"cannot remove {path}: {error.strerror}; check its folder's permissions"
        ) from error


def rename(path: Path, target: Path) -> None:
    """Rename a file or folder; the target's parents are created.

    Raises LabError if it cannot be renamed.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    except OSError as error:
        raise LabError(
            f"cannot move {path} to {target}: {error.strerror}; check the permissions of both"
        ) from error


def temporary_path(path: Path) -> Path:
    """A new name beside `path` for a file that this process is writing; `leftovers` reads it."""
    writer = f"{host()}.{os.getpid()}"
    return path.with_name(f".{path.name}.{writer}.{secrets.token_hex(4)}.tmp")


def host() -> str:
    """This machine's name in names of files: without dots."""
    return socket.gethostname().replace(".", "_")


def _discard(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
