"""Items drawn independently, item i with probability proportional to i^-(1+a)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .. import populations
from ..errors import LabError
from ..populations import Items
from ..registry import register
from . import Spec, Splits


@register("data", "zipf")
@dataclass(frozen=True, kw_only=True)
class Zipf:
    """A population: example i is drawn from i alone, when a learner needs it."""

    items: int = 65_536
    a: float = 1.0

    origin: ClassVar[str] = "generated from the place of each example"
    licence: ClassVar[str] = "none needed"
    endless: ClassVar[str] = "items"

    def __post_init__(self):
        if self.items < 1:
            raise LabError(f"zipf has {self.items} items; give 1 or more")

    @property
    def spec(self) -> Spec:
        return Spec(shape=(), outputs=1, examples=populations.ENDLESS, unit="items")

    def location(self) -> Path | None:
        return Path(__file__)

    def fetch(self) -> None:
        """Nothing to do: it is generated."""

    def load(self) -> Splits[Items]:
        """The population, which is what is trained, validated and tested on."""
        population = populations.items(populations.zipf(self.items, self.a))
        return Splits(population, population, population)
