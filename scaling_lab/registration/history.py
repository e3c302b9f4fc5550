"""Registrations of results that are older than the log, from the history of git.

For each committed version of the experiment's file: its texts (`source`), the time of the commit,
and how many runs had a result by then. These are the runs of all tables of the experiment that were
ever committed, so runs of an earlier grid count as well. Runs that were never committed leave no
trace, and the time of a commit is what its author's machine said: such an entry says less than one
that `run` wrote, and is marked as from git.

Nothing of an old version is run. Claims that code makes are those of an experiment.json that was
committed while the code was the same; where there is none, they are unknown.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from .. import git
from ..errors import LabError
from ..storage.records import DEFINITION, Store
from . import log, source, texts
from .log import Entry
from .source import Source
from .texts import Texts

COLUMNS = ("run", "status", "started", "finished")


class Finished(NamedTuple):
    """A run that has a result: its name, and when its ensemble began and ended (UTC)."""

    run: str
    started: str
    finished: str


@dataclass(frozen=True)
class Version:
    """A committed version of an experiment's file."""

    commit: str
    time: str
    source: Source


def entries(file: Path, folder: Path) -> list[Entry]:
    """One entry for each version of the file whose texts differ from those before.

    folder: the experiment's results. Raises LabError if git does not hold the file.
    """
    versions = list(_versions(file))
    if not versions:
        raise LabError(f"git has no history of {file}; commit it, or give the file in a repository")
    made = _claims_by_code(folder, versions)
    now = {Finished(*row) for row in _rows_now(folder)}
    ever = now | _rows_ever(folder)
    found: list[Entry] = []
    for version in versions:
        registered, how = _texts(version, made)
        if found and found[-1].digest == registered.digest:
            continue
        before = {row for row in ever if row.finished <= version.time}
        began = min((row.started for row in ever - before if row.started), default=None)
        found.append(
            Entry(
                digest=registered.digest,
                time=version.time,
                texts=registered,
                recorded=len({row.run for row in before & now}),
                earlier=len(before - now),
                began=began,
                commit=version.commit,
                dirty=False,
                source=log.GIT,
                how=how,
            )
        )
    return found


def add(file: Path, folder: Path) -> tuple[log.Log, int]:
    """Append those entries that the log does not have yet; the log, and how many were added."""
    known = {entry.commit for entry in log.read(folder).entries if entry.source == log.GIT}
    new = [entry for entry in entries(file, folder) if entry.commit not in known]
    return (log.append(folder, new) if new else log.read(folder)), len(new)


def _versions(file: Path) -> Iterator[Version]:
    """The committed versions of a file, oldest first, also those under its earlier names."""
    place = file.resolve()
    listed = git.text(
        place.parent,
        *("log", "--follow", "--format=%x00%H %ct", "--name-only", "--", place.name),
    )
    root = git.text(place.parent, "rev-parse", "--show-toplevel")
    for one in reversed((listed or "").split("\0")[1:]):
        head, *names = one.split("\n")
        commit, seconds = head.split()
        name = next((name for name in names if name), "")
        data = git.ask(Path(root or "."), "show", f"{commit}:{name}") if name else None
        found = source.read(data.decode(errors="replace")) if data is not None else None
        if found is not None:
            yield Version(commit, _utc(int(seconds)), found)


def _texts(version: Version, made: Mapping[str, tuple[Texts, str]]) -> tuple[Texts, str]:
    """The texts of a version, and how they were found."""
    found = version.source
    how = "texts read from the file"
    claims = None if found.claims is None else texts.canonical(found.claims)
    if claims is None:
        known = made.get(found.made_by)
        claims = known and known[0].claims
        how = "question and prediction read from the file; claims " + (
            f"of the same code, as {DEFINITION} has them in {known[1]}"
            if known
            else "unknown: code makes them, and it was not run"
        )
    return Texts(found.question, found.prediction, claims), how


def _claims_by_code(folder: Path, versions: Sequence[Version]) -> dict[str, tuple[Texts, str]]:
    """Code that makes claims -> texts with the claims that it made, and where these were found."""
    found: dict[str, tuple[Texts, str]] = {}
    for where, time, data in _definitions(folder):
        try:
            registered = texts.of(json.loads(data))
        except (ValueError, TypeError, AttributeError):
            continue
        # The version that was current then, if it says the same as the definition.
        current = [version for version in versions if version.time <= time][-1:]
        for version in current:
            said = (version.source.question, version.source.prediction)
            if said == (registered.question, registered.prediction):
                found.setdefault(version.source.made_by, (registered, where))
    return found


def _definitions(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Each experiment.json: where it is, its time, its bytes; the committed ones, then today's."""
    listed = git.text(folder, "log", "--format=%H %ct", "--", DEFINITION) if folder.exists() else ""
    for line in reversed((listed or "").splitlines()):
        commit, seconds = line.split()
        data = git.ask(folder, "show", f"{commit}:./{DEFINITION}")
        if data is not None:
            yield f"commit {commit[:9]}", _utc(int(seconds)), data
    path = folder / DEFINITION
    if path.is_file():
        yield "the results", _utc(path.stat().st_mtime), path.read_bytes()


def _rows_now(folder: Path) -> Iterator[tuple[str, str, str]]:
    for row in Store(folder).survey("started", "finished").rows.values():
        if row["status"] in ("done", "diverged") and row["finished"]:
            yield row["run"], row["started"] or "", row["finished"]


def _rows_ever(folder: Path) -> set[Finished]:
    """The runs with a result in all tables of this folder that were ever committed."""
    listed = git.text(
        folder, "log", "--raw", "--no-abbrev", "--no-renames", "--format=", "--", "runs"
    )
    blobs = {line.split()[3] for line in (listed or "").splitlines() if line.endswith(".parquet")}
    found = set()
    for blob in sorted(blobs):
        if blob.strip("0") and (data := git.ask(folder, "cat-file", "blob", blob)):
            found |= set(_finished(data))
    return found


def _finished(data: bytes) -> Iterator[Finished]:
    try:
        part = pq.ParquetFile(io.BytesIO(data))
        names = [name for name in COLUMNS if name in part.schema_arrow.names]
        rows = part.read(columns=names, use_threads=False).to_pylist()
    except (pa.ArrowInvalid, OSError):
        return
    for row in rows:
        if row.get("status") in ("done", "diverged") and row.get("finished"):
            yield Finished(row["run"], row.get("started") or "", row["finished"])


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
