"""MNIST at half its resolution: 14x14 images, each pixel the mean of four."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..registry import register
from . import Spec, Split, Splits
from .mnist import Mnist

SIDE = 14


@register("data", "mnist_halved")
@dataclass(frozen=True, kw_only=True)
class MnistHalved:
    """The images of `Mnist`, in the same splits and order, averaged over squares of 2x2 pixels."""

    spec: ClassVar[Spec] = Spec(
        shape=(SIDE, SIDE), outputs=10, examples=50_000, unit="images", mean=33.3227, std=71.433
    )
    origin: ClassVar[str] = Mnist.origin
    licence: ClassVar[str] = Mnist.licence
    content: ClassVar[str] = Mnist.content

    def location(self) -> Path | None:
        return Mnist().location()

    def fetch(self) -> None:
        """As that of Mnist. Raises LabError if that fails."""
        Mnist().fetch()

    def load(self) -> Splits:
        return Splits(*(Split(_halved(split.x), split.y) for split in Mnist().load()))


def _halved(images: np.ndarray) -> np.ndarray:
    """(n, 28, 28) -> (n, 14, 14), rounded to whole grey levels."""
    sums = images.reshape(len(images), SIDE, 2, SIDE, 2).sum((2, 4), dtype=np.uint16)
    return ((sums + 2) // 4).astype(np.uint8)
