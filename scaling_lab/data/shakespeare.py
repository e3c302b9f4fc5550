"""Tiny Shakespeare: a million characters of plays, over an alphabet of 65.

Read from $SCALING_LAB_DATA/tinyshakespeare/input.txt, which concatenates plays. No play is in two
splits: The Taming of the Shrew is for validation, The Tempest (its beginning) for test.
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
from ..text.documents import read
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

FILE = ("tinyshakespeare", "input.txt")
FIRST_LINES = ("SLY:\nI'll pheeze you, in faith.", "Master:\nBoatswain!")  # of the two plays
KNOWN = {"byte": (256, 966_133), "character": (66, 966_133)}  # vocabulary, training tokens


@register("data", "shakespeare")
@dataclass(frozen=True, kw_only=True)
class Shakespeare:
    """Shakespeare's plays as compiled by Karpathy for char-rnn (2015)."""

    tokens: str = "character"
    vocabulary: int = 0

    origin: ClassVar[str] = "$SCALING_LAB_DATA/tinyshakespeare/input.txt (karpathy/char-rnn)"
    licence: ClassVar[str] = "public domain"

    @cached_property
    def spec(self) -> Spec:
        return corpus.spec(self, KNOWN)

    def location(self) -> Path | None:
        return provided_file(*FILE)

    def fetch(self) -> None:
        """Raises LabError, saying how to get it, if it is missing."""
        if self.location() is None:
            raise LabError(
                "tiny Shakespeare was not found; put input.txt of karpathy/char-rnn "
                "(data/tinyshakespeare) into $SCALING_LAB_DATA/tinyshakespeare/"
            )

    def load(self) -> Splits[Tokens]:
        return corpus.load(self)

    def tokenizer(self) -> Tokenizer:
        return corpus.tokenizer(self)

    def files(self) -> list[Path]:
        self.fetch()
        path = self.location()
        return [path] if path else []

    def documents(self) -> Splits[Iterable[str]]:
        (path,) = self.files()
        text = read(path)
        valid, test = (text.find(line) for line in FIRST_LINES)
        if not 0 < valid < test:
            raise LabError(f"{path} is not the text of char-rnn; replace it with an unaltered copy")
        return Splits([text[:valid]], [text[valid:test]], [text[test:]])
