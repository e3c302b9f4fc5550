"""The user's own data files ($SCALING_LAB_DATA) and the cache of prepared ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import LabError, cannot_write


def provided_file(*parts: str) -> Path | None:
    """The file or folder $SCALING_LAB_DATA/PARTS, or None if it does not exist."""
    folder = os.environ.get("SCALING_LAB_DATA")
    path = Path(folder).expanduser().joinpath(*parts) if folder else None
    return path if path and path.exists() else None


def cache_path(*parts: str) -> Path:
    """A path in the user's cache, which need not exist yet.

    The cache is $SCALING_LAB_CACHE, else `scaling_lab` in $XDG_CACHE_HOME or ~/.cache. Raises
    LabError where none of these is known.
    """
    home, shared = os.environ.get("SCALING_LAB_CACHE"), os.environ.get("XDG_CACHE_HOME")
    try:
        if not home:
            home = Path(shared or Path.home() / ".cache") / "scaling_lab"
        return Path(home).expanduser().joinpath(*parts)
    except RuntimeError as error:
        raise LabError("there is no home folder for the cache; set SCALING_LAB_CACHE") from error


def prepare_once(name: str, key: Mapping[str, Any], make: Callable[[Path], None]) -> Path:
    """The cached folder for `key`; on first use, `make(folder)` fills it.

    key: plain values, everything that can change the content (fields, file stamps). The folder is
    filled under a temporary name and renamed, so that it is never seen half full. Raises LabError
    if it cannot be written.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    folder = cache_path("data", f"{name}-{digest}")
    if folder.is_dir():
        return folder
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.mkdir(parents=True)
        make(temporary)
        temporary.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # otherwise another process has just written the same content
            raise cannot_write(folder, error, "set SCALING_LAB_CACHE") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def file_stamps(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Path, size in bytes and modification time in ns of each file, for the key of a cache."""
    stats = [(path, path.stat()) for path in paths]
    return [(str(path.absolute()), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
