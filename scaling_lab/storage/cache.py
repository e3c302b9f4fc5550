"""Where data are found and where prepared data are kept: $SCALING_LAB_DATA and the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import LabError


def given(*parts: str) -> Path | None:
    """A file of the folder $SCALING_LAB_DATA, or None if the folder or the file is not there."""
    folder = os.environ.get("SCALING_LAB_DATA")
    path = Path(folder).expanduser().joinpath(*parts) if folder else None
    return path if path and path.exists() else None


def cache(*parts: str) -> Path:
    """A place in the user's cache: $SCALING_LAB_CACHE, else $XDG_CACHE_HOME or ~/.cache."""
    home, shared = os.environ.get("SCALING_LAB_CACHE"), os.environ.get("XDG_CACHE_HOME")
    try:
        if not home:
            home = Path(shared or Path.home() / ".cache") / "scaling_lab"
        return Path(home).expanduser().joinpath(*parts)
    except RuntimeError as error:
        raise LabError("there is no home folder for the cache; set SCALING_LAB_CACHE") from error


def prepared(name: str, key: Mapping[str, Any], make: Callable[[Path], None]) -> Path:
    """A folder in the user's cache that `make(folder)` fills, once for each key.

    It is filled under another name and then renamed: a reader sees it whole or not at all.
    `key` is plain values, everything that can change what is made: fields, stamps of files.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    folder = cache("data", f"{name}-{digest}")
    if folder.is_dir():
        return folder
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.mkdir(parents=True)
        make(temporary)
        temporary.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # otherwise another process was faster, with the same content
            raise LabError(f"cannot write {folder}: {error}; set SCALING_LAB_CACHE") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def stamps(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of each file: a changed file is another key for `prepared`."""
    found = [(path, path.stat()) for path in paths]
    return [(str(path.absolute()), stat.st_size, stat.st_mtime_ns) for path, stat in found]
