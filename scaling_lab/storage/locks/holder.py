"""Who holds a lock, and whether that process still lives."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def machine() -> str:
    """This boot of this machine and its space of process numbers; "" where that is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def began(pid: int) -> str:
    """When a process of this machine began, in clock ticks; "" if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *rest = text.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock, as it says of itself in the lock.

    token: of this holding. since, seen: when it took the lock and last renewed it, by its own
    clock. beat: how often it has renewed it. machine, began: see the functions of that name.
    """

    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    since: str = field(default_factory=now)
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    beat: int = 0
    seen: str = field(default_factory=now)
    machine: str = field(default_factory=machine)
    began: str = field(default_factory=lambda: began(os.getpid()))

    @property
    def lives(self) -> bool | None:
        """Whether the process lives; None if it cannot be seen from here."""
        if not self.machine or self.machine != machine():
            return None
        if found := began(self.pid):
            return found == self.began
        try:
            os.kill(self.pid, 0)
        except PermissionError:
            return None
        except OSError:
            return False
        return False  # it has ended, and nobody has waited for it

    @property
    def is_freed(self) -> bool:
        """Whether a free file lock proves that it holds nothing: it is of this machine."""
        here = self.host == socket.gethostname()
        return not self.token or (here and (not self.machine or self.pid == os.getpid()))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"

    def to_bytes(self) -> bytes:
        """JSON of a fixed length: a file can be overwritten in one write."""
        return json.dumps(asdict(self)).encode().ljust(SIZE)


SIZE = 1024  # bytes


def from_bytes(data: bytes) -> Holder | None:
    """The holder that a lock names; None if the lock is free or cannot be read."""
    try:
        found: Any = json.loads(data)
        # A lock of an earlier version says less: its token is empty.
        known = {one.name: found.get(one.name, "") for one in fields(Holder) if one.name != "beat"}
        return Holder(**known, beat=int(found.get("beat", 0)))
    except (ValueError, TypeError, AttributeError):
        return None
