"""Numbers spelled out in German and English: translation pairs that need no download.

    zweiundvierzigtausendeinhundertsieben      forty-two thousand one hundred and seven

A language pair in miniature: the two compound words differently and order tens and units
differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..registry import register
from ..text import pairs
from ..text.tokenizers import Tokenizer
from . import Pairs, Spec, Splits, order

LARGEST = 1_000_000
TRAIN, HELD = 20_000, 1_000  # pairs; HELD each for validation and test


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
ENGLISH_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
GERMAN = _words(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn"
)
GERMAN_TENS = _words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")


@register("data", "numerals")
@dataclass(frozen=True, kw_only=True)
class Numerals:
    """Random numbers below a million, each in one split only; German to English."""

    vocabulary: int = 320
    longest: int = 32

    origin: ClassVar[str] = "generated"
    licence: ClassVar[str] = "Apache-2.0"

    @cached_property
    def spec(self) -> Spec:
        return pairs.spec(self, TRAIN)

    def location(self) -> Path | None:
        return Path(__file__)

    def fetch(self) -> None:
        """Nothing to do: the pairs are generated."""

    def load(self) -> Splits[Pairs]:
        return pairs.load(self)

    def tokenizer(self) -> Tokenizer:
        return pairs.tokenizer(self)

    def files(self) -> list[Path]:
        return [Path(__file__)]

    def sentences(self) -> Splits[list[tuple[str, str]]]:
        numbers = order(LARGEST)[: TRAIN + 2 * HELD].tolist()
        pairs = [(german(number), english(number)) for number in numbers]
        return Splits(pairs[2 * HELD :], pairs[:HELD], pairs[HELD : 2 * HELD])


def english(number: int) -> str:
    """A number below a million in English words, hyphenated."""
    if number >= 1_000:
        rest = number % 1_000
        join = " and " if rest < 100 else " "
        return f"{english(number // 1_000)} thousand" + (join + english(rest) if rest else "")
    if number >= 100:
        rest = number % 100
        return f"{ENGLISH[number // 100]} hundred" + (f" and {english(rest)}" if rest else "")
    if number >= 20:
        rest = number % 10
        return ENGLISH_TENS[number // 10 - 2] + (f"-{ENGLISH[rest]}" if rest else "")
    return ENGLISH[number]


def german(number: int) -> str:
    """A number below a million as one German word."""
    if number >= 1_000:
        rest = number % 1_000
        return f"{_as_prefix(number // 1_000)}tausend" + (german(rest) if rest else "")
    if number >= 100:
        rest = number % 100
        return f"{_as_prefix(number // 100)}hundert" + (german(rest) if rest else "")
    if number >= 20:
        rest = number % 10
        return (f"{_as_prefix(rest)}und" if rest else "") + GERMAN_TENS[number // 10 - 2]
    return GERMAN[number]


def _as_prefix(number: int) -> str:
    """The form before hundert, tausend and und: ein, not eins."""
    word = german(number)
    return word[:-1] if word.endswith("eins") else word
