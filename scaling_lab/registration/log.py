"""The log of registrations, `results/NAME/registered.jsonl`: one line for each change of the texts.

    {"sequence": 2, "previous": SHA-256 of the line before, "digest": SHA-256 of the texts,
     "time": UTC, "commit": ..., "dirty": ..., "recorded": 36, "earlier": 0, "from": "run",
     "how": "", "question": ..., "prediction": ..., "claims": [...]}

recorded   how many runs had a result by then; failed runs have none
earlier    of lines from git: how many more had one that is no longer in the tables
began      of lines from git: when the next run began, null if there was none
commit     of the repository that holds the experiment's file; dirty: whether the file had changes
from       "run" if `run` wrote the line at that time, "git" if the line was made afterwards from
           the history of the files; `how` then says from what

Each line holds the digest of the one before, so a line that is changed, removed or put in breaks
the chain there. A broken chain is told and stops nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..storage.atomic import write_whole
from .texts import Texts

REGISTERED = "registered.jsonl"
RUN, GIT = "run", "git"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the log."""

    digest: str
    time: str
    texts: Texts
    recorded: int = 0
    earlier: int = 0
    began: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    source: str = RUN
    how: str = ""

    @property
    def seen(self) -> int:
        """How many runs had a result by then, also those no longer in the tables."""
        return self.recorded + self.earlier


@dataclass(frozen=True)
class Log:
    """The entries by time, the messages about a broken chain, and the file's bytes."""

    entries: tuple[Entry, ...] = ()
    broken: tuple[str, ...] = ()
    data: bytes = b""

    @property
    def last(self) -> Entry | None:
        """The newest entry."""
        return self.entries[-1] if self.entries else None

    @property
    def amendments(self) -> tuple[tuple[Entry, Entry], ...]:
        """Each entry after the first, preceded by the one that it changes."""
        return tuple(zip(self.entries, self.entries[1:], strict=False))


def read(folder: Path) -> Log:
    """The log of a results folder; empty if it has none. A damaged log raises nothing."""
    try:
        return parsed((folder / REGISTERED).read_bytes())
    except FileNotFoundError:
        return Log()
    except OSError as error:
        return Log(broken=(f"{REGISTERED} cannot be read: {error.strerror}",))


def register(
    folder: Path,
    texts: Texts,
    *,
    recorded: int,
    commit: str | None = None,
    dirty: bool | None = None,
) -> Log:
    """Append a line if the texts differ from those of the newest entry; the log.

    The caller holds the folder's lock. Raises LabError if the log cannot be written.
    """
    log = read(folder)
    if log.last is not None and log.last.digest == texts.digest:
        return log
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = Entry(
        digest=texts.digest, time=now, texts=texts, recorded=recorded, commit=commit, dirty=dirty
    )
    return append(folder, [entry])


def append(folder: Path, entries: Sequence[Entry]) -> Log:
    """Append entries as lines, whatever their times; the whole log. Raises LabError."""
    log = read(folder)
    lines = log.data.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    for entry in entries:
        lines.append(_line(entry, len(lines) + 1, lines[-1] if lines else b""))
    write_whole(folder / REGISTERED, b"".join(lines))
    return parsed(b"".join(lines))


def parsed(data: bytes) -> Log:
    """The log of these bytes."""
    entries, broken, before = [], [], b""
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        why = "it is not a registration"
        try:
            found = json.loads(line)
            entry = _entry(found)
        except (ValueError, KeyError, TypeError, AttributeError):
            found, entry = {}, None
        if entry is not None:
            entries.append(entry)
            why = _broken(found, entry, number, before)
        if why:
            broken.append(f"the chain of {REGISTERED} is broken at line {number}: {why}")
        before = line
    entries.sort(key=lambda entry: entry.time)
    return Log(tuple(entries), tuple(broken), data)


def _broken(found: Mapping[str, Any], entry: Entry, number: int, before: bytes) -> str:
    """What is wrong with a line; "" if nothing is."""
    if found.get("previous") != _previous(before) or found.get("sequence") != number:
        return "the lines before it were changed or removed"
    return "" if entry.digest == entry.texts.digest else "its texts are not those it digested"


def _line(entry: Entry, sequence: int, before: bytes) -> bytes:
    values = asdict(entry)
    texts, values["from"] = values.pop("texts"), values.pop("source")
    if texts["looks"] is None:
        del texts["looks"]
    line = {"sequence": sequence, "previous": _previous(before), **values, **texts}
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _previous(line: bytes) -> str:
    return hashlib.sha256(line.rstrip(b"\r\n")).hexdigest() if line else ""


def _entry(line: Mapping[str, Any]) -> Entry:
    claims = line["claims"]
    texts = Texts(
        str(line["question"]),
        str(line["prediction"]),
        None if claims is None else tuple(dict(claim) for claim in claims),
        line.get("looks"),
    )
    return Entry(
        digest=str(line["digest"]),
        time=str(line["time"]),
        texts=texts,
        recorded=int(line["recorded"]),
        earlier=int(line.get("earlier") or 0),
        began=line.get("began"),
        commit=line.get("commit"),
        dirty=line.get("dirty"),
        source=str(line.get("from") or RUN),
        how=str(line.get("how") or ""),
    )
