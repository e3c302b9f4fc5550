"""Handwritten digits, 1,797 images of 8x8 that come with scikit-learn."""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..registry import register
from . import Spec, Split, Splits, order


@register("data", "digits")
@dataclass(frozen=True, kw_only=True)
class Digits:
    """Optical recognition of handwritten digits (Alpaydin & Kaynak 1998), the test part."""

    spec: ClassVar[Spec] = Spec(
        shape=(8, 8), outputs=10, examples=1197, unit="images", mean=4.88, std=6.02, levels=17
    )
    origin: ClassVar[str] = "embedded in scikit-learn (UCI optical digits)"
    licence: ClassVar[str] = "CC BY 4.0"

    def location(self) -> Path | None:
        spec = importlib.util.find_spec("sklearn")  # importing it takes a second
        assert spec is not None
        assert spec.origin is not None
        return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"

    def fetch(self) -> None:
        """Nothing to do: it comes with scikit-learn."""

    def load(self) -> Splits:
        from sklearn.datasets import load_digits

        x, y = (np.asarray(part) for part in load_digits(return_X_y=True))
        shuffled = order(len(y))
        x = x[shuffled].reshape(-1, *self.spec.shape).astype(np.uint8)
        y = y[shuffled].astype(np.int32)
        cuts = [0, self.spec.examples, self.spec.examples + 300, len(y)]
        return Splits(*(Split(x[a:b], y[a:b]) for a, b in itertools.pairwise(cuts)))
