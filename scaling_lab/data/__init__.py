"""Data sources, one a file.

A source is a frozen dataclass, registered as data, with class attributes

    spec: Spec           what an example is; known without loading anything
    origin, licence      where it comes from, for a person
    and   location() -> the place it is read from, or None if it is not here
          fetch()    -> brings it here; raises LabError with every way to get it
          load()     -> Splits

The subset of size D is the first D of one fixed shuffled order, so subsets nest and D is a number
in the program. Test data never choose anything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import LabError

ORDER_SEED = 20180801  # of the one fixed order in which every source is shuffled


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an example is.

    shape: of one input. outputs: classes or vocabulary. examples: in the training split.
    unit: the noun D counts. mean, std: an input enters a model as (x - mean) / std.
    """

    shape: tuple[int, ...]
    outputs: int
    examples: int
    unit: str
    mean: float = 0.0
    std: float = 1.0


class Split(NamedTuple):
    """Inputs and targets; axis 0 counts examples."""

    x: np.ndarray
    y: np.ndarray


class Splits(NamedTuple):
    """Training data in the fixed order, validation data (chooses), test data (judges)."""

    train: Split
    valid: Split
    test: Split


def order(examples: int) -> np.ndarray:
    """The fixed shuffled order of that many examples: a permutation, the same everywhere."""
    return np.random.Generator(np.random.PCG64(ORDER_SEED)).permutation(examples)


def given(*parts: str) -> Path | None:
    """A file of the folder $SCALING_LAB_DATA, or None if the folder or the file is not there."""
    folder = os.environ.get("SCALING_LAB_DATA")
    path = Path(folder).expanduser().joinpath(*parts) if folder else None
    return path if path and path.exists() else None


def cache(*parts: str) -> Path:
    """A place in the user's cache: $SCALING_LAB_CACHE, else $XDG_CACHE_HOME or ~/.cache."""
    home, shared = os.environ.get("SCALING_LAB_CACHE"), os.environ.get("XDG_CACHE_HOME")
    try:
        if not home:
            home = Path(shared or Path.home() / ".cache") / "scaling_lab"
        return Path(home).expanduser().joinpath(*parts)
    except RuntimeError as error:
        raise LabError("there is no home folder for the cache; set SCALING_LAB_CACHE") from error
