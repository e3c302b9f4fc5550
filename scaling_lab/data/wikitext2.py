"""WikiText-2: articles of Wikipedia, already cut into words (Merity et al. 2016).

Two splits of it, `split`:

    official  train.txt, valid.txt and test.txt; if they are not in $SCALING_LAB_DATA/wikitext2/,
              they are downloaded through the `datasets` library (extra `hub`) when first used
    articles  for where the training file is not at hand: the 120 articles of valid.txt and
              test.txt dealt anew, by whole articles. Its numbers are its own, not WikiText-2's
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..errors import unknown
from ..registry import register
from ..storage.cache import cache, given
from ..text import corpus
from ..text.documents import articles, dealt, digest, ended, read
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

FOLDER = "wikitext2"
SPLITS = ("articles", "official")
KNOWN = {"byte": (256, 2_087_810)}  # of the articles: vocabulary, training tokens


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
        found = self._found()
        return None if None in found else (found[0] or Path()).parent

    def fetch(self) -> None:
        """Download the three files into the cache, if they are not here."""
        if self.location():
            return
        from .hub import Corpus, rows

        for name, split in zip(Splits._fields, ("train", "validation", "test"), strict=True):
            lines = rows(Corpus("Salesforce/wikitext", "wikitext-2-v1"), split)
            path = cache("data", FOLDER, f"{name}.txt")
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
        return [path for path in self._found() if path]

    def documents(self) -> Splits[Iterable[str]]:
        texts = [[*articles(read(path).splitlines(keepends=True))] for path in self.files()]
        if self.split == "official":
            return Splits(*([*ended(text)] for text in texts))
        found = [article for text in texts for article in text]
        splits = dealt([digest(a) for a in found], [len(a.encode()) for a in found])
        return Splits(*([*ended(found[i] for i in places)] for places in splits))

    def _found(self) -> list[Path | None]:
        needed = Splits._fields if self.split == "official" else ("valid", "test")
        return [_file(f"{name}.txt") for name in needed]


def _file(name: str) -> Path | None:
    kept = cache("data", FOLDER, name)
    return given(FOLDER, name) or (kept if kept.exists() else None)
