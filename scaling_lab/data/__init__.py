"""Data sources, one a file.

A source is a frozen dataclass, registered as data, with class attributes

    spec: Spec           what an example is; known without loading anything
    origin, licence      where it comes from, for a person
    and   location() -> the place it is read from, or None if it is not here
          fetch()    -> brings it here; raises LabError with every way to get it
          load()     -> Splits of Split (arrays), Tokens (text) or Pairs (translation)

The subset of size D is the first D of one fixed shuffled order, so subsets nest and D is a number
in the program. Test data never choose anything.

A source of text has the fields `tokens` (byte, character or bpe) and `vocabulary` (of bpe), and
tokenizer() -> text.tokenizers.Tokenizer. Its training tokens stand in the order of the text: the
learner cuts them into blocks, which come in the fixed shuffled order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

ORDER_SEED = 20180801  # of the one fixed order in which every source is shuffled


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an example is.

    shape: of one input. outputs: classes or vocabulary. examples: in the training split.
    unit: the noun D counts. mean, std: an input enters a model as (x - mean) / std.
    levels: values that a pixel of a picture can have, 0 to levels - 1.
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
    """A text as ids (1-D, unsigned, perhaps a read-only memory map) and its length in bytes."""

    ids: np.ndarray
    bytes: int


class Pairs(NamedTuple):
    """Sentences and their translations, one a row.

    source, target: ids, padded with text.pairs.PAD; each sentence ends with text.pairs.END.
    source_length, target_length: ids of a row, END among them. references: the translations as
    they were written, for BLEU.
    """

    source: np.ndarray
    source_length: np.ndarray
    target: np.ndarray
    target_length: np.ndarray
    references: list[str]


Data = TypeVar("Data", covariant=True)


class Splits(NamedTuple, Generic[Data]):
    """Training data in the fixed order, validation data (chooses), test data (judges)."""

    train: Data
    valid: Data
    test: Data


def order(examples: int) -> np.ndarray:
    """The fixed shuffled order of that many examples: a permutation, the same everywhere."""
    return np.random.Generator(np.random.PCG64(ORDER_SEED)).permutation(examples)
