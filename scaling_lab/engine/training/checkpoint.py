"""Checkpoints of an ensemble in training, by orbax: every few minutes and on an interruption.

    FOLDER/STEP/state       the carry, written by orbax
    FOLDER/STEP/curves.json the curves so far, and digests of all there is; written last: without it
                            the checkpoint is unfinished

An unfinished checkpoint is never read; the next save removes it, and older ones. Results on an
object store have the newest one there too.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ...errors import LabError
from ...protocols import Tree
from ...storage.atomic import write_whole
from ...storage.objects import packed

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

    def __init__(
        self,
        folder: Path,
        *,
        every: float = EVERY,
        worth: float = WORTH,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder, self.every, self.worth, self.say = folder, every, worth, say
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
        write_whole(place / "curves.json", json.dumps(_sealed(place, curves)).encode())
        for other in self.folder.iterdir():
            if other != place:
                shutil.rmtree(other, ignore_errors=True)
        try:
            packed.publish(place)
        except LabError:  # it lies here all the same
            with suppress(OSError):
                (place / packed.UNPUBLISHED).touch()

    def restore(self, like: Tree) -> Saved | None:
        """The newest finished checkpoint, placed as `like` (shapes with shardings), if any.

        Damaged ones are deleted, and training starts from an older one or from the beginning.
        """
        packed.fetch(self.folder)
        for found in sorted(self.folder.glob("*/curves.json"), reverse=True):
            place = found.parent
            try:
                return self._read(place, like)
            except Exception as error:
                why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
                self.say(f"the checkpoint {place} is damaged ({why}): left out, trained again")
                shutil.rmtree(place, ignore_errors=True)
        return None

    def _read(self, place: Path, like: Tree) -> Saved:
        from orbax.checkpoint import v1 as orbax

        kept = json.loads((place / "curves.json").read_text())
        if kept != _sealed(place, kept["curves"]):
            raise ValueError("it is not as it was written")
        with _one_at_a_time, jax.transfer_guard("allow"):
            carry = orbax.load(str((place / "state").resolve()), like)
        # Orbax's arrays may alias its own buffers, and the engine donates the carry.
        carry = jax.tree.map(
            lambda leaf: jax.device_put(leaf, leaf.sharding, may_alias=False), carry
        )
        return Saved(carry, kept["curves"])

    def forget(self) -> None:
        """Delete all checkpoints of the ensemble, once it is recorded."""
        packed.drop(self.folder)


def _sealed(place: Path, curves: Curves) -> dict[str, Any]:
    """The curves with digests, by which a checkpoint that was altered or moved is recognised."""
    files = {}
    for path in sorted(path for path in (place / "state").rglob("*") if path.is_file()):
        with open(path, "rb") as file:
            name = path.relative_to(place).as_posix()
            files[name] = hashlib.file_digest(file, "sha256").hexdigest()
    told = {"of": [place.parent.name, place.name], "files": files}
    text = json.dumps([told, curves])
    return {**told, "curves": curves, "digest": hashlib.sha256(text.encode()).hexdigest()}
