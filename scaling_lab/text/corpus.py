"""A source of text as token files: tokenised once, kept in the user's cache, mapped into memory.

A source gives `files()`, the files its text is read from, and `documents()`, for each split the
texts whose concatenation it is (iterable more than once). The tokeniser learns from the training
split alone. The cache is keyed by the source's fields and by size and time of its files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from .. import registry
from ..data import Spec, Splits, Tokens
from ..errors import LabError
from ..storage.cache import prepared, stamps
from . import tokenizers
from .tokenizers import Tokenizer

BATCH = 4_000_000  # characters tokenised at a time
FORMAT = 1  # goes up when the same text would be tokenised differently


class Source(Protocol):
    """What this module asks of a source."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def tokens(self) -> str: ...
    @property
    def vocabulary(self) -> int: ...
    def files(self) -> list[Path]: ...
    def documents(self) -> Splits[Iterable[str]]: ...


def spec(source: Source, known: Mapping[str, tuple[int, int]] | None = None) -> Spec:
    """What the tokens are. Sizes that are not known before (vocabulary, training tokens) are
    found by tokenising.
    """
    tokenizers.check(source.tokens, source.vocabulary)
    if known and source.tokens in known:
        outputs, examples = known[source.tokens]
    else:
        about = _about(folder(source))
        outputs, examples = about["vocabulary"], about["train"]["tokens"]
    return Spec(shape=(), outputs=outputs, examples=examples, unit="tokens")


def load(source: Source) -> Splits[Tokens]:
    """The three splits, mapped from the cache."""
    place = folder(source)
    about = _about(place)

    def split(name: str) -> Tokens:
        ids = np.memmap(place / f"{name}.bin", about["dtype"], "r")
        return Tokens(ids, about[name]["bytes"])

    return Splits(*map(split, Splits._fields))


def tokenizer(source: Source) -> Tokenizer:
    """The tokeniser that was learnt from the training split."""
    return _tokenizer(folder(source) / "tokenizer.json")


def content(source: Source) -> str:
    """A digest of the tokens of the three splits."""
    return _content(folder(source))


def folder(source: Source) -> Path:
    """Where the tokens are kept; they are made if they are not there."""
    tokenizers.check(source.tokens, source.vocabulary)
    key = {
        **dataclasses.asdict(source),
        "files": stamps(source.files()),
        "format": FORMAT,
    }
    return prepared(registry.name_of(source), key, lambda place: _make(source, place))


def _make(source: Source, place: Path) -> None:
    documents = source.documents()
    made = tokenizers.train(source.tokens, source.vocabulary, documents.train)
    about = {"vocabulary": made.size, "dtype": made.dtype.name}
    for name, texts in zip(Splits._fields, documents, strict=True):
        about[name] = _write(place / f"{name}.bin", made, texts)
        if about[name]["tokens"] == 0:
            raise LabError(
                f"{registry.name_of(source)} has no text for its {name} split; give more text"
            )
    (place / "tokenizer.json").write_text(made.save())
    (place / "about.json").write_text(json.dumps(about, indent=1))


def _write(path: Path, made: Tokenizer, texts: Iterable[str]) -> dict[str, int]:
    count = size = 0
    with path.open("wb") as file:
        for batch in _batches(texts):
            size += sum(len(tokenizers.utf8(text)) for text in batch)
            for ids in made.encode_all(batch):
                file.write(np.ascontiguousarray(ids, made.dtype).data)
                count += len(ids)
    return {"tokens": count, "bytes": size}


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch, characters = [], 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if characters >= BATCH:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _about(place: Path) -> dict[str, Any]:
    try:
        return json.loads((place / "about.json").read_text())
    except (OSError, ValueError) as error:
        raise LabError(f"{place} is not whole ({error}); delete that folder") from error


@lru_cache(8)
def _content(place: Path) -> str:
    found = hashlib.sha256()
    for name in Splits._fields:
        with (place / f"{name}.bin").open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:12]


@lru_cache(8)
def _tokenizer(path: Path) -> Tokenizer:
    return tokenizers.load(path.read_text())
