"""Your own images, one folder a class, as for torchvision's ImageFolder.

    images/cat/a.jpg                     split here: 5% of each class for validation, 5% for test
    images/{train,valid,test}/cat/a.jpg  split as given (`val` works too); if validation or test is
                                         missing, the other's images alternate between the two

Images are scaled and cropped to a square of side `size`; with `fit=False`, other sizes are errors.
They are decoded once, cached and memory-mapped. Duplicate images are used once.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import LabError
from ..recipe import place
from ..registry import register
from ..storage.cache import file_stamps, prepare_once
from . import Spec, Split, Splits, order, own_folder

SHOWN = 3  # files listed in an error message
FORMAT = 2  # raise it when the cached content changes


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
        return own_folder.found(self.path)

    def fetch(self) -> None:
        """Raises LabError unless the folder exists."""
        own_folder.require(
            self.path, "ImageFolder(path='images/')", "give a folder with one folder a class"
        )

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
        from ..images.folders import labelled_splits

        classes, splits, content = labelled_splits(Path(self.path).expanduser())
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


def _moments(x: np.ndarray) -> dict[str, float]:
    """Mean and standard deviation of the pixels, computed a batch of images at a time."""
    count = np.zeros(256, np.int64)
    for start in range(0, len(x), 4_096):
        count += np.bincount(x[start : start + 4_096].reshape(-1), minlength=256)
    values, total = np.arange(256), max(1, count.sum())
    mean = float(count @ values / total)
    return {"mean": mean, "std": float(np.sqrt(count @ (values - mean) ** 2 / total))}
