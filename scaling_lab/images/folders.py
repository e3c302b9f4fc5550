"""Folders of images, one folder a class: their classes, and which image is in which split.

    images/cat/a.jpg                     split here: 5% of each class for validation, 5% for test
    images/{train,valid,test}/cat/a.jpg  split as given (`val` works too); if validation or test is
                                         missing, the other's images alternate between the two

Duplicate images are used once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from ..config import digest
from ..data import Splits
from ..errors import LabError
from ..reading import reading

HELD_OUT = 20  # of this many images, one goes to validation and one to test
SPELLINGS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
SPLIT_LIKE = {*SPELLINGS, "training", "validation", "testing", "dev", "eval"}

Labelled = tuple[Path, int]


def labelled_splits(
    home: Path, each: Callable[[Path], None] = lambda path: None
) -> tuple[list[str], Splits[list[Labelled]], str]:
    """The classes, each split's files with their classes, and a digest of both.

    each: called with every file that has been read. Raises LabError for a folder that is not laid
    out as above, and for a class without images to train on.
    """
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
            found[name] = _labelled(split_folders[name], classes, seen, each)
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


def _labelled(
    home: Path, classes: Sequence[str], seen: dict[Path, bytes], each: Callable[[Path], None]
) -> list[Labelled]:
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
            content = hashlib.blake2b(reading(path, path.read_bytes), digest_size=16).digest()
            each(path)
            if content not in known:
                known.add(content)
                seen[path] = content
                found[content] = (path, label)
    return [found[content] for content in sorted(found)]


def _folders(home: Path) -> list[Path]:
    folders = (path for path in home.iterdir() if path.is_dir())
    return sorted(path for path in folders if not path.name.startswith("."))
