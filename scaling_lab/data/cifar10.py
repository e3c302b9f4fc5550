"""CIFAR-10: 45,000 training, 5,000 validation and 10,000 test pictures of ten things, 32x32 RGB.

Read from $SCALING_LAB_DATA/cifar10/{train,test}_jpegs.npz, which hold JPEG files: `buf`, their
bytes one after the other; `off`, where each begins and the last ends; `y`, the classes. Decoded
once and kept in the user's cache.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import LabError
from ..registry import register
from ..storage.cache import given, prepared, stamps
from . import Spec, Split, Splits, order

FOLDER = "cifar10"
PARTS = {"train": 50_000, "test": 10_000}


@register("data", "cifar10")
@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """Airplanes, automobiles, birds, cats, deer, dogs, frogs, horses, ships and trucks
    (Krizhevsky 2009), from a copy in JPEG, which loses a little.
    """

    spec: ClassVar[Spec] = Spec(
        shape=(32, 32, 3), outputs=10, examples=45_000, unit="images", mean=120.7, std=63.9
    )
    origin: ClassVar[str] = "$SCALING_LAB_DATA/cifar10/{train,test}_jpegs.npz"
    licence: ClassVar[str] = "research use"

    def location(self) -> Path | None:
        found = [given(FOLDER, f"{part}_jpegs.npz") for part in PARTS]
        return found[0].parent if all(found) and found[0] else None

    def fetch(self) -> None:
        """Raises LabError with the way to get it."""
        if self.location() is None:
            raise LabError(
                "CIFAR-10 is not here; put train_jpegs.npz and test_jpegs.npz (buf: JPEG files one "
                "after the other, off: where each begins and the last ends, y: classes 0 to 9) "
                f"into $SCALING_LAB_DATA/{FOLDER}/"
            )

    def load(self) -> Splits[Split]:
        self.fetch()
        home = self.location()
        assert home is not None
        files = {part: home / f"{part}_jpegs.npz" for part in PARTS}
        place = prepared("cifar10", {"files": stamps(files.values())}, lambda to: _make(files, to))
        x, y, x_test, y_test = (
            np.load(place / f"{part}_{name}.npy") for part in PARTS for name in "xy"
        )
        at, cut = order(len(x)), self.spec.examples
        x, y = x[at], y[at]
        return Splits(Split(x[:cut], y[:cut]), Split(x[cut:], y[cut:]), Split(x_test, y_test))


def _make(files: dict[str, Path], place: Path) -> None:
    from ..images.decode import decode

    for part, path in files.items():
        jpegs, y = _read(path, PARTS[part])
        x = np.zeros((len(y), 32, 32, 3), np.uint8)
        if wrong := decode(jpegs, x, fit=False):
            i, why = wrong[0]
            raise LabError(
                f"{path}: {len(wrong)} of {len(y):,} pictures cannot be read, the first is number "
                f"{i}: {why}; replace the file by a whole copy"
            )
        np.save(place / f"{part}_x.npy", x)
        np.save(place / f"{part}_y.npy", y)


def _read(path: Path, pictures: int) -> tuple[list[bytes], np.ndarray]:
    """The JPEG files and their classes. Raises LabError for what is not CIFAR-10."""
    try:
        with np.load(path) as file:
            buffer, offsets, y = (file[name] for name in ("buf", "off", "y"))
    except Exception as error:
        raise LabError(f"{path} cannot be read ({error}); replace it by a whole copy") from error
    if len(offsets) != pictures + 1 or len(y) != pictures:
        raise LabError(
            f"{path} holds {len(y):,} classes and {len(offsets) - 1:,} pictures, not {pictures:,}"
        )
    offsets = offsets.astype(np.int64)  # differences of unsigned numbers are never negative
    if (np.diff(offsets) <= 0).any() or offsets[0] < 0 or offsets[-1] > len(buffer):
        raise LabError(f"{path}: its offsets do not mark off files within `buf`; replace it")
    if (wrong := ~np.isin(y, range(10))).any():
        raise LabError(
            f"{path}: {wrong.sum():,} of {pictures:,} classes leave 0 to 9, the first is number "
            f"{int(wrong.argmax())}; replace it"
        )
    whole = buffer.tobytes()
    files = [whole[a:b] for a, b in itertools.pairwise(offsets)]
    return files, y.astype(np.int32)
