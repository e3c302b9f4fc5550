"""Atomic changes of files: whole writes, removals, renames.

A change below a mirror of an object store is made there first: what is published is seen by all,
and the next pull repeats it here if this process dies in between.
"""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from ..errors import GIVE, LabError, cannot_write
from .objects import mirror


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: to a temporary file, fsynced and renamed; parents are created.

    A reader sees it whole or not at all. Raises LabError if it cannot be written; the temporary
    file is then removed.
    """
    if published := mirror.published(path):
        if _holds(path, data):
            return
        published.bucket.put(published.key, data)
    write_local(path, data)


def write_local(path: Path, data: bytes, otherwise: str = GIVE) -> None:
    """`write_whole` of a file that is published nowhere, or already.

    otherwise: what to do where it cannot be written, for the error.
    """
    for retries_left in range(3, -1, -1):
        temporary = temporary_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            return
        except OSError as error:
            _discard(temporary)
            # If the folder has been removed meanwhile, it is made again.
            if not (retries_left and isinstance(error, FileNotFoundError)):
                raise cannot_write(path, error, otherwise) from error
        except BaseException:
            _discard(temporary)
            raise


def remove(path: Path) -> None:
    """Remove a file, if it exists. Raises LabError if it cannot be removed."""
    if published := mirror.published(path):
        published.bucket.delete(published.key)
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
    old, new = mirror.published(path), mirror.published(target)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    ends = [str(file).removeprefix(str(path)) for file in files] if old or new else []
    if new:
        for file, end in zip(files, ends, strict=True):
            new.bucket.put(new.key + end, file.read_bytes())
    if old:
        for end in ends:
            old.bucket.delete(old.key + end)
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


def _holds(path: Path, data: bytes) -> bool:
    """Whether the file holds these bytes, and so was published before."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _discard(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
