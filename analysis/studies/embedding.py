"""A model's token embedding: nearest neighbours, analogies, principal components.

Similarity is the cosine after the mean of all vectors, which carries no information about any one
word, has been subtracted (Mu & Viswanath 2018). In a word or subword model a word that follows a
space is the piece " word"; either spelling finds it. `figures._embedding` draws it.

    space = load("results/e10/parameters/KEY.npz", pieces)
    space.nearest("king")
    space.analogy("Paris", "France", "Germany")     # Paris - France + Germany
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError
from scaling_lab.storage import arrays as npz

NAME = "embed"  # part of the name under which a model's parameters hold the vectors of its tokens


@dataclass(frozen=True)
class Embedding:
    """Vectors (tokens, width) and the text of each token."""

    vectors: np.ndarray
    pieces: Sequence[str]

    def __post_init__(self):
        if np.ndim(self.vectors) != 2 or len(self.vectors) != len(self.pieces):
            raise LabError(
                f"there are {len(self.pieces):,} pieces and vectors of shape "
                f"{np.shape(self.vectors)}; give a row for each piece"
            )
        if not np.isfinite(self.vectors).all():
            raise LabError("the vectors hold numbers that are not finite; the run diverged")

    @cached_property
    def directions(self) -> np.ndarray:
        """The vectors less their mean, each of length 1 (float32)."""
        centred = np.asarray(self.vectors, np.float64)
        centred = centred - centred.mean(0)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        return (centred / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def place(self, word: str) -> int:
        """The id of a word. If it is not one token, raises LabError with the closest that is."""
        for spelling in (f" {word}", word):
            if spelling in self._places:
                return self._places[spelling]
        spelled = {piece.strip() for piece in self.pieces}
        near = difflib.get_close_matches(word, spelled, n=1, cutoff=0.5)
        hint = f"'{near[0]}' is one" if near else "give a word of the vocabulary"
        raise LabError(f"'{word}' is not one token here; {hint}")

    def nearest(self, word: str, count: int = 10) -> list[tuple[str, float]]:
        """The tokens most similar to a word, with their cosines, in decreasing order."""
        here = self.place(word)
        return self._best(self.directions[here], {here}, count)

    def analogy(self, word: str, less: str, more: str, count: int = 5) -> list[tuple[str, float]]:
        """The tokens nearest to word - less + more, other than these (Mikolov et al. 2013).

        analogy("Paris", "France", "Germany") asks for the capital of Germany.
        """
        a, b, c = map(self.place, (word, less, more))
        wanted = self.directions[a] - self.directions[b] + self.directions[c]
        return self._best(wanted / max(np.linalg.norm(wanted), 1e-12), {a, b, c}, count)

    def analogies(self, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
        """All analogies among pairs such as (country, capital), one per row.

        Columns: question (capital - country + other country), expected, found, rank (1 where the
        expected word is the nearest of all). Raises LabError for a word that is not one token.
        """
        known = [(self.place(a), self.place(b)) for a, b in pairs]
        if len(known) < 2:
            raise LabError(f"an analogy needs two pairs of words, but there are {len(known)}")
        rows = [
            self._asked(here, there)
            for i, here in enumerate(known)
            for j, there in enumerate(known)
            if i != j
        ]
        return pd.DataFrame(rows)

    def _asked(self, here: tuple[int, int], there: tuple[int, int]) -> dict[str, Any]:
        (country, capital), (other, expected) = here, there
        wanted = self.directions[capital] - self.directions[country] + self.directions[other]
        likeness = self.directions @ wanted
        likeness[[country, capital, other]] = -np.inf
        names = [self.pieces[i].strip() for i in (capital, country, other, expected)]
        return {
            "question": f"{names[0]} - {names[1]} + {names[2]}",
            "expected": names[3],
            "found": self.pieces[int(likeness.argmax())].strip(),
            "rank": int((likeness > likeness[expected]).sum()) + 1,
        }

    def _best(self, wanted: np.ndarray, without: set[int], count: int) -> list[tuple[str, float]]:
        likeness = self.directions @ wanted
        found = [int(i) for i in np.argsort(-likeness, kind="stable") if int(i) not in without]
        return [(self.pieces[i], float(likeness[i])) for i in found[:count]]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {piece: i for i, piece in reversed(list(enumerate(self.pieces)))}


def load(path: str | Path, pieces: Sequence[str] | None = None) -> Embedding:
    """The embedding in an .npz file: a run's parameters, or any file with `vectors` and `pieces`.

    Raises LabError if the file has no matrix with a row for each piece.
    """
    try:
        arrays = npz.load(Path(path))
    except FileNotFoundError as error:
        raise LabError(
            f"{path} cannot be read as .npz: there is none; give a run's parameters"
        ) from error
    except LabError as error:
        raise LabError(f"{error}; give a run's parameters") from error
    if pieces is None:
        if "pieces" not in arrays:
            raise LabError(f"{path} has no array 'pieces'; give the text of each token")
        pieces = [str(piece) for piece in arrays.pop("pieces")]
    return of(arrays, pieces)


def of(parameters: Mapping[str, Any], pieces: Sequence[str]) -> Embedding:
    """The embedding among a model's parameters, an array or a tree of them under each name.

    It is the matrix with a row for each piece; if there are several (as with an untied head), the
    one with NAME in its name. Raises LabError unless exactly one is found.
    """
    leaves = dict(_leaves(parameters))
    fit = {name: a for name, a in leaves.items() if a.ndim == 2 and len(a) == len(pieces)}
    named = {name: a for name, a in fit.items() if NAME in name.lower()}
    found = named if len(fit) > 1 else fit
    if len(found) != 1:
        shown = ", ".join(f"{name} {a.shape}" for name, a in (fit or leaves).items())
        raise LabError(
            f"{len(found)} matrices could hold the vectors of {len(pieces):,} pieces; "
            f"there are: {shown[:300]}"
        )
    return Embedding(next(iter(found.values())), pieces)


def components(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (words, width) in their first two principal components, and the shares of variance.

    The sign of a component is arbitrary; here its largest entry is positive.
    """
    centred = np.asarray(rows, np.float64) - rows.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points = left[:, :2] * sizes[:2]
    points *= np.sign(points[np.abs(points).argmax(0), [0, 1]])
    return points, sizes[:2] ** 2 / max((sizes**2).sum(), 1e-300)


def _leaves(tree: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """The name, joined by slashes, and the array of every leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{name}{key}/")
        else:
            yield f"{name}{key}", np.asarray(value)
