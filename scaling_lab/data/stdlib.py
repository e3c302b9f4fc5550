"""The text of the Python standard library: six million bytes of code and prose, always there.

What is not in every installation or is the machine's own is left out, so the sizes are the same
everywhere; the text itself differs a little from one version of Python to the next. A document is
a file.
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
from ..text.documents import digest, ended, read, taken
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

TRAIN, HELD = 6_000_000, 300_000  # bytes; HELD for validation and as much for test

# Tests, tables of character sets, graphical programs, generated files, what is not Python's own.
WITHOUT = {"test", "tests", "encodings", "idlelib", "tkinter", "turtledemo", "lib2to3"}
WITHOUT |= {"distutils", "ensurepip", "pydoc_data", "site-packages", "dist-packages", "__pycache__"}
MACHINE = ("_sysconfigdata", "sitecustomize")


@register("data", "stdlib")
@dataclass(frozen=True, kw_only=True)
class Stdlib:
    """ASCII files of the standard library of the Python that runs, as one stream of text."""

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
        """The files that are in every installation and the same on every machine."""
        found = []
        for folder, inner, names in os.walk(sysconfig.get_path("stdlib")):
            inner[:] = [name for name in inner if name not in WITHOUT and "config-" not in name]
            found += [Path(folder, name) for name in names if name.endswith(".py")]
        return sorted(path for path in found if not path.name.startswith(MACHINE))

    def documents(self) -> Splits[Iterable[str]]:
        kept = {digest(text): text for text in map(read, self._ascii())}
        rest: Iterator[str] = ended(kept[key] for key in sorted(kept))
        test, valid = taken(rest, HELD), taken(rest, HELD)
        return Splits(train=taken(rest, TRAIN), valid=valid, test=test)

    def _ascii(self) -> Iterator[Path]:
        return (path for path in self.files() if path.read_bytes().isascii())
