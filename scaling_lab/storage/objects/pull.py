"""Fetches what others have published into the mirror of an object store.

Immutable parts are fetched once: the digest in a part's name proves what lies here. Other files are
fetched when their size or time in the store has changed since, and files that were deleted there
vanish here. Kept parameters are only fetched when they are asked for. A plain folder is left alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ...errors import LabError
from ..atomic import write_local
from . import mirror
from .buckets import Stamp
from .mirror import Object

PATIENCE = 60.0  # s that a pull is repeated while a writer compacts
QUIET = 3.0  # s between lines of progress
THREADS = 8
STAMPS = "stamps.json"  # in .work: file -> size and time of the version that lies here
LATER = "parameters/"

Say = Callable[[str], None]


def _silent(line: str) -> None:
    """Show no progress."""


def tables(folder: Path, say: Say = _silent) -> None:
    """Make the mirror of an experiment's results equal to the store, except for its parameters.

    `say` receives a line of progress every few seconds. Raises LabError if the store cannot be
    read.
    """
    source = mirror.object_of(folder)
    if source is None:
        return
    began, until = time.time(), time.monotonic() + PATIENCE
    while time.monotonic() < until:
        # If `runs` is the same before and after, every part listed there has its curves.
        runs = source.bucket.listing(f"{source.key}/runs")
        there = source.bucket.listing(source.key)
        there = {n: s for n, s in there.items() if not n.startswith("runs/") and _is_ours(n)}
        there |= {f"runs/{name}": stamp for name, stamp in runs.items()}
        stamps = _stamps(folder)
        wanted = [
            name
            for name, stamp in there.items()
            if not name.startswith(LATER) and not _is_here(folder / name, stamp, stamps.get(name))
        ]
        try:
            _fetch(source, folder, {name: there[name] for name in wanted}, say)
        except FileNotFoundError:
            continue
        if runs.keys() == source.bucket.listing(f"{source.key}/runs").keys():
            _forget(folder, there, stamps, began)
            _write_stamps(folder, {name: there[name] for name in there if (folder / name).exists()})
            return
    raise LabError(f"{source.url} keeps changing while it is read; try again in a moment")


def located(text: str | Path, say: Say = _silent) -> Path:
    """The local path of a results folder, or of the file of a table, that may be on a store."""
    path = mirror.opened(text)
    if path.suffix.lower() in (".csv", ".tsv", ".parquet"):
        again(path)
    else:
        tables(path, say)
    return path


def file(path: Path) -> None:
    """Fetch one file of a mirror unless it is here. It need not exist, neither here nor there."""
    if not path.exists():
        again(path)


def again(path: Path) -> None:
    """Fetch one file of a mirror, if it exists there, whatever lies here."""
    source = mirror.object_of(path)
    if source is None:
        return
    try:
        write_local(path, source.bucket.read(source.key))
    except FileNotFoundError:
        return


def names(folder: Path) -> set[str]:
    """Names of the files directly in a folder, or in the store that it mirrors."""
    found = {path.name for path in folder.glob("*")}
    if source := mirror.object_of(folder):
        found |= {name for name in source.bucket.listing(source.key) if "/" not in name}
    return found


def experiments(results: Path) -> list[str]:
    """The experiments that have results in a folder, or in the store that it mirrors."""
    if source := mirror.object_of(results):
        parts = [name.split("/") for name in source.bucket.listing(source.key)]
        return sorted({name for name, *rest in parts if rest[:1] == ["runs"]})
    return sorted(path.parent.name for path in results.glob("*/runs"))


def _is_ours(name: str) -> bool:
    return not name.startswith(f"{mirror.LOCAL}/") or Path(name).name in mirror.SHARED


def _is_here(path: Path, stamp: Stamp, known: Stamp | None) -> bool:
    """Whether the version with this stamp lies here."""
    try:
        if path.suffix == ".parquet":
            data = path.read_bytes()
            return path.stem.endswith(f"-{hashlib.sha256(data).hexdigest()[:16]}")
        return known == stamp and path.stat().st_size == stamp.size
    except OSError:
        return False


def _fetch(source: Object, folder: Path, wanted: dict[str, Stamp], say: Say) -> None:
    """Fetch files. Raises FileNotFoundError if one was deleted meanwhile."""
    total, done = sum(stamp.size for stamp in wanted.values()), 0
    began = told = time.monotonic()

    def fetch(name: str) -> str:
        write_local(folder / name, source.bucket.read(f"{source.key}/{name}"))
        return name

    with ThreadPoolExecutor(THREADS, thread_name_prefix="pull") as pool:
        waiting = [pool.submit(fetch, name) for name in wanted]
        try:
            for future in as_completed(waiting):
                done += wanted[future.result()].size
                now = time.monotonic()
                if now - told >= QUIET and done:
                    told = now
                    left = (now - began) * (total - done) / done
                    say(
                        f"fetching {source.url}: {done / 1e6:.3g} of {total / 1e6:.3g} MB, "
                        f"about {left:.0f} s to go"
                    )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _forget(folder: Path, there: dict[str, Stamp], stamps: dict[str, Stamp], began: float) -> None:
    """Remove files that are no longer in the store, or kept parameters of another version.

    A file that is newer than the listing may just have been published.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith(f"{mirror.LOCAL}/") or path.name.startswith("."):
            continue
        old = name.startswith(LATER) and stamps.get(name) != there.get(name)
        if (name not in there or old) and path.stat().st_mtime < began:
            path.unlink(missing_ok=True)


def _stamps(folder: Path) -> dict[str, Stamp]:
    try:
        found = json.loads((folder / mirror.LOCAL / STAMPS).read_text())
        return {name: Stamp(*stamp) for name, stamp in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_stamps(folder: Path, stamps: dict[str, Stamp]) -> None:
    write_local(folder / mirror.LOCAL / STAMPS, json.dumps(stamps).encode())
