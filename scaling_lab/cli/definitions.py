"""The runs that an experiment defines, kept so that `status` imports neither its models nor jax.

Kept are the name and the fingerprint of each run, beside what they follow from: the size and time
of every Python file that was loaded (the experiment's, those it imports, ours, plugins'), and the
versions of the installed packages. Once any of these changes, what was kept is not used.

Runs on files of the user's own are not kept, since their fingerprints follow from those files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import plugins
from ..errors import LabError
from ..storage import cache as caches
from ..storage.atomic import write_whole

if TYPE_CHECKING:
    from ..grid import GridPoint


def fingerprints(cells: Sequence[GridPoint]) -> dict[str, str]:
    """Run -> fingerprint."""
    from ..config import fingerprint

    return {cell.name: fingerprint(cell.run) for cell in cells}


def remember(file: Path, cells: Sequence[GridPoint], marks: Mapping[str, str]) -> None:
    """Keep the fingerprints of an experiment that this process has loaded from its file."""
    from ..config import PARTS

    parts = {getattr(cell.run, name) for cell in cells for name in PARTS} - {None}
    fields = [field for part in parts for field in dataclasses.fields(part)]
    if not any(field.metadata.get("place") for field in fields):
        kept = {
            "from": [_installed(), *map(list, caches.file_stamps(_loaded()))],
            "runs": {**marks},
        }
        with suppress(LabError, OSError):  # the cache may not be writable
            write_whole(_place(file), json.dumps(kept).encode())


def recall(file: Path) -> dict[str, str] | None:
    """Run -> fingerprint as kept, or None if anything they follow from has changed since."""
    try:
        kept = json.loads(_place(file).read_text())
        installed, *files = kept["from"]
        now = caches.file_stamps(Path(path) for path, *_ in files)
    except (LabError, OSError, ValueError, KeyError):
        return None
    return kept["runs"] if installed == _installed() and files == [*map(list, now)] else None


def _place(file: Path) -> Path:
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    return caches.cache_path("definitions", f"{file.stem}-{digest}.json")


@cache
def _installed() -> list[Any]:
    """What decides which packages are imported, and in which versions."""
    site = Path(sysconfig.get_path("purelib"))
    packages = sorted(path.name for path in site.glob("*.dist-info"))
    return [sys.version, os.environ.get("SCALING_LAB_DATA"), packages]


def _loaded() -> list[Path]:
    """Source files of the loaded modules, but for those of versioned packages."""
    versioned = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    edited = {__name__.split(".")[0], *(name.split(".")[0] for name in plugins.plugins().values())}
    files = {
        file
        for name, module in [*sys.modules.items()]
        if (file := getattr(module, "__file__", None)) and file.endswith(".py")
        if name.split(".")[0] in edited or not file.startswith(versioned)
    }
    return sorted(map(Path, files))
