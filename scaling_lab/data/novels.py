"""English novels, 1839 to 1930: 24 million characters for training, a million for each other split.

Read from $SCALING_LAB_DATA/english_novels/{train,valid,test}.txt.xz. A document is a novel and
starts with a byte order mark. No novel is in two splits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..errors import LabError
from ..registry import register
from ..storage.cache import provided_file
from ..text import corpus
from ..text.documents import read, with_end_marks
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
        paths = self._paths()
        return None if None in paths else (paths[0] or Path()).parent

    def fetch(self) -> None:
        """Raises LabError, saying how to get them, if they are missing."""
        if self.location() is None:
            raise LabError(
                "the novels were not found; put train.txt.xz, valid.txt.xz and test.txt.xz (novels "
                "of computationalstylistics/100_english_novels, each after a byte order mark) "
                f"into $SCALING_LAB_DATA/{FOLDER}/"
            )

    def load(self) -> Splits[Tokens]:
        return corpus.load(self)

    def tokenizer(self) -> Tokenizer:
        return corpus.tokenizer(self)

    def files(self) -> list[Path]:
        self.fetch()
        return [path for path in self._paths() if path]

    def documents(self) -> Splits[Iterable[str]]:
        texts = (read(path) for path in self.files())
        return Splits(*([*with_end_marks(text.split(MARK))] for text in texts))

    def _paths(self) -> list[Path | None]:
        return [provided_file(FOLDER, f"{split}.txt.xz") for split in Splits._fields]
