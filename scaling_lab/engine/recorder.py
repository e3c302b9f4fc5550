"""Records the rows of ensembles, and puts them back if their folder is removed during training.

Before any of them is trained, the texts of the experiment are registered.
"""

from __future__ import annotations

import ctypes
import pickle
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..errors import LabError
from ..registration import log
from ..registration.texts import Texts
from ..storage.atomic import write_whole
from ..storage.objects import pull
from ..storage.records import DEFINITION, Store
from .rows import Rows

COMPACT_EVERY = 256  # parts


@dataclass
class Recorder:
    """Where one call of `run` records.

    definition: the text of experiment.json. check: raises LabError if the lock was lost. say: shows
    the user a message. registered: the digest of the registered texts, for the rows; None before
    `register`.
    """

    store: Store
    definition: str
    check: Callable[[], None]
    say: Callable[[str], None]
    recorded: list[bytes] = field(default_factory=list)
    registered: str | None = None
    _log: bytes = b""

    def register(self, texts: Texts, commit: str | None, dirty: bool | None) -> None:
        """Register the texts, unless they are the newest registration. Raises LabError.

        commit: of the repository of the experiment's file. dirty: whether that file has changes.
        """
        rows = self.store.survey().rows.values()
        found = log.register(
            self.store.folder,
            texts,
            recorded=sum(row["status"] in ("done", "diverged") for row in rows),
            commit=commit,
            dirty=dirty,
        )
        for line in found.broken:
            self.say(f"{self.store.folder}: {line}")
        self.registered, self._log = texts.digest, found.data

    def define(self) -> None:
        """Write the experiment's definition, unless it is there already.

        Called once it is certain that the experiment can be trained: until then, the definition
        of what is recorded stays. Raises LabError if it cannot be written.
        """
        path, data = self.store.folder / DEFINITION, self.definition.encode()
        if self._log and not (self.store.folder / log.REGISTERED).exists():
            write_whole(self.store.folder / log.REGISTERED, self._log)
        if not path.is_file() or path.read_bytes() != data:
            write_whole(path, data)

    def record(self, rows: Rows) -> None:
        """Record the rows of an ensemble. Raises LabError if they cannot be written."""
        self.check()
        self._pull()
        if not self.recorded:
            self.define()
        rows = rows._replace(runs=[row | {"registered": self.registered} for row in rows.runs])
        self.store.append(rows.runs, rows.curves)
        # A few kB a run; as dicts, thousands of runs would take noticeable memory.
        self.recorded.append(zlib.compress(pickle.dumps(rows)))
        if not (self.store.folder / DEFINITION).exists():
            self._restore()
        if len(self.recorded) % COMPACT_EVERY == 0:
            self.compact()

    def end(self) -> None:
        """Check that all that was recorded is there, or record it again; then merge the parts."""
        self.check()
        if self.recorded:
            self._restore()
        self.compact()

    def compact(self) -> None:
        """Merge the parts of the tables; if that fails, they stay as they are."""
        try:
            self.store.compact()
        except LabError as error:
            self.say(f"the parts of the tables stay unmerged: {error}")
        _give_back()

    def _pull(self) -> None:
        """Fetch the mirror of an object store anew if it was deleted."""
        if not (self.store.folder / DEFINITION).exists():
            pull.tables(self.store.folder, self.say)

    def _restore(self) -> None:
        """Record again what is no longer there."""
        self._pull()
        there = self.store.survey().rows
        rows = [pickle.loads(zlib.decompress(one)) for one in self.recorded]
        lost = [one for one in rows if any(not _same(row, there) for row in one.runs)]
        if not lost and (self.store.folder / DEFINITION).exists():
            return
        self.define()
        for one in lost:
            self.store.append(one.runs, one.curves)
        self.say(
            f"{self.store.folder} was removed or changed during training: "
            f"{sum(len(one.runs) for one in lost)} runs of this call are recorded again; "
            "runs recorded earlier and kept parameters are not"
        )


def _same(row: Mapping[str, Any], there: Mapping[str, Mapping[str, Any]]) -> bool:
    found = there.get(row["run"], {})
    return all(found.get(name) == row[name] for name in ("fingerprint", "status"))


def _give_back() -> None:
    """Return freed memory to the system: merging parts leaves tens of MiB with the allocator."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
