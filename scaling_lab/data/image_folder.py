"""Pictures of one's own: a folder for each class, as torchvision's ImageFolder has them.

    pictures/cat/a.jpg                     dealt to the splits, 5% of a class each to the last two
    pictures/{train,valid,test}/cat/a.jpg  as they lie; `val` is `valid`; where one of the last two
                                           is missing, the pictures of the other are dealt to both

Every picture is scaled and cut to a square of `size`, or with `fit=False` has to be one; decoded
once and kept in the user's cache, from which it is mapped. Copies of a picture are taken once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..config import digest
from ..errors import LabError
from ..recipe import place
from ..registry import register
from ..storage.cache import prepared, stamps
from . import Spec, Split, Splits, order

HELD_OUT = 20  # one picture of so many validates, one tests
SPELLINGS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
LOOKS = {*SPELLINGS, "training", "validation", "testing", "dev", "eval"}  # of a split
SHOWN = 3  # names of files in a message
FORMAT = 2  # raised with what is kept in the cache

Labelled = tuple[Path, int]


@register("data", "image_folder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """ImageFolder(path="pictures/", size=64): classes in the order of their folders' names."""

    path: str = place()
    size: int = 64
    fit: bool = True

    origin: ClassVar[str] = "your own: ImageFolder(path=...) reads a folder of pictures a class"
    licence: ClassVar[str] = "its own"

    def __post_init__(self):
        if self.size < 1:
            raise LabError(f"size is {self.size}; it counts pixels of a side, give 1 or more")

    @cached_property
    def spec(self) -> Spec:
        about = {k: v for k, v in self._about.items() if k != "content"}
        return Spec(shape=(self.size, self.size, 3), unit="images", **about)

    @property
    def numerics(self) -> str:
        """Stands for the pictures, their classes and splits: part of a run's fingerprint."""
        return self._about["content"]

    @cached_property
    def _about(self) -> dict[str, Any]:
        return json.loads((self._prepared() / "about.json").read_text())

    def location(self) -> Path | None:
        home = Path(self.path).expanduser()
        return home if self.path and home.is_dir() else None

    def fetch(self) -> None:
        """Raises LabError unless the folder is there."""
        if not self.path:
            raise LabError(
                "image_folder is read from a place of yours; name it, as in "
                "ImageFolder(path='pictures/')"
            )
        if self.location() is None:
            raise LabError(f"there is no folder {self.path}; give one with a folder a class")

    def load(self) -> Splits[Split]:
        kept = self._prepared()

        def split(name: str) -> Split:
            x = np.load(kept / f"{name}_x.npy", mmap_mode="r")
            return Split(x, np.load(kept / f"{name}_y.npy"))

        return Splits(*map(split, Splits._fields))

    def _prepared(self) -> Path:
        self.fetch()
        files = sorted(path for path in Path(self.path).expanduser().rglob("*") if path.is_file())
        key = {**dataclasses.asdict(self), "files": stamps(files), "format": FORMAT}
        return prepared("image_folder", key, self._make)

    def _make(self, to: Path) -> None:
        from ..images.decode import decode

        classes, splits, content = _splits(Path(self.path).expanduser())
        about: dict[str, Any] = {}
        wrong: list[tuple[Path, str]] = []
        total = sum(map(len, splits))
        for name, labelled in zip(Splits._fields, splits, strict=True):
            labelled = [labelled[i] for i in order(len(labelled))]
            shape = (len(labelled), self.size, self.size, 3)
            x = np.lib.format.open_memmap(to / f"{name}_x.npy", "w+", np.uint8, shape)
            paths = [path for path, _ in labelled]
            wrong += [(paths[i], why) for i, why in decode(paths, x, self.fit)]
            np.save(to / f"{name}_y.npy", np.array([label for _, label in labelled], np.int32))
            if name == "train":
                about = {"outputs": len(classes), "examples": len(x), **_moments(x)}
        if wrong:
            named = "; ".join(f"{path}: {why}" for path, why in wrong[:SHOWN])
            more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
            raise LabError(
                f"{len(wrong)} of {total:,} files cannot be taken as pictures: {named}{more}; "
                "mend them or take them away"
            )
        about["content"] = content
        (to / "about.json").write_text(json.dumps(about, indent=1))


