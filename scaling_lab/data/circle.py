"""Places on a circle, uniform and independent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from .. import populations
from ..registry import register
from . import Spec, Splits


@register("data", "circle")
@dataclass(frozen=True, kw_only=True)
class Circle:
    """A population: place i, from 0 to 2 pi, is drawn from i alone. The learner has the teacher."""

    origin: ClassVar[str] = "generated from the place of each example"
    licence: ClassVar[str] = "none needed"
    endless: ClassVar[str] = "circle"
    spec: ClassVar[Spec] = Spec(
        shape=(), outputs=1, examples=populations.ENDLESS, unit="points", mean=np.pi
    )

    def location(self) -> Path | None:
        return Path(__file__)

    def fetch(self) -> None:
        """Nothing to do: it is generated."""

    def load(self) -> Splits[None]:
        """Nothing is needed to draw from it."""
        return Splits(None, None, None)
