"""CIFAR-10: 45,000 training, 5,000 validation and 10,000 test images of ten classes, 32x32 RGB.

Read from $SCALING_LAB_DATA/cifar10/{train,test}_jpegs.npz, which hold JPEG files: `buf`, their
concatenated bytes; `off`, the offset of each file and the end of the last; `y`, the classes. They
are decoded once and cached.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import LabError
from ..registry import register
from ..storage.cache import file_stamps, prepare_once, provided_file
from . import Spec, Split, Splits, order

FOLDER = "cifar10"
PARTS = {"train": 50_000, "test": 10_000}


@register("data", "cifar10")
@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """Airplanes, automobiles, birds, cats, deer, dogs, frogs, horses, ships and trucks
    (Krizhevsky 2009), from a JPEG copy, which is slightly lossy.
    """

    spec: ClassVar[Spec] = Spec(
        shape=(32, 32, 3), outputs=10, examples=45_000, unit="images", mean=120.7, std=63.9
    )
    origin: ClassVar[str] = "$SCALING_LAB_DATA/cifar10/{train,test}_jpegs.npz"
    licence: ClassVar[str] = "research use"

    def location(self) -> Path | None:
        files = [provided_file(FOLDER, f"{part}_jpegs.npz") for part in PARTS]
        return files[0].parent if all(files) and files[0] else None

    def fetch(self) -> None:
        """Raises LabError, saying how to get it, if it is missing."""
        if self.location() is None:
            raise LabError(
                "CIFAR-10 was not found; put train_jpegs.npz and test_jpegs.npz (buf: concatenated "
                "JPEG files, off: offset of each and end of the last, y: classes 0 to 9) "
                f"into $SCALING_LAB_DATA/{FOLDER}/"
            )

    def files(self) -> list[Path]:
        self.fetch()
        return [path for part in PARTS if (path := provided_file(FOLDER, f"{part}_jpegs.npz"))]

    def load(self) -> Splits[Split]:
        files = dict(zip(PARTS, self.files(), strict=True))
        key = {"files": file_stamps(files.values())}
        folder = prepare_once("cifar10", key, lambda folder: _make(files, folder))
        x, y, x_test, y_test = (
            np.load(folder / f"{part}_{name}.npy") for part in PARTS for name in "xy"
        )
        shuffled, size = order(len(x)), self.spec.examples
        x, y = x[shuffled], y[shuffled]
        return Splits(Split(x[:size], y[:size]), Split(x[size:], y[size:]), Split(x_test, y_test))


def _make(files: dict[str, Path], folder: Path) -> None:
    from ..images.decode import decode

    for part, path in files.items():
        jpegs, y = _read(path, PARTS[part])
        x = np.zeros((len(y), 32, 32, 3), np.uint8)
        if failures := decode(jpegs, x, fit=False):
            i, reason = failures[0]
            raise LabError(
                f"{path}: {len(failures)} of {len(y):,} images cannot be read, the first at index "
                f"{i}: {reason}; replace the file with an intact copy"
            )
        np.save(folder / f"{part}_x.npy", x)
        np.save(folder / f"{part}_y.npy", y)


def _read(path: Path, images: int) -> tuple[list[bytes], np.ndarray]:
    """The JPEG files and their classes. Raises LabError if they are not CIFAR-10."""
    try:
        with np.load(path) as file:
            buffer, offsets, y = (file[name] for name in ("buf", "off", "y"))
    except Exception as error:
        raise LabError(
            f"{path} cannot be read ({error}); replace it with an intact copy"
        ) from error
    if len(offsets) != images + 1 or len(y) != images:
        raise LabError(
            f"{path} holds {len(y):,} classes and {len(offsets) - 1:,} images, not {images:,}; "
            "replace it with an intact copy"
        )
    offsets = offsets.astype(np.int64)  # differences of unsigned integers wrap around
    if (np.diff(offsets) <= 0).any() or offsets[0] < 0 or offsets[-1] > len(buffer):
        raise LabError(f"{path}: its offsets are not those of files in `buf`; replace it")
    if (invalid := ~np.isin(y, range(10))).any():
        raise LabError(
            f"{path}: {invalid.sum():,} of {images:,} classes are not 0 to 9, the first at index "
            f"{int(invalid.argmax())}; replace it"
        )
    data = buffer.tobytes()
    files = [data[a:b] for a, b in itertools.pairwise(offsets)]
    return files, y.astype(np.int32)