def _splits(home: Path) -> tuple[list[str], Splits[list[Labelled]], str]:
    """The classes, the files of each split with their class, and a digest of all of it."""
    given = _given(home)
    classes = [folder.name for folder in _folders(given["train"])]
    if len(classes) < 2:
        raise LabError(
            f"{given['train']} has {len(classes)} folders, and a class is a folder; "
            "give two classes or more"
        )
    found: dict[str, list[Labelled]] = {}
    seen: dict[Path, bytes] = {}
    # What judges comes first: a copy in the training folder is the one to be left out.
    for name in ("test", "valid", "train"):
        if name in given:
            found[name] = _labelled(given[name], classes, seen)
    if len(found) == 1:
        dealt: Splits[list[Labelled]] = Splits([], [], [])
        for label in range(len(classes)):
            mine = [pair for pair in found["train"] if pair[1] == label]
            held = max(1, len(mine) // HELD_OUT)
            dealt.test.extend(mine[:held])
            dealt.valid.extend(mine[held : 2 * held])
            dealt.train.extend(mine[2 * held :])
        splits = dealt
    elif len(found) == 2:
        (only,) = found.keys() - {"train"}
        splits = Splits(found["train"], found[only][::2], found[only][1::2])
    else:
        splits = Splits(**found)
    lacking = set(range(len(classes))) - {label for _, label in splits.train}
    if lacking:
        raise LabError(
            f"class '{classes[min(lacking)]}' of {home} has too few pictures to train on; "
            "give three or more different ones"
        )
    for name, pictures in zip(Splits._fields, splits, strict=True):
        if not pictures:
            raise LabError(f"{home} has no pictures for its {name} split; give more")
    content = [[(seen[path].hex(), label) for path, label in pictures] for pictures in splits]
    return classes, splits, digest({"classes": classes, "content": content})


def _given(home: Path) -> dict[str, Path]:
    """The folder of each split that is told from others; all is training where none is."""
    folders = _folders(home)
    if "train" not in {folder.name for folder in folders}:
        if odd := [folder.name for folder in folders if folder.name.lower() in LOOKS]:
            raise LabError(
                f"{home} has a folder '{odd[0]}', which looks like a split and would be a class; "
                "call the splits train, valid (or val) and test"
            )
        return {"train": home}
    given: dict[str, Path] = {}
    for folder in folders:
        if (split := SPELLINGS.get(folder.name)) is None or split in given:
            raise LabError(
                f"{home} has a folder '{folder.name}' beside its splits; it holds train, valid "
                "(or val) and test, each once, and classes are folders within these"
            )
        given[split] = folder
    return given


def _labelled(home: Path, classes: Sequence[str], seen: dict[Path, bytes]) -> list[Labelled]:
    """The files below the classes' folders, each content once, in the order of their digests."""
    if strange := [folder.name for folder in _folders(home) if folder.name not in classes]:
        raise LabError(
            f"{home} has the class '{strange[0]}', which is not in training; its classes are: "
            f"{', '.join(classes)}"
        )
    found: dict[bytes, Labelled] = {}
    known = set(seen.values())
    for label, name in enumerate(classes):
        inside = (path for path in (home / name).rglob("*") if path.is_file())
        for path in sorted(path for path in inside if not path.name.startswith(".")):
            content = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
            if content not in known:
                known.add(content)
                seen[path] = content
                found[content] = (path, label)
    return [found[content] for content in sorted(found)]


def _folders(home: Path) -> list[Path]:
    inside = (path for path in home.iterdir() if path.is_dir())
    return sorted(path for path in inside if not path.name.startswith("."))


def _moments(x: np.ndarray) -> dict[str, float]:
    """Mean and standard deviation of the pixels, a batch of pictures at a time."""
    count = np.zeros(256, np.int64)
    for start in range(0, len(x), 4_096):
        count += np.bincount(x[start : start + 4_096].reshape(-1), minlength=256)
    values, total = np.arange(256), max(1, count.sum())
    mean = float(count @ values / total)
    return {"mean": mean, "std": float(np.sqrt(count @ (values - mean) ** 2 / total))}
