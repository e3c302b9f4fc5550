"""Packing a folder of images into ArrayRecord files of square JPEGs, for `packs` to read.

A file that is finished stays; after an interruption the same call goes on with the next one.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import digest
from ..data import Splits, order
from ..errors import LabError
from ..reading import reading, threads
from ..storage import leftovers
from ..storage.atomic import temporary_path, write_whole
from ..storage.locks import lock
from ..storage.objects import mirror
from .decode import picture
from .folders import Labelled, labelled_splits
from .packs import FORMAT, array_record

SHARD = 2_048  # pictures in a file, at least
MOST_SHARDS = 256  # files of a split: training keeps each open
IN_FLIGHT = 512  # pictures
WRITER = "group_size:1,uncompressed"  # one picture is read at a time, and JPEGs do not compress


@dataclass
class Shard:
    """A finished file of a pack: what it holds, and what is left out.

    bytes: its size. content: digest of its records. pixels, total, squares: number, sum and sum of
    squares of all pixel values. broken: path and reason of each image that is left out.
    """

    file: str
    records: int = 0
    bytes: int = 0
    content: str = ""
    pixels: int = 0
    total: int = 0
    squares: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)


class Record(NamedTuple):
    """A record of a pack, and the sum and the sum of squares of its picture's pixel values."""

    data: bytes
    total: int
    squares: int


class Progress:
    """Receives the progress of packing; the command line's subclass displays it."""

    def say(self, line: str) -> None:
        """A message for the user."""

    def read(self, path: Path) -> None:
        """A file has been read, to find duplicates."""

    def begin(self, total: int, done: int) -> None:
        """Packing of `total` pictures begins; `done` of them were packed before."""

    def advance(self) -> None:
        """One more image is packed, or left out."""

    def left_out(self, image: str, reason: str) -> None:
        """An image is left out, now or in an earlier call."""


class Packed(NamedTuple):
    """A finished pack: its pictures, how many were packed in this call, and what was left out."""

    records: int
    new: int
    broken: list[tuple[str, str]]


def write(home: Path, pack: Path, side: int, quality: int, progress: Progress) -> Packed:
    """Pack a folder of images, unless another process is packing into `pack`.

    side: of the pictures, in pixels. quality: of the JPEGs, 1 to 100. Splits and order are those of
    `data.image_folder`. Images that cannot be decoded are left out and told to `progress`. Raises
    LabError if the folder is not laid out for that, if `pack` holds anything else, is in use or
    cannot be written, or if no picture of a split or a class can be decoded.
    """
    if side < 1 or not 1 <= quality <= 100:
        raise LabError(
            f"side {side}, quality {quality}; give a side of 1 or more and a quality of 1 to 100"
        )
    if not home.is_dir():
        raise LabError(f"there is no folder {home}; give a folder with one folder a class")
    if pack.resolve().is_relative_to(home.resolve()):
        raise LabError(f"{pack} lies within {home}, whose images it is to hold; give another --to")
    array_record()
    leftovers.clean(pack)
    _require_pack(pack)
    with lock.held(pack, say=progress.say) as held:
        return _pack(home, pack, side, quality, progress, held.check)


def _pack(
    home: Path,
    pack: Path,
    side: int,
    quality: int,
    progress: Progress,
    check: Callable[[], None],
) -> Packed:
    """Pack in a locked folder. check: raises LabError if the lock is lost."""
    classes, splits, content = labelled_splits(home, progress.read)
    made = {"format": FORMAT, "side": side, "quality": quality, "classes": classes}
    _claim(pack, {**made, "images": content})
    parts = {
        f"{name}-{at:05d}": part
        for name, images in zip(Splits._fields, splits, strict=True)
        for at, part in enumerate(_cut(images))
    }
    finished = [stem for stem in parts if (pack / f"{stem}.json").is_file()]
    total = sum(map(len, parts.values()))
    done = sum(len(parts[stem]) for stem in finished)
    progress.begin(total, done)
    for stem in finished:
        for broken in _shard(pack / f"{stem}.json").broken:
            progress.left_out(*broken)
    with ThreadPoolExecutor(threads(), thread_name_prefix="pack") as pool:
        for stem in [stem for stem in parts if stem not in finished]:
            shard = _write(pack / f"{stem}.array_record", home, parts[stem], made, pool, progress)
            check()
            write_whole(pack / f"{stem}.json", json.dumps(asdict(shard)).encode())
    check()
    shards = {stem: _shard(pack / f"{stem}.json") for stem in parts}
    summary = _summary(home, classes, splits, shards)
    write_whole(pack / "about.json", json.dumps({**made, **summary}, indent=1).encode())
    broken = [pair for shard in shards.values() for pair in shard.broken]
    return Packed(sum(shard.records for shard in shards.values()), total - done, broken)


