"""A cache of the runs that experiments define: `status` needs to import neither models nor jax.

An entry holds the identity of each run of an experiment, and everything these depend on: the size
and time of every file behind them, and the versions of the installed packages. If any of these
changes, the entry is ignored. The files are the Python files that were loaded (the experiment's,
those it imports, ours, plugins'), those that the experiment opens itself (through Python: not those
that a compiled library opens), and those of the data. An experiment whose files change while they
are read is not cached.

Runs on the user's own files are not cached, since their fingerprints depend on those files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import sysconfig
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import plugins
from ..errors import LabError
from ..storage.atomic import write_whole
from ..storage.cache import cache_path, file_stamps

if TYPE_CHECKING:
    from ..config import Run
    from ..experiment import Experiment
    from ..identity import Identity


def now() -> int:
    """The time before an experiment is loaded, for `remember`."""
    return time.time_ns()


def remember(found: Experiment, runs: Mapping[str, Identity], began: int) -> None:
    """Cache the identities of an experiment that this process has loaded from its file.

    began: the time before it was loaded; files changed since may have been read before or after.
    """
    from .. import source_digest, sweeps
    from ..config import PARTS
    from ..identity import data_files

    if sweeps.has_sweeps(found.grid):  # its runs depend on what is recorded
        return
    every = [run for cell in found.cells for run in _with_parents(cell.run)]
    used = [getattr(run, name) for run in every for name in PARTS]
    parts = {*{id(part): part for part in used}.values()} - {None}  # few, and slow to hash
    fields = [field for part in parts for field in dataclasses.fields(part)]
    if any(field.metadata.get("place") for field in fields):
        return
    data = {*{id(run.data): run.data for run in every}.values()} - {None}
    with suppress(LabError, OSError):  # a file may be gone, or the cache not writable
        files = {file.absolute() for file in (*_loaded(), *found.behind)}
        files |= source_digest.files(type(part) for part in parts) or set()
        for source in data:
            files |= {*data_files(source)}
        stamps = file_stamps(sorted(files))
        if any(changed >= began for _, _, changed in stamps):
            return
        texts: dict[Hashable, str] = {}  # of what runs have in common, mostly the same object
        shared: dict[str, int] = {}  # text -> its place in the list
        kept = {}
        for run, known in runs.items():
            key = id(known.defaults), known.data, known.code
            if key not in texts:
                texts[key] = json.dumps(known[1:])
            kept[run] = known.fingerprint, shared.setdefault(texts[key], len(shared))
        known = {
            "from": [_installed(), *stamps],
            "folders": _data_folders() if any(map(_absent, data)) else None,
            "shared": [*shared],
            "runs": kept,
        }
        write_whole(_place(found.file), json.dumps(known).encode())


def _with_parents(run: Run | None) -> Iterator[Run]:
    """A run, the run that it starts from, and so on."""
    while run is not None:
        yield run
        run = run.parent and run.parent.defined


def recall(file: Path) -> dict[str, Identity] | None:
    """Run -> cached identity, or None if anything they depend on has changed."""
    from ..identity import Identity

    try:
        kept = json.loads(_place(file).read_text())
        installed, *files = kept["from"]
        if installed != _installed() or kept["folders"] not in (None, _data_folders()):
            return None
        if files != [[*stamp] for stamp in file_stamps(Path(path) for path, *_ in files)]:
            return None
        shared = [json.loads(text) for text in kept["shared"]]
        return {run: Identity(mark, *shared[at]) for run, (mark, at) in kept["runs"].items()}
    except (LabError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _place(file: Path) -> Path:
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    return cache_path("definitions", f"{file.stem}-{digest}.json")


def _absent(source: Any) -> bool:
    with suppress(LabError, OSError):
        return source.location() is None
    return True


def _data_folders() -> list[list[Any]]:
    """Folders where data can appear, with their times."""
    return [[str(folder), folder.stat().st_mtime_ns] for folder in _where_data_lie()]


def _where_data_lie() -> Iterator[Path]:
    homes: Iterable[Path] = [cache_path("data")]
    if given := os.environ.get("SCALING_LAB_DATA"):
        homes = [*homes, Path(given).expanduser()]
    for home in homes:
        if home.is_dir():
            yield from (home, *sorted(path for path in home.iterdir() if path.is_dir()))


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
    return [
        Path(file)
        for name, module in [*sys.modules.items()]
        if (file := getattr(module, "__file__", None)) and file.endswith(".py")
        if name.split(".")[0] in edited or not file.startswith(versioned)
    ]
