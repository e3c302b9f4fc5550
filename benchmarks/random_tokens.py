"""Tokens for benchmarks: drawn independently, the small ids more often, so that there is a law to
learn, no file to find, and a vocabulary of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scaling_lab.data import Spec, Splits, Tokens
from scaling_lab.registry import register


@register("data", "random_tokens")
@dataclass(frozen=True, kw_only=True)
class RandomTokens:
    """`length` tokens to train on, an eighth of that to validate and to test on."""

    vocabulary: int = 256
    length: int = 262_144

    origin: ClassVar[str] = "a random number generator"
    licence: ClassVar[str] = "none needed"

    @property
    def spec(self) -> Spec:
        return Spec(shape=(), outputs=self.vocabulary, examples=self.length, unit="tokens")

    def load(self) -> Splits[Tokens]:
        dice = np.random.default_rng(0)
        kind = np.min_scalar_type(self.vocabulary - 1)

        def drawn(count: int) -> Tokens:
            return Tokens((dice.random(count) ** 3 * self.vocabulary).astype(kind), count)

        return Splits(drawn(self.length), drawn(self.length // 8), drawn(self.length // 8))
