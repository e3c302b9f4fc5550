"""Errors that a user can act on: one line that says what is wrong, where and what to do."""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["LabError"]


class LabError(Exception):
    """Bad input. The command line prints its one line and ends with exit status 2."""


class TooFewPoints(LabError):
    """Fewer points than a fit needs."""


class NotApplicable(Exception):
    """A figure or study that does not apply to these runs; the report leaves it out silently."""


class Unwritable(LabError):
    """A folder that this user, or anybody, may only read."""


GIVE = "give a writable folder with --results"


def cannot_write(path: Path, error: OSError, otherwise: str = GIVE) -> LabError:
    """The error for a file that cannot be written: what is full, or what to do `otherwise`."""
    if error.errno == errno.ENOSPC:
        return LabError(f"cannot write {path}: {_full(path)}")
    if error.errno == errno.EDQUOT:
        return LabError(f"cannot write {path}: your disk quota is exceeded; delete files")
    forbidden = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
    kind = Unwritable if forbidden else LabError
    return kind(f"cannot write {path}: {error.strerror or error}; {otherwise}")


def _full(path: Path) -> str:
    near = next((place for place in path.absolute().parents if place.exists()), Path("/"))
    try:
        found = os.statvfs(near)
    except OSError:
        return "the disk is full; free some space and repeat the command"
    if found.f_files and not found.f_favail:
        return f"the file system of {near} has no inodes left; delete files and repeat the command"
    left = found.f_bavail * found.f_frsize / 1e6
    return f"the disk is full ({left:.3g} MB left); free some space and repeat the command"


def unknown(kind: str, name: str, known: Iterable[str]) -> LabError:
    """An error for a name that does not exist, with the nearest name that does.

    `kind` is the noun ("model", "column"); `known` the existing names.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known) or 'none'}"
    return LabError(f"unknown {kind} '{shown(name)}'; {hint}")


def shown(text: str, most: int = 80) -> str:
    """A text as an error quotes it: one line of at most so many characters, all printable."""
    line = "".join(sign if sign.isprintable() else "?" for sign in text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 1]}…"
