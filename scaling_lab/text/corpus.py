"""Token files of a text source: tokenised once, cached, and memory-mapped.

A source has `files()`, the files its text is read from, and `documents()`, the texts of each split
(iterable repeatedly); a split is their concatenation. The tokeniser is trained on the training
split only. The cache key is the source's fields and the size and modification time of its files.
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
from ..storage.cache import file_stamps, prepare_once
from . import tokenizers
from .tokenizers import Tokenizer

BATCH = 4_000_000  # characters tokenised at a time
FORMAT = 1  # raise it when the same text would be tokenised differently


class Source(Protocol):
    """What this module needs of a source."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def tokens(self) -> str: ...
    @property
    def vocabulary(self) -> int: ...
    def files(self) -> list[Path]: ...
    def documents(self) -> Splits[Iterable[str]]: ...


def spec(source: Source, known: Mapping[str, tuple[int, int]] | None = None) -> Spec:
    """The source's spec. known: tokens -> (vocabulary, training tokens); what is missing there is
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
    """The three splits, memory-mapped from the cache."""
    home = folder(source)
    about = _about(home)

    def split(name: str) -> Tokens:
        ids = np.memmap(home / f"{name}.bin", about["dtype"], "r")
        return Tokens(ids, about[name]["bytes"])

    return Splits(*map(split, Splits._fields))


def tokenizer(source: Source) -> Tokenizer:
    """The tokeniser trained on the training split."""
    return _tokenizer(folder(source) / "tokenizer.json")


def content_digest(source: Source) -> str:
    """A digest of the three splits' tokens."""
    return _digest(folder(source))


def folder(source: Source) -> Path:
    """The cached folder of token files, made on first use."""
    tokenizers.check(source.tokens, source.vocabulary)
    key = {
        **dataclasses.asdict(source),
        "files": file_stamps(source.files()),
        "format": FORMAT,
    }
    return prepare_once(registry.name_of(source), key, lambda home: _make(source, home))


def _make(source: Source, home: Path) -> None:
    documents = source.documents()
    tokenizer = tokenizers.train(source.tokens, source.vocabulary, documents.train)
    about = {"vocabulary": tokenizer.size, "dtype": tokenizer.dtype.name}
    for name, texts in zip(Splits._fields, documents, strict=True):
        about[name] = _write(home / f"{name}.bin", tokenizer, texts)
        if about[name]["tokens"] == 0:
            raise LabError(
                f"{registry.name_of(source)} has no text for its {name} split; give more text"
            )
    (home / "tokenizer.json").write_text(tokenizer.save())
    (home / "about.json").write_text(json.dumps(about, indent=1))


def _write(path: Path, tokenizer: Tokenizer, texts: Iterable[str]) -> dict[str, int]:
    count = size = 0
    with path.open("wb") as file:
        for batch in _batches(texts):
            size += sum(len(tokenizers.utf8(text)) for text in batch)
            for ids in tokenizer.encode_all(batch):
                file.write(np.ascontiguousarray(ids, tokenizer.dtype).data)
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


def _about(home: Path) -> dict[str, Any]:
    try:
        return json.loads((home / "about.json").read_text())
    except (OSError, ValueError) as error:
        raise LabError(f"{home} is incomplete ({error}); delete that folder") from error


@lru_cache(8)
def _digest(home: Path) -> str:
    digest = hashlib.sha256()
    for name in Splits._fields:
        with (home / f"{name}.bin").open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


@lru_cache(8)
def _tokenizer(path: Path) -> Tokenizer:
    return tokenizers.load(path.read_text())
