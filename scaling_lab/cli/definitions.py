"""A cache of the runs that experiments define: `status` needs to import neither models nor jax.

An entry holds the name and fingerprint of each run of an experiment, and everything these depend
on: the size and time of every Python file that was loaded (the experiment's, those it imports,
ours, plugins'), and the versions of the installed packages. If any of these changes, the entry is
ignored.

Runs on the user's own files are not cached, since their fingerprints depend on those files.
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
from ..storage.atomic import write_whole
from ..storage.cache import cache_path, file_stamps

if TYPE_CHECKING:
    from ..experiment import Experiment
    from ..grid import GridPoint


def fingerprints(cells: Sequence[GridPoint]) -> dict[str, str]:
    """Run -> fingerprint."""
    from ..config import fingerprint

    return {cell.name: fingerprint(cell.run) for cell in cells}


def remember(found: Experiment, marks: Mapping[str, str]) -> None:
    """Cache the fingerprints of an experiment that this process has loaded from its file."""
    from ..config import PARTS

    parts = {getattr(cell.run, name) for cell in found.cells for name in PARTS} - {None}
    fields = [field for part in parts for field in dataclasses.fields(part)]
    if not any(field.metadata.get("place") for field in fields):
        with suppress(LabError, OSError):  # the cache may not be writable
            stamps = map(list, file_stamps([*_loaded(), *found.imported]))
            kept = {"from": [_installed(), *stamps], "runs": {**marks}}
            write_whole(_place(found.file), json.dumps(kept).encode())


def recall(file: Path) -> dict[str, str] | None:
    """Run -> cached fingerprint, or None if anything they depend on has changed."""
    try:
        kept = json.loads(_place(file).read_text())
        installed, *files = kept["from"]
        now = file_stamps(Path(path) for path, *_ in files)
    except (LabError, OSError, ValueError, KeyError):
        return None
    return kept["runs"] if installed == _installed() and files == [*map(list, now)] else None


def _place(file: Path) -> Path:
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    return cache_path("definitions", f"{file.stem}-{digest}.json")


@cache
def _installed() -> list[Any]:
    """Everything that decides which packages, in which versions, are imported."""
    site = Path(sysconfig.get_path("purelib"))
    packages = sorted(path.name for path in site.glob("*.dist-info"))
    return [sys.version, os.environ.get("SCALING_LAB_DATA"), packages]


def _loaded() -> list[Path]:
    """Source files of the loaded modules, except those of versioned packages."""
    versioned = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    edited = {__name__.split(".")[0], *(name.split(".")[0] for name in plugins.plugins().values())}
    files = {
        file
        for name, module in [*sys.modules.items()]
        if (file := getattr(module, "__file__", None)) and file.endswith(".py")
        if name.split(".")[0] in edited or not file.startswith(versioned)
    }
    return sorted(map(Path, files))
