"""Images from a pack, decoded while a run trains: for sets that are larger than memory.

    scaling-lab data pack photos/ --to photos.pack --side 256

makes one from a folder of images, one folder a class, with the splits and the order of
`image_folder`. Validation and test images are decoded once and cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import LabError
from ..recipe import place
from ..registry import register
from ..storage.cache import prepare_once
from . import Spec, Split, Splits, own_folder

SCALES = (1, 2, 4, 8)  # libjpeg decodes at these fractions of a picture's side
BATCH = 1_024  # pictures


@register("data", "packed_images")
@dataclass(frozen=True, kw_only=True)
class PackedImages:
    """PackedImages(path="photos.pack", size=64): decoded at a side of 64 pixels.

    size: the side that pictures were packed with, or a half, a quarter or an eighth of it; 0 for
    the whole. evaluation_images: at most this many images of the validation and of the test split
    are evaluated, the first in the fixed order.
    """

    path: str = place()
    size: int = 0
    evaluation_images: int = 10_000

    streams: ClassVar[bool] = True
    origin: ClassVar[str] = "your own: PackedImages(path=...) reads what `data pack` has made"
    licence: ClassVar[str] = "its own"

    def __post_init__(self):
        if self.evaluation_images < 1:
            raise LabError(
                f"evaluation_images is {self.evaluation_images}; evaluate 1 or more of each split"
            )

    @cached_property
    def spec(self) -> Spec:
        about = self._about
        return Spec(
            shape=(self._side, self._side, 3),
            outputs=len(about["classes"]),
            examples=sum(shard["records"] for shard in about["shards"]["train"]),
            unit="images",
            mean=about["mean"],
            std=about["std"],
        )

    @property
    def numerics(self) -> str:
        """A digest of the pictures, their classes and their order, for a run's fingerprint."""
        return self._about["content"]

    def location(self) -> Path | None:
        return own_folder.found(self.path)

    def fetch(self) -> None:
        """Raises LabError unless the folder exists."""
        own_folder.require(
            self.path,
            "PackedImages(path='photos.pack')",
            f"make it with 'scaling-lab data pack IMAGES --to {self.path}'",
        )

    def load(self) -> Splits[Any]:
        """Training pictures as `protocols.Records`; the others as arrays."""
        from ..stream import MappedRecords

        key = {
            "content": self.numerics,
            "size": self._side,
            "evaluation_images": self.evaluation_images,
        }
        folder = prepare_once("packed_images", key, self._decode_held_out)

        def split(name: str) -> Split:
            x = np.load(folder / f"{name}_x.npy", mmap_mode="r")
            return Split(x, np.load(folder / f"{name}_y.npy"))

        return Splits(MappedRecords(self._pictures("train")), split("valid"), split("test"))

    def _decode_held_out(self, folder: Path) -> None:
        from ..stream import MappedRecords

        for name in ("valid", "test"):
            records = MappedRecords(self._pictures(name))
            count = min(self.evaluation_images, len(records))
            shape = (count, *self.spec.shape)
            x = np.lib.format.open_memmap(folder / f"{name}_x.npy", "w+", np.uint8, shape)
            y = np.empty(count, np.int32)
            for start in range(0, count, BATCH):
                places = np.arange(start, min(start + BATCH, count))
                x[places], y[places] = records.read(places)
            np.save(folder / f"{name}_y.npy", y)

    def _pictures(self, split: str) -> Any:
        from ..images.packs import Pictures

        return Pictures(Path(self.path).expanduser(), self._about["shards"][split], self._side)

    @property
    def _side(self) -> int:
        sides = [self._about["side"] // k for k in SCALES if self._about["side"] % k == 0]
        if self.size and self.size not in sides:
            raise LabError(
                f"size is {self.size} and {self.path} can be decoded at "
                f"{', '.join(map(str, sides))} pixels; give one of these, or pack with another "
                "--side"
            )
        return self.size or sides[0]

    @cached_property
    def _about(self) -> dict[str, Any]:
        from ..images import packs

        self.fetch()
        return packs.about(Path(self.path).expanduser())
