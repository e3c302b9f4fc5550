"""Synthetic populations: the numbers that training on them shares with the theory of it.

A theory that is exact for one random draw, such as that of a matrix of random features, must know
the draw. So draws are made here, by numpy from a seed of their own, and both the lab and analysis
import them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .errors import LabError

ENDLESS = 2**31 - 1  # examples of a population: as many as D can count
POPULATIONS = {
    "linear": "power_law",
    "items": "zipf",
    "bigrams": "zipf_bigrams",
    "circle": "circle",
}


def endless(source: object) -> str:
    """The kind of population that a data source is; "" for a dataset."""
    return getattr(source, "endless", "")


def expect(source: object, kind: str, learner: str) -> None:
    """Raise LabError unless the source is a population of the kind that the learner draws from."""
    found = endless(source)
    if found != kind:
        raise LabError(
            f"learner {learner} draws from a population of kind '{kind}' and "
            f"{type(source).__name__} is {f'of kind {found}' if found else 'a dataset'}; take "
            f"{POPULATIONS[kind]}"
        )


class Linear(NamedTuple):
    """y = <weight, x> + noise e, with independent normal x_j, and e of deviation 1.

    deviation, weight: of each coordinate, float64 of shape (coordinates,). noise: a number.
    """

    deviation: np.ndarray
    weight: np.ndarray
    noise: np.ndarray


class Items(NamedTuple):
    """Items 0, 1, ... drawn independently.

    probability: of each, (items,). tail: of it and all later ones, from the last to the first.
    """

    probability: np.ndarray
    tail: np.ndarray


class Bigrams(NamedTuple):
    """A context, and a token that depends on it.

    contexts: the population of contexts. probability: of each token in each context, float64 of
    shape (contexts, vocabulary). below: of all tokens up to it.
    """

    contexts: Items
    probability: np.ndarray
    below: np.ndarray


def power_law(
    coordinates: int, a: float, b: float, noise: float = 0.0, tail: bool = False
) -> Linear:
    """Coordinate j = 1, 2, ... has variance j^-(1+a) and contributes j^-(1+b) to that of y.

    tail: y depends on infinitely many coordinates. Those that x does not show act as noise.
    """
    j = np.arange(1.0, coordinates + 1)
    beyond = power_sum(1 + b, coordinates) if tail else 0.0
    return Linear(j ** (-(1 + a) / 2), j ** ((a - b) / 2), np.sqrt(noise**2 + beyond))


def power_sum(exponent: float, after: float) -> float:
    """sum_{j > after} j^-exponent, for an exponent above 1."""
    from scipy import special

    return float(special.zeta(exponent, after + 1))


def gaussian_features(coordinates: int, features: int, draw: int) -> np.ndarray:
    """A matrix of random features, independent Normal(0, 1 / features), (coordinates, features)."""
    normal = np.random.default_rng(draw).standard_normal((coordinates, features))
    return normal / np.sqrt(features)


def zipf(items: int, a: float) -> np.ndarray:
    """Probabilities proportional to i^-(1+a), i = 1..items."""
    weight = np.arange(1.0, items + 1) ** -(1 + a)
    return weight / weight.sum()


def items(probability: np.ndarray) -> Items:
    """The population of items with these probabilities."""
    tail = np.cumsum(probability[::-1])
    tail[-1] = 1.0
    return Items(probability, tail)


def dirichlet_rows(contexts: int, vocabulary: int, strength: float, draw: int) -> np.ndarray:
    """Probabilities of tokens, a row a context, each Dirichlet(strength, ..., strength)."""
    return np.random.default_rng(draw).dirichlet(np.full(vocabulary, strength), contexts)
