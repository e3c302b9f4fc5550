"""Which files a piece of code opens through Python, as the interpreter's audit events tell."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

NO_FILES = ("/proc/", "/sys/", "/dev/")

_watching: list[set[str]] = []


@contextmanager
def watched() -> Iterator[list[Path]]:
    """On exit, fill the yielded list with the files that were opened for reading meanwhile.

    Left out are files of versioned packages, compiled modules, and files that are gone.
    """
    _listen()
    names: set[str] = set()
    files: list[Path] = []
    _watching.append(names)
    try:
        yield files
    finally:
        _watching.remove(names)
        skipped = (*NO_FILES, *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))
        files += sorted(
            Path(name)
            for name in names
            if not name.startswith(skipped) and not name.endswith(".pyc") and os.path.isfile(name)
        )


@cache
def _listen() -> None:
    sys.addaudithook(_heard)  # for good: a hook cannot be removed


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or not _watching:
        return
    path, _, flags = arguments
    if not isinstance(path, str | bytes | os.PathLike):
        return
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
    if not writes:
        for names in _watching:
            names.add(os.path.abspath(os.fsdecode(path)))
