"""One writer per experiment.

In a folder, a file lock keeps out other processes of this machine, and the operating system frees
it when its holder ends. A lease in the same file (`lease`) keeps out the processes that a
file lock does not reach: on other machines, and on file systems without locks. Where the folder
mirrors an object store, there is a lease in the store as well.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from ...errors import LabError, cannot_write
from ..objects import mirror
from .holder import Holder, from_bytes
from .lease import SETTLE, FileSlot, Lease, ObjectSlot, in_use

FILE = "lock"
# What a file system says that knows no locks, or whose lock server does not answer.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class Held:
    """The locks of a results folder, held by this process."""

    def __init__(self, leases: list[Lease]) -> None:
        self.leases = leases

    def check(self) -> None:
        """Call it before recording. Raises LabError if another process has taken the lock over."""
        for lease in self.leases:
            lease.check()


@contextmanager
def held(
    folder: Path,
    lost: Callable[[], object] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Held]:
    """Hold the lock of an experiment's results folder.

    lost: called from another thread if another process takes the lock over, as may happen to a
    process that is suspended. say: receives a line if this process waits, or takes a lock over.
    Raises LabError if another process holds it, naming that process; Unwritable if the folder
    cannot be written.
    """
    path = folder / mirror.LOCAL / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        file = open(path, "r+")  # noqa: SIM115
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    with ExitStack() as stack:
        stack.enter_context(file)
        alone = _acquire(file, folder)
        leases = [Lease(FileSlot(path), mirror.address(folder), lost)]
        leases[0].acquire(say, alone=alone, settle=0.0 if alone else SETTLE)
        stack.callback(leases[0].release)
        if there := mirror.object_of(path):
            leases.append(Lease(ObjectSlot(*there), mirror.address(folder), lost))
            leases[1].acquire(say)
            stack.callback(leases[1].release)
        stack.callback((path.parent / "running.json").unlink, missing_ok=True)
        yield Held(leases)


def holder(folder: Path) -> Holder | None:
    """The process that holds the lock, or None if it is free.

    One that cannot be seen from here is named even if it has ended without freeing the lock.
    """
    path = folder / mirror.LOCAL / FILE
    there = mirror.object_of(path)
    if there is not None:
        try:
            found = from_bytes(there.bucket.read(there.key))
        except FileNotFoundError:
            return None
        return found if found and found.lives is not False else None
    try:
        with open(path) as file:
            found, reached = FileSlot(path).read()[0], True
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return found or Holder(0, "?", "?")
            except OSError:
                reached = False
            if found is None or (reached and found.is_freed):
                return None
            return found if found.lives is not False else None
    except OSError:
        return None


def _acquire(file: IO[str], folder: Path) -> bool:
    """Acquire the file lock; whether the file system has locks.

    It is tried for a moment, because `holder` takes a shared lock to test it.
    """
    for retries_left in range(20, -1, -1):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError as error:
            owner = FileSlot(Path(file.name)).read()[0]
            if not retries_left or (owner and owner.lives is not False):
                raise in_use(mirror.address(folder), owner) from error
            time.sleep(0.05)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise LabError(
                    f"cannot lock {file.name}: {os.strerror(error.errno or 0)}; "
                    "give a folder on another file system with --results"
                ) from error
            return False
    raise AssertionError
