"""English novels, 1839 to 1930: 24 million characters to learn from, one million each to judge by.

Read from $SCALING_LAB_DATA/english_novels/{train,valid,test}.txt.xz. A document is a novel; it
begins at a byte order mark. No novel is in two splits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..errors import LabError
from ..registry import register
from ..storage.cache import given
from ..text import corpus
from ..text.documents import ended, read
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

FOLDER = "english_novels"
MARK = "\ufeff"
KNOWN = {"byte": (256, 24_274_798), "character": (114, 24_273_703)}  # vocabulary, tokens


@register("data", "novels")
@dataclass(frozen=True, kw_only=True)
class Novels:
    """Thirty novels for training, two for validation, two for test."""

    tokens: str = "character"
    vocabulary: int = 0

    origin: ClassVar[str] = "$SCALING_LAB_DATA/english_novels (computationalstylistics)"
    licence: ClassVar[str] = "public domain"

    @cached_property
    def spec(self) -> Spec:
        return corpus.spec(self, KNOWN)

    def location(self) -> Path | None:
        return None if None in (found := self._found()) else (found[0] or Path()).parent

    def fetch(self) -> None:
        """Raises LabError with the way to get them."""
        if self.location() is None:
            raise LabError(
                "the novels are not here; put train.txt.xz, valid.txt.xz and test.txt.xz (novels "
                "of computationalstylistics/100_english_novels, each begun by a byte order mark) "
                f"into $SCALING_LAB_DATA/{FOLDER}/"
            )

    def load(self) -> Splits[Tokens]:
        return corpus.load(self)

    def tokenizer(self) -> Tokenizer:
        return corpus.tokenizer(self)

    def files(self) -> list[Path]:
        self.fetch()
        return [path for path in self._found() if path]

    def documents(self) -> Splits[Iterable[str]]:
        texts = (read(path) for path in self.files())
        return Splits(*([*ended(text.split(MARK))] for text in texts))

    def _found(self) -> list[Path | None]:
        return [given(FOLDER, f"{split}.txt.xz") for split in Splits._fields]
