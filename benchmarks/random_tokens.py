"""Random tokens for benchmarks: independent, with small ids more frequent, of any vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scaling_lab.data import Spec, Splits, Tokens
from scaling_lab.registry import register


@register("data", "random_tokens")
@dataclass(frozen=True, kw_only=True)
class RandomTokens:
    """`length` training tokens, and an eighth of that each for validation and test."""

    vocabulary: int = 256
    length: int = 262_144

    origin: ClassVar[str] = "a random number generator"
    licence: ClassVar[str] = "none needed"

    @property
    def spec(self) -> Spec:
        return Spec(shape=(), outputs=self.vocabulary, examples=self.length, unit="tokens")

    def load(self) -> Splits[Tokens]:
        rng = np.random.default_rng(0)
        kind = np.min_scalar_type(self.vocabulary - 1)

        def tokens(count: int) -> Tokens:
            return Tokens((rng.random(count) ** 3 * self.vocabulary).astype(kind), count)

        return Splits(tokens(self.length), tokens(self.length // 8), tokens(self.length // 8))
