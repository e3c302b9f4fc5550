"""Multi30k: 29,000 captions of pictures in English and German, for translation.

Read from $SCALING_LAB_DATA/multi30k/: {train,val,test_2016_flickr}.{en,de}.gz, a sentence a line.
No pair is in two splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..errors import LabError, unknown
from ..registry import register
from ..storage.cache import given
from ..text import pairs
from ..text.documents import read
from ..text.tokenizers import Tokenizer
from . import Pairs, Spec, Splits, order

FOLDER = "multi30k"
LANGUAGES = ("en", "de")
NAMES = ("train", "val", "test_2016_flickr")
TRAINING = 29_000


@register("data", "multi30k")
@dataclass(frozen=True, kw_only=True)
class Multi30k:
    """Captions and their translations (Elliott et al. 2016), to be translated into `target`.

    longest: tokens of a sentence and its end; of the training sentences 0.03% are longer than 48
    at this vocabulary, and cut.
    """

    target: str = "de"
    vocabulary: int = 8_000
    longest: int = 48

    origin: ClassVar[str] = "$SCALING_LAB_DATA/multi30k (multi30k/dataset)"
    licence: ClassVar[str] = "research use"

    def __post_init__(self):
        if self.target not in LANGUAGES:
            raise unknown("language of Multi30k", self.target, LANGUAGES)

    @cached_property
    def spec(self) -> Spec:
        return pairs.spec(self, TRAINING)

    def location(self) -> Path | None:
        found = self._found()
        return None if None in found else (found[0] or Path()).parent

    def fetch(self) -> None:
        """Raises LabError with the way to get it."""
        if self.location() is None:
            raise LabError(
                "Multi30k is not here; put train, val and test_2016_flickr (.en.gz and .de.gz) of "
                f"multi30k/dataset (data/task1/raw) into $SCALING_LAB_DATA/{FOLDER}/"
            )

    def load(self) -> Splits[Pairs]:
        return pairs.load(self)

    def tokenizer(self) -> Tokenizer:
        return pairs.tokenizer(self)

    def files(self) -> list[Path]:
        self.fetch()
        return [path for path in self._found() if path]

    def sentences(self) -> Splits[list[tuple[str, str]]]:
        sides = [read(path).strip().split("\n") for path in self.files()]
        found = []
        for english, german in zip(sides[::2], sides[1::2], strict=True):
            if len(english) != len(german):
                raise LabError(
                    f"Multi30k has {len(english)} English and {len(german)} German sentences in "
                    "one split; replace it by an unaltered copy"
                )
            both = (english, german) if self.target == "de" else (german, english)
            found.append([(a.strip(), b.strip()) for a, b in zip(*both, strict=True)])
        if len(found[0]) != TRAINING:
            raise LabError(
                f"Multi30k has {len(found[0]):,} training pairs here, not {TRAINING:,}; replace it "
                "by an unaltered copy"
            )
        found[0] = [found[0][i] for i in order(TRAINING)]
        return Splits(*found)

    def _found(self) -> list[Path | None]:
        return [given(FOLDER, f"{name}.{code}.gz") for name in NAMES for code in LANGUAGES]
