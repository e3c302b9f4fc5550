"""Multi30k: 29,000 image captions in English and German, for translation.

Read from $SCALING_LAB_DATA/multi30k/{train,val,test_2016_flickr}.{en,de}.gz, one sentence a line.
No pair is in two splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..errors import LabError, unknown
from ..registry import register
from ..storage.cache import provided_file
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
    """Captions (Elliott et al. 2016), translated into `target`, "en" or "de".

    longest: most tokens of a sentence, including END; longer ones are truncated (0.03% of the
    training sentences at the default vocabulary and length).
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
        paths = self._paths()
        return None if None in paths else (paths[0] or Path()).parent

    def fetch(self) -> None:
        """Raises LabError, saying how to get it, if it is missing."""
        if self.location() is None:
            raise LabError(
                "Multi30k was not found; put train, val and test_2016_flickr (.en.gz and .de.gz) "
                f"of multi30k/dataset (data/task1/raw) into $SCALING_LAB_DATA/{FOLDER}/"
            )

    def load(self) -> Splits[Pairs]:
        return pairs.load(self)

    def tokenizer(self) -> Tokenizer:
        return pairs.tokenizer(self)

    def files(self) -> list[Path]:
        self.fetch()
        return [path for path in self._paths() if path]

    def sentences(self) -> Splits[list[tuple[str, str]]]:
        texts = [read(path).strip().split("\n") for path in self.files()]
        splits = []
        for english, german in zip(texts[::2], texts[1::2], strict=True):
            if len(english) != len(german):
                raise LabError(
                    f"Multi30k has {len(english)} English and {len(german)} German sentences in "
                    "one split; replace it with an unaltered copy"
                )
            both = (english, german) if self.target == "de" else (german, english)
            splits.append([(a.strip(), b.strip()) for a, b in zip(*both, strict=True)])
        if len(splits[0]) != TRAINING:
            raise LabError(
                f"Multi30k has {len(splits[0]):,} training pairs here, not {TRAINING:,}; replace "
                "it with an unaltered copy"
            )
        splits[0] = [splits[0][i] for i in order(TRAINING)]
        return Splits(*splits)

    def _paths(self) -> list[Path | None]:
        return [provided_file(FOLDER, f"{name}.{code}.gz") for name in NAMES for code in LANGUAGES]
