"""Your own text: a file, or a folder of files.

The documents of a folder are its files, without hidden ones; each goes to one split as a whole. A
single file is cut in order at line ends, 90% / 5% / 5%.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..errors import LabError
from ..recipe import place
from ..registry import register
from ..text import corpus
from ..text.documents import Files, digest, read, split_documents, split_text
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens


@register("data", "text")
@dataclass(frozen=True, kw_only=True)
class Text:
    """Text(path="notes/"): UTF-8 files, plain, .gz or .xz."""

    path: str = place()
    tokens: str = "byte"
    vocabulary: int = 0

    origin: ClassVar[str] = "your own: Text(path=...) reads any file or folder of text"
    licence: ClassVar[str] = "its own"

    @cached_property
    def spec(self) -> Spec:
        return corpus.spec(self)

    @property
    def numerics(self) -> str:
        """A digest of the text and its splits, for a run's fingerprint."""
        return corpus.content_digest(self)

    def location(self) -> Path | None:
        home = Path(self.path).expanduser()
        return home if self.path and home.exists() else None

    def fetch(self) -> None:
        """Raises LabError unless the path exists."""
        if not self.path:
            raise LabError(
                "text needs the path of a file or folder; name it, as in Text(path='notes/')"
            )
        if self.location() is None:
            raise LabError(
                f"there is no {self.path}; give the path of a text file or a folder of them"
            )

    def load(self) -> Splits[Tokens]:
        return corpus.load(self)

    def tokenizer(self) -> Tokenizer:
        return corpus.tokenizer(self)

    def files(self) -> list[Path]:
        self.fetch()
        home = Path(self.path).expanduser()
        if home.is_file():
            return [home]
        inside = ((path, path.relative_to(home).parts) for path in home.rglob("*"))
        return sorted(
            path
            for path, parts in inside
            if path.is_file() and not any(part.startswith(".") for part in parts)
        )

    def documents(self) -> Splits[Iterable[str]]:
        files = self.files()
        if files == [Path(self.path).expanduser()]:
            return Splits(*split_text(read(files[0])))
        seen = [(digest(text), len(text), path) for path in files if (text := read(path)).strip()]
        if not seen:
            raise LabError(f"{self.path} holds no text; give a folder with text files in it")
        splits = split_documents([digest for digest, _, _ in seen], [size for _, size, _ in seen])
        return Splits(*(Files([seen[i][2] for i in indices]) for indices in splits))
