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

from ..errors import unknown
from ..registry import register
from ..storage.cache import cache_path, provided_file
from ..text import corpus
from ..text.documents import articles, digest, read, split_documents, with_end_marks
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

FOLDER = "wikitext2"
SPLITS = ("articles", "official")
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
        """Download the three files into the cache unless they exist."""
        if self.location():
            return
        from .hub import Corpus, rows

        for name, split in zip(Splits._fields, ("train", "validation", "test"), strict=True):
            lines = rows(Corpus("Salesforce/wikitext", "wikitext-2-v1"), split)
            path = cache_path("data", FOLDER, f"{name}.txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".tmp")
            temporary.write_text("".join(row["text"] for row in lines), encoding="utf-8")
            temporary.replace(path)

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
