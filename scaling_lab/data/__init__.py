"""Data sources, one per file.

A source is a frozen dataclass, registered as data, with

    spec: Spec           what an example is; known without loading data
    origin, licence      where the data come from, for people to read
    location()           the path it is read from, or None if the data are not on this machine
    fetch()              gets the data; raises LabError with every way to get them
    load()               Splits of Split (arrays), Tokens (text) or Pairs (translation)
    files()              the files behind it, if these are not what is at location(). The digest of
                         their bytes is recorded, and a run becomes stale when it changes
    content              another digest of the data, where the bytes of files are not a good one
    endless              the kind of a population, such as "linear": a learner draws its examples,
                         and each split of load() is what it needs for that (see `populations`)
    streams              True if the training data are read while a run trains: load().train is then
                         `protocols.Records`, or Tokens whose ids are a memory map

The subset of size D is the first D examples of one fixed shuffled order, so subsets nest and D is a
traced number. Nothing is ever chosen on test data.

A text source also has the fields `tokens` (byte, character or bpe) and `vocabulary` (ids, for bpe)
and the method tokenizer(). Its tokens are in the order of the text; the learner cuts them into
blocks and shuffles those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

ORDER_SEED = 20180801  # of the fixed shuffled order of every source


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an example is.

    shape: of one input. outputs: number of classes, or vocabulary size. examples: size of the
    training split. unit: what D counts ("images", "tokens"). mean, std: models see
    (x - mean) / std. levels: pixels are integers from 0 to levels - 1.
    """

    shape: tuple[int, ...]
    outputs: int
    examples: int
    unit: str
    mean: float = 0.0
    std: float = 1.0
    levels: int = 256


class Split(NamedTuple):
    """Inputs and targets; axis 0 counts examples."""

    x: np.ndarray
    y: np.ndarray


class Tokens(NamedTuple):
    """A text as ids (1-D, unsigned, possibly a read-only memory map) and its length in bytes.

    bytes: None if it is not known; losses are then not given in bits a byte.
    """

    ids: np.ndarray
    bytes: int | None


class Pairs(NamedTuple):
    """Sentences and their translations, one pair a row.

    source, target: ids (pairs, longest), each sentence ended by text.pairs.END and padded with
    text.pairs.PAD. source_length, target_length: ids of each row, including END. references: the
    translations as text, for BLEU.
    """

    source: np.ndarray
    source_length: np.ndarray
    target: np.ndarray
    target_length: np.ndarray
    references: list[str]


Data = TypeVar("Data", covariant=True)


class Splits(NamedTuple, Generic[Data]):
    """Training data in the fixed order, validation data (for choices), test data (for results)."""

    train: Data
    valid: Data
    test: Data


def order(examples: int) -> np.ndarray:
    """The fixed shuffled order of that many examples, a permutation of their indices."""
    return np.random.Generator(np.random.PCG64(ORDER_SEED)).permutation(examples)
