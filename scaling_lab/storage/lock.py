"""One writer per experiment: a file lock that the operating system frees when its process ends."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ..errors import LabError


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of an experiment's results folder.

    Raises LabError if another process holds it, naming that process.
    """
    path = folder / ".work" / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise LabError(
            f"cannot write {path.parent}: {error.strerror}; give a writable folder with --results"
        ) from error
    with open(path, "r+") as file:
        try:
            _acquire(file)
        except OSError as error:
            owner = holder(folder) or {}
            raise LabError(
                f"{folder} is in use by process {owner.get('pid', '?')} on "
                f"{owner.get('host', '?')} since {owner.get('since', '?')}; wait for it or stop it"
            ) from error
        file.seek(0)
        file.truncate()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()
        try:
            yield
        finally:
            (folder / ".work" / "running.json").unlink(missing_ok=True)
            file.seek(0)
            file.truncate()


def _acquire(file: IO[str]) -> None:
    """Acquire the lock, retrying briefly: `holder` takes a shared lock for a moment to test it."""
    for retries_left in range(20, -1, -1):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not retries_left or file.read(1):
                raise
            time.sleep(0.05)


def holder(folder: Path) -> dict[str, Any] | None:
    """The process that holds the lock ("pid", "host", "since"), or None if it is free."""
    path = folder / ".work" / "lock"
    try:
        with open(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = file.read()
                return json.loads(text) if text else {}
            return None
    except OSError:
        return None
