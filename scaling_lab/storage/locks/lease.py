"""A lock without the operating system's help: a record that its holder renews by a heartbeat.

A process that wants a lock held by another watches the record. If it changes, the other lives, and
the lock is refused; if it stays as it is for STALE seconds, the lock is taken over. Only this
process's own clock counts, so clocks may differ. A holder that was suspended for longer finds that
it has lost the lock before it records anything.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ...errors import LabError, cannot_write
from ..objects.buckets import Bucket, Changed
from .holder import SIZE, Holder, from_bytes, now

HEARTBEAT = 10.0  # s
STALE = 60.0  # s without a heartbeat after which a lock is taken over
MARGIN = 0.8  # of STALE, after which a holder asks whether the lock is still its own
SETTLE = 1.0  # s in which two processes that took a lock at the same time see who was last

Say = Callable[[str], None]


class Slot(Protocol):
    """The place of a record. `read` gives the record with a tag; `write` replaces that version.

    `write` raises Changed if the record is no longer the one with this tag.
    """

    def read(self) -> tuple[Holder | None, str | None]: ...

    def write(self, holder: Holder | None, tag: str | None) -> str: ...


class FileSlot:
    """A record in a file. Without locks, of two writers at the same moment the last one wins."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Holder | None, str | None]:
        try:
            found = from_bytes(self.path.read_bytes())
        except FileNotFoundError:
            return None, None
        return found, found.token if found else None

    def write(self, holder: Holder | None, tag: str | None) -> str:
        old, _ = self.read()
        mine = old.token if old else None
        # A file that was removed is made again; one that was emptied has had another holder.
        if mine != tag and not (mine is None and not self.path.exists()):
            raise Changed
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)
            try:
                if holder is None:
                    os.ftruncate(descriptor, 0)
                else:
                    os.pwrite(descriptor, holder.to_bytes(), 0)
                    os.ftruncate(descriptor, SIZE)
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return holder.token if holder else ""


class ObjectSlot:
    """A record in an object; an empty one is free. Conditional puts let one writer win."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self.bucket, self.key = bucket, key

    def read(self) -> tuple[Holder | None, str | None]:
        found = self.bucket.read_tagged(self.key)
        return (from_bytes(found[0]), found[1]) if found else (None, None)

    def write(self, holder: Holder | None, tag: str | None) -> str:
        data = holder.to_bytes() if holder else b""
        try:
            return self.bucket.put_tagged(self.key, data, tag)
        except Changed:
            # The answer to a put that succeeded may have been lost, and the put repeated.
            found = self.bucket.read_tagged(self.key)
            if found and found[0] == data:
                return found[1]
            raise


class Lease:
    """A held lock, renewed by a thread until it is released.

    where: what is locked, for messages. lost: called when another process has taken it over.
    """

    def __init__(self, slot: Slot, where: str, lost: Callable[[], object]) -> None:
        self.slot, self.where, self.lost = slot, where, lost
        self.mine, self.tag = Holder(), ""
        self.renewed = _clock()
        self.taken: Holder | None = None
        self.gone = False
        self.renewing = threading.Lock()
        self.released = threading.Event()
        self.thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def acquire(self, say: Say, *, alone: bool = False, settle: float = 0.0) -> None:
        """Take the lock. Raises LabError if another process holds it.

        alone: the operating system has already refused all other processes of this machine. settle:
        s after which to look whether another process took it at the same moment.
        """
        old, tag = self.slot.read()
        if old is not None and not (alone and old.is_freed):
            lives = old.lives
            if lives is None:
                tag = self._watch(old, tag, say)
            elif lives:
                raise in_use(self.where, old)
            if lives is None or not alone:
                say(
                    f"took over the lock of {self.where} from {old}, "
                    f"which last renewed it at {old.seen}"
                )
        try:
            self.renewed = _clock()
            self.tag = self.slot.write(self.mine, tag)
            if settle:
                time.sleep(settle)
                other, _ = self.slot.read()
                if other is None or other.token != self.mine.token:
                    raise Changed
        except Changed as error:
            raise in_use(self.where, self.slot.read()[0]) from error
        self.thread.start()

    def check(self) -> None:
        """Raises LabError if another process has taken the lock over; call it before recording."""
        if not self.gone and _clock() - self.renewed > MARGIN * STALE:
            self._renew()
        if self.gone:
            raise LabError(
                f"another process took over the lock of {self.where} while this one was "
                f"suspended ({self.taken or 'it has ended since'}); nothing more is recorded here, "
                "and what was recorded counts once"
            )

    def release(self) -> None:
        """Free the lock, unless it was lost."""
        self.released.set()
        if self.thread.is_alive():
            self.thread.join(STALE)
        with suppress(Changed, LabError):  # a lock that cannot be freed becomes stale
            if not self.gone:
                self.slot.write(None, self.tag)

    def _watch(self, old: Holder, tag: str | None, say: Say) -> str | None:
        """Wait until the lock is stale or free; its tag then.

        Raises LabError if its holder lives.
        """
        say(
            f"{self.where} is locked by {old}, which cannot be seen from here; "
            f"waiting for its next heartbeat, {STALE:.0f} s at most"
        )
        # Time in which the whole machine sleeps does not count: the holder may sleep as well.
        until = time.monotonic() + STALE
        while True:
            time.sleep(min(1.0, HEARTBEAT / 5))
            asked = time.monotonic()
            found, now_tag = self.slot.read()
            if found is None:
                return now_tag
            if (found.token, found.beat) != (old.token, old.beat):
                raise in_use(self.where, found)
            if asked >= until:
                return tag

    def _beat(self) -> None:
        while not self.released.wait(HEARTBEAT) and not self.gone:
            with suppress(LabError, OSError):  # tried again at the next beat
                self._renew()

    def _renew(self) -> None:
        with self.renewing:
            if self.gone or self.released.is_set():
                return
            began = _clock()
            self.mine = replace(self.mine, beat=self.mine.beat + 1, seen=now())
            try:
                self.tag = self.slot.write(self.mine, self.tag)
                self.renewed = began
                return
            except Changed:
                self.gone = True
            with suppress(LabError, OSError):
                self.taken = self.slot.read()[0]
        self.lost()


def in_use(where: str, holder: Holder | None) -> LabError:
    """The error for a lock that another process holds."""
    who = holder or "another process"
    return LabError(f"{where} is in use by {who}; wait for it or stop it")


def _clock() -> float:
    """Seconds that also pass while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
