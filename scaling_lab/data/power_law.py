"""Gaussian inputs with a power-law spectrum and a linear teacher, in any number of examples.

    x_j ~ Normal(0, j^-(1+a)),   y = sum_j w_j x_j + noise e,   w_j^2 = j^(a-b)

Coordinate j contributes j^-(1+b) to the variance of y. In the terms of Paquette 2024 (x_j with
deviation j^-alpha, teacher j^-beta) a = 2 alpha - 1 and b = 2 alpha + 2 beta - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .. import populations
from ..errors import LabError
from ..populations import Linear
from ..registry import register
from . import Spec, Splits


@register("data", "power_law")
@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """A population: example i is drawn from i alone, when a learner needs it.

    a, b: exponents of the spectrum and of the teacher. noise: deviation of the noise in y. tail: y
    depends on infinitely many coordinates, of which x shows the first.
    """

    coordinates: int = 1_024
    a: float = 1.0
    b: float = 1.0
    noise: float = 0.0
    tail: bool = False

    origin: ClassVar[str] = "generated from the place of each example"
    licence: ClassVar[str] = "none needed"
    endless: ClassVar[str] = "linear"

    def __post_init__(self):
        if self.coordinates < 1:
            raise LabError(f"power_law has {self.coordinates} coordinates; give 1 or more")
        if self.noise < 0:
            raise LabError(f"power_law has noise {self.noise}; it is a deviation, give 0 or more")
        if self.tail and self.b <= 0:
            raise LabError(f"power_law has b = {self.b}; an infinite tail needs b above 0")

    @property
    def spec(self) -> Spec:
        return Spec(
            shape=(self.coordinates,), outputs=1, examples=populations.ENDLESS, unit="examples"
        )

    def location(self) -> Path | None:
        return Path(__file__)

    def fetch(self) -> None:
        """Nothing to do: it is generated."""

    def load(self) -> Splits[Linear]:
        """The population, which is what is trained, validated and tested on."""
        population = populations.power_law(self.coordinates, self.a, self.b, self.noise, self.tail)
        return Splits(population, population, population)
