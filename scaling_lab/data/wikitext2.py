"""WikiText-2: tokenised Wikipedia articles (Merity et al. 2016).

The field `split` chooses between

    official  train.txt, valid.txt and test.txt, read from $SCALING_LAB_DATA/wikitext2/ or
              downloaded on first use through the `datasets` library (extra `hub`)
    articles  the 120 articles of valid.txt and test.txt, split again by whole articles, for when
              the training file is not available; results do not compare with WikiText-2's
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..errors import LabError, unknown
from ..registry import register
from ..storage.atomic import write_local
from ..storage.cache import cache_path, provided_file
from ..text import corpus
from ..text.documents import articles, digest, read, split_documents, with_end_marks
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

FOLDER = "wikitext2"
SPLITS = ("articles", "official")
# Lines, and words with ends of lines (Merity et al. 2016, table 1).
PUBLISHED = {"train": (36_718, 2_088_628), "valid": (3_760, 217_646), "test": (4_358, 245_569)}
KNOWN = {"byte": (256, 2_087_810)}  # vocabulary, training tokens of the split `articles`


@register("data", "wikitext2")
@dataclass(frozen=True, kw_only=True)
class Wikitext2:
    """Articles of WikiText-2, one document each."""

    tokens: str = "byte"
    vocabulary: int = 0
    split: str = "articles"

    origin: ClassVar[str] = "$SCALING_LAB_DATA/wikitext2, or Salesforce/wikitext by `datasets`"
    licence: ClassVar[str] = "CC BY-SA 3.0"

    def __post_init__(self):
        if self.split not in SPLITS:
            raise unknown("split of WikiText-2", self.split, SPLITS)

    @cached_property
    def spec(self) -> Spec:
        return corpus.spec(self, KNOWN if self.split == "articles" else None)

    def location(self) -> Path | None:
        paths = self._paths()
        return None if None in paths else (paths[0] or Path()).parent

    def fetch(self) -> None:
        """Download the three files into the cache unless they exist.

        Raises LabError if that fails, or if they are not the published ones.
        """
        if self.location():
            return
        from .hub import Corpus, rows

        for name, split in zip(Splits._fields, ("train", "validation", "test"), strict=True):
            lines = rows(Corpus("Salesforce/wikitext", "wikitext-2-v1"), split)
            text = "".join(row["text"] for row in lines)
            counts = text.count("\n"), len(text.split()) + text.count("\n")
            if counts != PUBLISHED[name]:
                raise LabError(
                    f"the download of WikiText-2 has {counts[0]:,} lines and {counts[1]:,} tokens "
                    f"in its {name} split, not the published {PUBLISHED[name][0]:,} and "
                    f"{PUBLISHED[name][1]:,}; download it again, or put the three files into "
                    f"$SCALING_LAB_DATA/{FOLDER}/"
                )
            path = cache_path("data", FOLDER, f"{name}.txt")
            write_local(path, text.encode(), "set SCALING_LAB_CACHE")

    def load(self) -> Splits[Tokens]:
        return corpus.load(self)

    def tokenizer(self) -> Tokenizer:
        return corpus.tokenizer(self)

    def files(self) -> list[Path]:
        self.fetch()
        return [path for path in self._paths() if path]

    def documents(self) -> Splits[Iterable[str]]:
        texts = [[*articles(read(path).splitlines(keepends=True))] for path in self.files()]
        if self.split == "official":
            return Splits(*([*with_end_marks(text)] for text in texts))
        merged = [article for text in texts for article in text]
        splits = split_documents([digest(a) for a in merged], [len(a.encode()) for a in merged])
        return Splits(*([*with_end_marks(merged[i] for i in indices)] for indices in splits))

    def _paths(self) -> list[Path | None]:
        needed = Splits._fields if self.split == "official" else ("valid", "test")
        return [_file(f"{name}.txt") for name in needed]


def _file(name: str) -> Path | None:
    cached = cache_path("data", FOLDER, name)
    return provided_file(FOLDER, name) or (cached if cached.exists() else None)
