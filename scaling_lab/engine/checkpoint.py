"""Checkpoints of an ensemble in training, by orbax: every few minutes and on an interruption.

    FOLDER/STEP/state       the carry, written by orbax
    FOLDER/STEP/curves.json the curves so far, written last: without it the checkpoint is unfinished

An unfinished checkpoint is never read; the next save removes it, and older ones. Results on an
object store have the newest one there too.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ..errors import LabError
from ..protocols import Tree
from ..storage import packed
from ..storage.atomic import write_whole

EVERY = 180.0  # s between checkpoints
WORTH = 60.0  # s of training below which stopping costs less than a checkpoint

Curves = list[list[Any]]  # of each run: status, reason, curve, sums, final

_one_at_a_time = threading.Lock()  # orbax may not be called from several threads at once


class Saved(NamedTuple):
    """What a checkpoint holds: the carry, and the learning curves so far as plain values."""

    carry: Tree
    curves: Curves


class Checkpointer:
    """Keeps the checkpoints of one ensemble in a folder of its own."""

    def __init__(self, folder: Path, *, every: float = EVERY, worth: float = WORTH) -> None:
        self.folder, self.every, self.worth = folder, every, worth
        self.began = self.last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for another checkpoint."""
        return time.monotonic() - self.last >= self.every

    @property
    def worthwhile(self) -> bool:
        """Whether stopping without a checkpoint would lose enough work to be worth one."""
        return time.monotonic() - self.began >= self.worth

    def save(self, step: int, carry: Tree, curves: Curves) -> None:
        """Write a checkpoint; only then delete earlier ones."""
        from orbax.checkpoint import v1 as orbax

        self.last = time.monotonic()
        place = self.folder / f"{step:012d}"
        if (place / "curves.json").exists():
            return
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        # Orbax copies to the host implicitly, which the trainer's transfer guard forbids.
        with _one_at_a_time, jax.transfer_guard("allow"):
            orbax.save(str((place / "state").resolve()), carry)
        write_whole(place / "curves.json", json.dumps(curves).encode())
        for other in self.folder.iterdir():
            if other != place:
                shutil.rmtree(other, ignore_errors=True)
        with suppress(LabError):  # it lies here all the same
            packed.publish(place)

    def restore(self, like: Tree) -> Saved | None:
        """The newest finished checkpoint, placed as `like` (shapes with shardings), if any.

        An unreadable one is deleted, and training starts from the beginning.
        """
        from orbax.checkpoint import v1 as orbax

        packed.fetch(self.folder)
        finished = sorted(self.folder.glob("*/curves.json"))
        if not finished:
            return None
        place = finished[-1].parent
        try:
            with _one_at_a_time, jax.transfer_guard("allow"):
                carry = orbax.load(str((place / "state").resolve()), like)
            curves = json.loads(finished[-1].read_text())
        except Exception:
            shutil.rmtree(place, ignore_errors=True)
            return None
        # Orbax's arrays may alias its own buffers, and the engine donates the carry.
        carry = jax.tree.map(
            lambda leaf: jax.device_put(leaf, leaf.sharding, may_alias=False), carry
        )
        return Saved(carry, curves)

    def forget(self) -> None:
        """Delete all checkpoints of the ensemble, once it is recorded."""
        packed.drop(self.folder)
