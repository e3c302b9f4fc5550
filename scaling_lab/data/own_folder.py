"""The folder of a source that reads the user's own files, as its field `path` names it."""

from __future__ import annotations

from pathlib import Path

from ..errors import LabError


def found(path: str) -> Path | None:
    """The folder, ~ expanded; None if there is none."""
    home = Path(path).expanduser()
    return home if path and home.is_dir() else None


def require(path: str, example: str, otherwise: str) -> None:
    """Raise LabError unless the folder exists.

    example: how the source is given its path. otherwise: what to do where there is no folder.
    """
    if not path:
        source = example.partition("(")[0]
        raise LabError(f"{source} needs the path of a folder; name it, as in {example}")
    if found(path) is None:
        raise LabError(f"there is no folder {path}; {otherwise}")
