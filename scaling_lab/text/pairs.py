"""Sentence pairs as padded ids, with one byte-level BPE for both languages; cached.

A source has `files()`, `sentences()` (pairs of strings for each split, training pairs in the fixed
shuffled order), `vocabulary` and `longest`. The encoding is trained on both languages of the
training pairs only, so that source and target can share embeddings.
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
from ..storage.cache import file_stamps, prepare_once
from . import tokenizers
from .tokenizers import Tokenizer

# Special ids, spelled as the control characters NUL, STX and ETX.
PAD, BEGIN, END = 0, 1, 2
MARKS = ("\0", "\2", "\3")
FORMAT = 1  # raise it when the same pairs would be tokenised differently


class Source(Protocol):
    """What this module needs of a source."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def vocabulary(self) -> int: ...
    @property
    def longest(self) -> int: ...
    def files(self) -> list[Path]: ...
    def sentences(self) -> Splits[Sequence[tuple[str, str]]]: ...


def spec(source: Source, examples: int | None = None) -> Spec:
    """The source's spec, with the shape of a padded sentence. examples: the number of training
    pairs; found by preparing the pairs if None.
    """
    check(source)
    if examples is None:
        examples = len(_array(folder(source), "train", "source_length"))
    return Spec(shape=(source.longest,), outputs=source.vocabulary, examples=examples, unit="pairs")


def load(source: Source) -> Splits[Pairs]:
    """The three splits, ids memory-mapped from the cache."""
    home = folder(source)

    def split(name: str) -> Pairs:
        source, source_length, target, target_length = (
            _array(home, name, field) for field in Pairs._fields[:4]
        )
        references = json.loads((home / f"{name}.json").read_text())
        return Pairs(source, source_length, target, target_length, references)

    return Splits(*map(split, Splits._fields))


def tokenizer(source: Source) -> Tokenizer:
    """The tokeniser for both languages."""
    return _tokenizer(folder(source) / "tokenizer.json")


def folder(source: Source) -> Path:
    """The cached folder of the pairs, made on first use."""
    check(source)
    key = {
        **dataclasses.asdict(source),
        "files": file_stamps(source.files()),
        "format": FORMAT,
    }
    return prepare_once(registry.name_of(source), key, lambda home: _make(source, home))


def check(source: Source) -> None:
    """Raise LabError if `vocabulary` or `longest` is too small."""
    tokenizers.check("bpe", source.vocabulary, MARKS)
    if source.longest < 2:
        raise LabError(
            f"longest is {source.longest}; it counts the tokens of a sentence including the END "
            "mark, give 2 or more"
        )


def _make(source: Source, home: Path) -> None:
    splits = source.sentences()
    training = (sentence for pair in splits.train for sentence in pair)
    tokenizer = tokenizers.train("bpe", source.vocabulary, training, MARKS)
    for name, pairs in zip(Splits._fields, splits, strict=True):
        if not pairs:
            raise LabError(
                f"{registry.name_of(source)} has no pairs in its {name} split; give more data"
            )
        for field, sentences in zip(("source", "target"), zip(*pairs, strict=True), strict=True):
            ids, lengths = _padded(tokenizer, sentences, source.longest)
            np.save(home / f"{name}_{field}.npy", ids)
            np.save(home / f"{name}_{field}_length.npy", lengths)
        references = [target for _, target in pairs]
        (home / f"{name}.json").write_text(json.dumps(references))
    (home / "tokenizer.json").write_text(tokenizer.save())


def _padded(
    tokenizer: Tokenizer, sentences: Sequence[str], longest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Padded ids (sentences, longest) and lengths; longer sentences are truncated before END."""
    rows = np.full((len(sentences), longest), PAD, tokenizer.dtype)
    lengths = np.zeros(len(sentences), np.int32)
    for i, ids in enumerate(tokenizer.encode_all(sentences)):
        kept = ids[: longest - 1]
        rows[i, : len(kept)], rows[i, len(kept)] = kept, END
        lengths[i] = len(kept) + 1
    return rows, lengths


def _array(home: Path, name: str, field: str) -> np.ndarray:
    path = home / f"{name}_{field}.npy"
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise LabError(f"{path} is damaged ({error}); delete its folder") from error


@lru_cache(8)
def _tokenizer(path: Path) -> Tokenizer:
    return tokenizers.load(path.read_text())