def _require_pack(pack: Path) -> None:
    """Raises LabError if the folder holds anything else than a pack."""
    if (pack / "plan.json").is_file() or not pack.exists():
        return
    if not pack.is_dir() or any(path.name != mirror.LOCAL for path in pack.iterdir()):
        raise LabError(f"{pack} holds something else than a pack; give another --to")


def _claim(pack: Path, plan: dict[str, Any]) -> None:
    """Write the plan of a new pack. Raises LabError if one was begun with another plan."""
    path = pack / "plan.json"
    if path.is_file():
        old = reading(path, lambda: json.loads(path.read_text()))
        if old != plan:
            changed = [k for k in plan if not isinstance(old, dict) or old.get(k) != plan[k]]
            raise LabError(
                f"{pack} was begun with another value of: {', '.join(changed)}; give another --to, "
                "or delete that folder"
            )
    else:
        write_whole(path, json.dumps(plan).encode())


def _cut(images: Sequence[Labelled]) -> list[list[Labelled]]:
    """A split in the fixed shuffled order, cut into files of equal size but the last."""
    size = max(SHARD, math.ceil(len(images) / MOST_SHARDS))
    shuffled = [images[i] for i in order(len(images))]
    return [shuffled[at : at + size] for at in range(0, len(shuffled), size)]


def _write(
    path: Path,
    home: Path,
    images: Sequence[Labelled],
    made: dict[str, Any],
    pool: ThreadPoolExecutor,
    progress: Progress,
) -> Shard:
    """Write one file of a pack, under a temporary name until it is finished."""
    shard, content = Shard(path.name), hashlib.sha256()
    temporary = temporary_path(path)
    try:
        writer = array_record().ArrayRecordWriter(str(temporary), WRITER)
        for at in range(0, len(images), IN_FLIGHT):
            batch = images[at : at + IN_FLIGHT]
            encoded = pool.map(partial(_record, side=made["side"], quality=made["quality"]), batch)
            for (image, _), record in zip(batch, encoded, strict=True):
                progress.advance()
                if isinstance(record, str):
                    shard.broken.append((str(image.relative_to(home)), record))
                    progress.left_out(*shard.broken[-1])
                    continue
                writer.write(record.data)
                content.update(hashlib.sha256(record.data).digest())
                shard.records += 1
                shard.total += record.total
                shard.squares += record.squares
        writer.close()
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        shard.bytes = path.stat().st_size
    except (OSError, RuntimeError) as error:  # array_record raises RuntimeError
        raise LabError(
            f"cannot write {path}: {error}; give a writable folder with enough room with --to"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    shard.pixels = shard.records * 3 * made["side"] ** 2
    shard.content = content.hexdigest()
    return shard


def _record(image: Labelled, *, side: int, quality: int) -> Record | str:
    """The record of an image, or the reason why it cannot be decoded."""
    path, label = image
    found = picture(path, side, draft=side)
    if isinstance(found, str):
        return found
    jpeg = io.BytesIO()
    found.save(jpeg, "JPEG", quality=quality)
    pixels = np.asarray(found, np.uint32)
    data = np.int32(label).astype("<i4").tobytes() + jpeg.getvalue()
    return Record(data, int(pixels.sum()), int(np.square(pixels).sum()))


def _shard(path: Path) -> Shard:
    found = Shard(**reading(path, lambda: json.loads(path.read_text())))
    found.broken = [(name, reason) for name, reason in found.broken]
    return found


def _summary(
    home: Path, classes: Sequence[str], splits: Splits[list[Labelled]], shards: dict[str, Shard]
) -> dict[str, Any]:
    """The files of each split, a digest of all records, and the moments of the training pixels."""
    broken = {home / name for shard in shards.values() for name, _ in shard.broken}
    left = {label for path, label in splits.train if path not in broken}
    if missing := sorted({*range(len(classes))} - left):
        raise LabError(
            f"no training image of class '{classes[missing[0]]}' of {home} can be decoded; repair "
            "them, or remove that folder"
        )
    of = {
        name: [shard for stem, shard in shards.items() if stem.startswith(f"{name}-")]
        for name in Splits._fields
    }
    for name, found in of.items():
        if not sum(shard.records for shard in found):
            raise LabError(f"no image of the {name} split of {home} can be decoded; repair them")
    pixels = sum(shard.pixels for shard in of["train"])
    mean = sum(shard.total for shard in of["train"]) / pixels
    square = sum(shard.squares for shard in of["train"]) / pixels
    return {
        "mean": mean,
        "std": math.sqrt(square - mean**2),
        "content": digest({"records": [shard.content for shard in shards.values()]}),
        "shards": {
            name: [{k: asdict(s)[k] for k in ("file", "records", "bytes")} for s in found]
            for name, found in of.items()
        },
    }
