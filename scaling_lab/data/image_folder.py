"""Your own images, one folder a class, as for torchvision's ImageFolder.

    images/cat/a.jpg                     split here: 5% of each class for validation, 5% for test
    images/{train,valid,test}/cat/a.jpg  split as given (`val` works too); if validation or test is
                                         missing, the other's images alternate between the two

Images are scaled and cropped to a square of side `size`; with `fit=False`, other sizes are errors.
They are decoded once, cached and memory-mapped. Duplicate images are used once.
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
from ..storage.cache import file_stamps, prepare_once
from . import Spec, Split, Splits, order

HELD_OUT = 20  # of this many images, one goes to validation and one to test
SPELLINGS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
SPLIT_LIKE = {*SPELLINGS, "training", "validation", "testing", "dev", "eval"}
SHOWN = 3  # files listed in an error message
FORMAT = 2  # raise it when the cached content changes

Labelled = tuple[Path, int]


@register("data", "image_folder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """ImageFolder(path="images/", size=64): classes in the order of their folders' names."""

    path: str = place()
    size: int = 64
    fit: bool = True

    origin: ClassVar[str] = "your own: ImageFolder(path=...) reads images, one folder a class"
    licence: ClassVar[str] = "its own"

    def __post_init__(self):
        if self.size < 1:
            raise LabError(
                f"size is {self.size}; it is the side of an image in pixels, give 1 or more"
            )

    @cached_property
    def spec(self) -> Spec:
        about = {k: v for k, v in self._about.items() if k != "content"}
        return Spec(shape=(self.size, self.size, 3), unit="images", **about)

    @property
    def numerics(self) -> str:
        """A digest of the images, their classes and splits, for a run's fingerprint."""
        return self._about["content"]

    @cached_property
    def _about(self) -> dict[str, Any]:
        return json.loads((self._prepared() / "about.json").read_text())

    def location(self) -> Path | None:
        home = Path(self.path).expanduser()
        return home if self.path and home.is_dir() else None

    def fetch(self) -> None:
        """Raises LabError unless the folder exists."""
        if not self.path:
            raise LabError(
                "image_folder needs the path of your folder; name it, as in "
                "ImageFolder(path='images/')"
            )
        if self.location() is None:
            raise LabError(f"there is no folder {self.path}; give a folder with one folder a class")

    def load(self) -> Splits[Split]:
        folder = self._prepared()

        def split(name: str) -> Split:
            x = np.load(folder / f"{name}_x.npy", mmap_mode="r")
            return Split(x, np.load(folder / f"{name}_y.npy"))

        return Splits(*map(split, Splits._fields))

    def _prepared(self) -> Path:
        self.fetch()
        files = sorted(path for path in Path(self.path).expanduser().rglob("*") if path.is_file())
        key = {**dataclasses.asdict(self), "files": file_stamps(files), "format": FORMAT}
        return prepare_once("image_folder", key, self._make)

    def _make(self, folder: Path) -> None:
        from ..images.decode import decode

        classes, splits, content = _splits(Path(self.path).expanduser())
        about: dict[str, Any] = {}
        failures: list[tuple[Path, str]] = []
        total = sum(map(len, splits))
        for name, labelled in zip(Splits._fields, splits, strict=True):
            labelled = [labelled[i] for i in order(len(labelled))]
            shape = (len(labelled), self.size, self.size, 3)
            x = np.lib.format.open_memmap(folder / f"{name}_x.npy", "w+", np.uint8, shape)
            paths = [path for path, _ in labelled]
            failures += [(paths[i], reason) for i, reason in decode(paths, x, self.fit)]
            np.save(folder / f"{name}_y.npy", np.array([label for _, label in labelled], np.int32))
            if name == "train":
                about = {"outputs": len(classes), "examples": len(x), **_moments(x)}
        if failures:
            shown = "; ".join(f"{path}: {reason}" for path, reason in failures[:SHOWN])
            more = f"; and {len(failures) - SHOWN} more" if len(failures) > SHOWN else ""
            raise LabError(
                f"{len(failures)} of {total:,} files cannot be used as images: {shown}{more}; "
                "repair or remove them"
            )
        about["content"] = content
        (folder / "about.json").write_text(json.dumps(about, indent=1))


