"""A language of bigrams: contexts by Zipf's law, and in each its own distribution of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from .. import populations
from ..errors import LabError
from ..populations import Bigrams
from ..registry import register
from . import Spec, Splits


@register("data", "zipf_bigrams")
@dataclass(frozen=True, kw_only=True)
class ZipfBigrams:
    """A population: example i, a context and its token, is drawn from i alone.

    Context c = 1, 2, ... has probability proportional to c^-(1+a). Its tokens are Dirichlet of
    `strength`, drawn once for the language. draw: seed of the language, which a theory needs too.
    """

    contexts: int = 4_096
    vocabulary: int = 32
    a: float = 1.0
    strength: float = 1.0
    draw: int = 0

    origin: ClassVar[str] = "generated from the place of each example"
    licence: ClassVar[str] = "none needed"
    endless: ClassVar[str] = "bigrams"

    def __post_init__(self):
        if min(self.contexts, self.vocabulary) < 1 or self.strength <= 0 or self.draw < 0:
            raise LabError(
                f"{self}: give 1 or more contexts and tokens, a strength above 0 and a draw of 0 "
                "or more"
            )

    @property
    def spec(self) -> Spec:
        return Spec(shape=(), outputs=self.vocabulary, examples=populations.ENDLESS, unit="tokens")

    def location(self) -> Path | None:
        return Path(__file__)

    def fetch(self) -> None:
        """Nothing to do: it is generated."""

    def load(self) -> Splits[Bigrams]:
        """The population, which is what is trained, validated and tested on."""
        rows = populations.dirichlet_rows(self.contexts, self.vocabulary, self.strength, self.draw)
        contexts = populations.items(populations.zipf(self.contexts, self.a))
        population = Bigrams(contexts, rows, np.cumsum(rows, axis=1))
        return Splits(population, population, population)
