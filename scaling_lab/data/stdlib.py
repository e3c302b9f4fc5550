"""The source of the Python standard library: six million bytes of code and prose, no download.

Files that are not in every installation or depend on the machine are left out, so sizes are the
same everywhere; the text differs slightly between Python versions. A document is a file.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from ..registry import register
from ..text import corpus
from ..text.documents import digest, read, take_bytes, with_end_marks
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

TRAIN, HELD = 6_000_000, 300_000  # bytes; HELD each for validation and test

# Tests, character set tables, graphical programs, generated files and third-party packages.
EXCLUDED = {"test", "tests", "encodings", "idlelib", "tkinter", "turtledemo", "lib2to3"}
EXCLUDED |= {
    "distutils",
    "ensurepip",
    "pydoc_data",
    "site-packages",
    "dist-packages",
    "__pycache__",
}
MACHINE_DEPENDENT = ("_sysconfigdata", "sitecustomize")


@register("data", "stdlib")
@dataclass(frozen=True, kw_only=True)
class Stdlib:
    """The ASCII files of the running Python's standard library, as one stream of text."""

    tokens: str = "byte"
    vocabulary: int = 0

    origin: ClassVar[str] = "comes with Python"
    licence: ClassVar[str] = "PSF-2.0"

    @cached_property
    def spec(self) -> Spec:
        return corpus.spec(self, {"byte": (256, TRAIN)})

    def location(self) -> Path | None:
        return Path(sysconfig.get_path("stdlib"))

    def fetch(self) -> None:
        """Nothing to do: it comes with Python."""

    def load(self) -> Splits[Tokens]:
        return corpus.load(self)

    def tokenizer(self) -> Tokenizer:
        return corpus.tokenizer(self)

    def files(self) -> list[Path]:
        """The files that every installation on every machine has."""
        paths = []
        for folder, inner, names in os.walk(sysconfig.get_path("stdlib")):
            inner[:] = [name for name in inner if name not in EXCLUDED and "config-" not in name]
            paths += [Path(folder, name) for name in names if name.endswith(".py")]
        return sorted(path for path in paths if not path.name.startswith(MACHINE_DEPENDENT))

    def documents(self) -> Splits[Iterable[str]]:
        unique = {digest(text): text for text in map(read, self._ascii())}
        stream: Iterator[str] = with_end_marks(unique[key] for key in sorted(unique))
        test, valid = take_bytes(stream, HELD), take_bytes(stream, HELD)
        return Splits(train=take_bytes(stream, TRAIN), valid=valid, test=test)

    def _ascii(self) -> Iterator[Path]:
        return (path for path in self.files() if path.read_bytes().isascii())
