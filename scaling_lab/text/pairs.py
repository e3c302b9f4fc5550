"""Sentence pairs as ids: one byte-level byte-pair encoding for both languages, kept in the cache.

A source gives `files()`, `sentences()` (pairs of strings for each split, the training pairs in the
fixed shuffled order), `vocabulary` and `longest`. The encoding learns from the training pairs
alone, both languages of them, so that embeddings can be shared.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from .. import registry
from ..data import Pairs, Spec, Splits
from ..errors import LabError
from ..storage.cache import prepared, stamps
from . import tokenizers
from .tokenizers import Tokenizer

# Ids of no text of their own, spelled as the control characters that once meant the same.
PAD, BEGIN, END = 0, 1, 2
MARKS = ("\0", "\2", "\3")
FORMAT = 1  # goes up when the same pairs would be tokenised differently


class Source(Protocol):
    """What this module asks of a source."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def vocabulary(self) -> int: ...
    @property
    def longest(self) -> int: ...
    def files(self) -> list[Path]: ...
    def sentences(self) -> Splits[Sequence[tuple[str, str]]]: ...


def spec(source: Source, examples: int | None = None) -> Spec:
    """What the pairs are: shape is that of a padded sentence. Their number, if it is not given, is
    found by preparing them.
    """
    check(source)
    if examples is None:
        examples = len(_array(folder(source), "train", "source_length"))
    return Spec(shape=(source.longest,), outputs=source.vocabulary, examples=examples, unit="pairs")


def load(source: Source) -> Splits[Pairs]:
    """The three splits, ids mapped from the cache."""
    place = folder(source)

    def split(name: str) -> Pairs:
        source, source_length, target, target_length = (
            _array(place, name, field) for field in Pairs._fields[:4]
        )
        references = json.loads((place / f"{name}.json").read_text())
        return Pairs(source, source_length, target, target_length, references)

    return Splits(*map(split, Splits._fields))


def tokenizer(source: Source) -> Tokenizer:
    """The tokeniser of both languages."""
    return _tokenizer(folder(source) / "tokenizer.json")


def folder(source: Source) -> Path:
    """Where the pairs are kept; they are made if they are not there."""
    check(source)
    key = {
        **dataclasses.asdict(source),
        "files": stamps(source.files()),
        "format": FORMAT,
    }
    return prepared(registry.name_of(source), key, lambda place: _make(source, place))


def check(source: Source) -> None:
    """Raise LabError unless there can be such pairs."""
    tokenizers.check("bpe", source.vocabulary, MARKS)
    if source.longest < 2:
        raise LabError(
            f"longest is {source.longest}; it counts the tokens of a sentence and the mark at its "
            "end, give 2 or more"
        )


def _make(source: Source, place: Path) -> None:
    splits = source.sentences()
    both = (sentence for pair in splits.train for sentence in pair)
    made = tokenizers.train("bpe", source.vocabulary, both, MARKS)
    for name, pairs in zip(Splits._fields, splits, strict=True):
        if not pairs:
            raise LabError(f"{registry.name_of(source)} has no pairs in its {name} split")
        for field, sentences in zip(("source", "target"), zip(*pairs, strict=True), strict=True):
            ids, lengths = _rows(made, sentences, source.longest)
            np.save(place / f"{name}_{field}.npy", ids)
            np.save(place / f"{name}_{field}_length.npy", lengths)
        references = [target for _, target in pairs]
        (place / f"{name}.json").write_text(json.dumps(references))
    (place / "tokenizer.json").write_text(made.save())


def _rows(made: Tokenizer, sentences: Sequence[str], longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Padded ids (sentences, longest) and lengths; a longer sentence is cut, and ends with END."""
    rows = np.full((len(sentences), longest), PAD, made.dtype)
    lengths = np.zeros(len(sentences), np.int32)
    for i, ids in enumerate(made.encode_all(sentences)):
        kept = ids[: longest - 1]
        rows[i, : len(kept)], rows[i, len(kept)] = kept, END
        lengths[i] = len(kept) + 1
    return rows, lengths


def _array(place: Path, name: str, field: str) -> np.ndarray:
    path = place / f"{name}_{field}.npy"
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise LabError(f"{path} is not whole ({error}); delete its folder") from error


@lru_cache(8)
def _tokenizer(path: Path) -> Tokenizer:
    return tokenizers.load(path.read_text())
