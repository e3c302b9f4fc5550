"""Translation pairs of the WMT workshops, from the `datasets` library (extra `hub`).

    Wmt(corpus="wmt14", source="de", target="en", pairs=1_000_000)

Read from $SCALING_LAB_DATA/hub/CORPUS/ if it was saved there by the library's `save_to_disk`, else
streamed from the Hugging Face hub. The path of any folder saved by `save_to_disk` is a corpus too.
The column `translation` of a row maps languages to sentences.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ..errors import LabError, unknown
from ..registry import register
from ..text import pairs
from ..text.tokenizers import Tokenizer
from . import Pairs, Spec, Splits, order
from .hub import Corpus, saved, splits

YEARS = ("wmt14", "wmt15", "wmt16", "wmt17", "wmt18", "wmt19")
SPLITS = ("train", "validation", "test")


@register("data", "wmt")
@dataclass(frozen=True, kw_only=True)
class Wmt:
    """News translation of one year of the workshop, from `source` into `target`.

    pairs: most training pairs, from the start of the split. longest: most tokens of a sentence,
    including END; longer ones are truncated.
    """

    corpus: str = ""
    source: str = "de"
    target: str = "en"
    pairs: int = 1_000_000
    vocabulary: int = 32_000
    longest: int = 128

    origin: ClassVar[str] = f"the `datasets` library: {YEARS[0]} to {YEARS[-1]}, or a folder"
    licence: ClassVar[str] = "research use"

    def __post_init__(self):
        if self.pairs < 1:
            raise LabError(f"pairs is {self.pairs}; it counts training pairs, give 1 or more")

    @cached_property
    def spec(self) -> Spec:
        return pairs.spec(self)

    def location(self) -> Path | None:
        return saved(self.corpus)

    def fetch(self) -> None:
        """Tokenise it into the cache, from disk or from the hub."""
        pairs.folder(self)

    def load(self) -> Splits[Pairs]:
        return pairs.load(self)

    def tokenizer(self) -> Tokenizer:
        return pairs.tokenizer(self)

    def files(self) -> list[Path]:
        folder = self.location()
        return sorted(folder.rglob("*.arrow")) if folder else []

    def sentences(self) -> Splits[list[tuple[str, str]]]:
        if not self.corpus:
            raise LabError("wmt reads a corpus; name one, as in Wmt(corpus='wmt14')")
        if self.corpus not in YEARS and not self.location():
            raise unknown("corpus", self.corpus, YEARS)
        english_last = "-".join(sorted((self.source, self.target), key=lambda x: (x == "en", x)))
        available = splits(self.corpus, Corpus(f"wmt/{self.corpus}", english_last))
        if missing := [name for name in SPLITS if name not in available]:
            raise LabError(
                f"{self.corpus} has no split '{missing[0]}'; give a corpus with {', '.join(SPLITS)}"
            )
        train, valid, test = (map(self._pair, available[name]()) for name in SPLITS)
        valid, test = [*valid], [*test]
        kept = [*itertools.islice(_training_pairs(train, {*valid, *test}), self.pairs)]
        return Splits([kept[i] for i in order(len(kept))], valid, test)

    def _pair(self, row: Mapping[str, Any]) -> tuple[str, str]:
        both = row.get("translation")
        if not isinstance(both, Mapping):
            raise LabError(f"a row of {self.corpus} has no 'translation'; give a WMT corpus")
        for language in (self.source, self.target):
            if not isinstance(both.get(language), str):
                raise unknown(f"language of {self.corpus}", language, both)
        return both[self.source].strip(), both[self.target].strip()


def _training_pairs(
    pairs: Iterator[tuple[str, str]], held_out: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """The pairs with both sentences that are not held out."""
    return (pair for pair in pairs if all(pair) and pair not in held_out)