def _splits(home: Path) -> tuple[list[str], Splits[list[Labelled]], str]:
    """The classes, each split's files with their classes, and a digest of both."""
    split_folders = _split_folders(home)
    classes = [folder.name for folder in _folders(split_folders["train"])]
    if len(classes) < 2:
        raise LabError(
            f"{split_folders['train']} has {len(classes)} folders, and each class is a folder; "
            "give at least two classes"
        )
    found: dict[str, list[Labelled]] = {}
    seen: dict[Path, bytes] = {}
    # Test first, training last: of two copies, the training one is dropped.
    for name in ("test", "valid", "train"):
        if name in split_folders:
            found[name] = _labelled(split_folders[name], classes, seen)
    if len(found) == 1:
        splits: Splits[list[Labelled]] = Splits([], [], [])
        for label in range(len(classes)):
            images = [pair for pair in found["train"] if pair[1] == label]
            held = max(1, len(images) // HELD_OUT)
            splits.test.extend(images[:held])
            splits.valid.extend(images[held : 2 * held])
            splits.train.extend(images[2 * held :])
    elif len(found) == 2:
        (only,) = found.keys() - {"train"}
        splits = Splits(found["train"], found[only][::2], found[only][1::2])
    else:
        splits = Splits(**found)
    missing = set(range(len(classes))) - {label for _, label in splits.train}
    if missing:
        raise LabError(
            f"class '{classes[min(missing)]}' of {home} has too few images to train on; "
            "give at least three different ones"
        )
    for name, images in zip(Splits._fields, splits, strict=True):
        if not images:
            raise LabError(f"{home} has no images for its {name} split; give more")
    content = [[(seen[path].hex(), label) for path, label in images] for images in splits]
    return classes, splits, digest({"classes": classes, "content": content})


def _split_folders(home: Path) -> dict[str, Path]:
    """The folder of each given split; {"train": home} if the folder is not split."""
    folders = _folders(home)
    if "train" not in {folder.name for folder in folders}:
        if odd := [folder.name for folder in folders if folder.name.lower() in SPLIT_LIKE]:
            raise LabError(
                f"{home} has a folder '{odd[0]}', which looks like a split but would be a class; "
                "name the splits train, valid (or val) and test"
            )
        return {"train": home}
    splits: dict[str, Path] = {}
    for folder in folders:
        if (split := SPELLINGS.get(folder.name)) is None or split in splits:
            raise LabError(
                f"{home} has a folder '{folder.name}' beside its splits; use train, valid "
                "(or val) and test, each once, and put class folders inside them"
            )
        splits[split] = folder
    return splits


def _labelled(home: Path, classes: Sequence[str], seen: dict[Path, bytes]) -> list[Labelled]:
    """The files in the classes' folders, without copies, in the order of their digests."""
    if unknown := [folder.name for folder in _folders(home) if folder.name not in classes]:
        raise LabError(
            f"{home} has the class '{unknown[0]}', which training does not have; use: "
            f"{', '.join(classes)}"
        )
    found: dict[bytes, Labelled] = {}
    known = set(seen.values())
    for label, name in enumerate(classes):
        files = (path for path in (home / name).rglob("*") if path.is_file())
        for path in sorted(path for path in files if not path.name.startswith(".")):
            content = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
            if content not in known:
                known.add(content)
                seen[path] = content
                found[content] = (path, label)
    return [found[content] for content in sorted(found)]


def _folders(home: Path) -> list[Path]:
    folders = (path for path in home.iterdir() if path.is_dir())
    return sorted(path for path in folders if not path.name.startswith("."))


def _moments(x: np.ndarray) -> dict[str, float]:
    """Mean and standard deviation of the pixels, computed a batch of images at a time."""
    count = np.zeros(256, np.int64)
    for start in range(0, len(x), 4_096):
        count += np.bincount(x[start : start + 4_096].reshape(-1), minlength=256)
    values, total = np.arange(256), max(1, count.sum())
    mean = float(count @ values / total)
    return {"mean": mean, "std": float(np.sqrt(count @ (values - mean) ** 2 / total))}
