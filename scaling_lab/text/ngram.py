"""The classical baseline: an interpolated n-gram model with modified Kneser-Ney smoothing.

For a context h and the next token w, where c(hw) is the count of hw at the highest order and the
number of different tokens seen before hw at lower orders,

    p(w | h) = (c(hw) - d(c(hw))) / c(h)  +  gamma(h) p(w | h'),      h' = h without its first token
    gamma(h) = (d(1) N_1(h) + d(2) N_2(h) + d(3) N_3+(h)) / c(h)

N_k(h) is the number of tokens seen k times after h. Each order has three discounts, for counts of
1, 2 and more, computed from n_k, the number of n-grams with count k (Chen & Goodman 1998, section
4.1.6):

    d(1) = 1 - 2 Y n_2/n_1,   d(2) = 2 - 3 Y n_3/n_2,   d(3) = 3 - 4 Y n_4/n_3,
    Y = n_1 / (n_1 + 2 n_2)

Below unigrams the distribution is uniform. Counting and scoring are vectorised over the text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..data import Tokens
from ..errors import LabError

# Discounts where there are too few n-grams to estimate them, or one comes out negative (KenLM).
FALLBACK = np.array([0.0, 0.5, 1.0, 1.5])


@dataclass(frozen=True)
class Order:
    """The n-grams of one length, indexed in the order of their keys.

    keys: sorted; (index of the context among the n-grams one shorter) * (vocabulary + 1) + last
    token. weight: (c - d(c)) / c(h) of each n-gram. gamma: of each context; 1 if none follows.
    """

    keys: np.ndarray
    weight: np.ndarray
    gamma: np.ndarray


@dataclass(frozen=True)
class NGram:
    """A fitted model of tokens 0 to vocabulary - 1. orders: from unigrams up."""

    vocabulary: int
    orders: tuple[Order, ...]

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """p of each token given those before it, float64, as long as the text."""
        mark, marks = self.vocabulary, len(self.orders) - 1
        tokens = _with_begin_marks(ids, marks, mark)
        p = np.full(len(tokens), 1 / self.vocabulary)
        context = np.zeros(len(tokens), np.int64)  # index of each token's context; -1 if unseen
        for order in self.orders:
            index = _find(order.keys, context * (mark + 1) + tokens)
            index[context < 0] = -1
            p *= np.where(context >= 0, order.gamma[context], 1.0)
            p += np.where(index >= 0, order.weight[index], 0.0)
            context = np.concatenate([[-1], index[:-1]])
        return p[marks:]


@dataclass(frozen=True)
class Score:
    """A model's loss on a text, in nats a token and bits a byte, and the text's size."""

    nats: float
    bits_per_byte: float
    tokens: int
    bytes: int


def fit(ids: np.ndarray, vocabulary: int, order: int = 5) -> NGram:
    """Count and smooth the n-grams of a text, of lengths 1 to `order`.

    ids: 1-D, from 0 to vocabulary - 1. order - 1 begin marks are put before the text, so that its
    first tokens have full contexts; marks are never predicted. 24 million characters take a minute
    and 2 GB. Raises LabError for an order below 1 or an empty text.
    """
    if order < 1:
        raise LabError(f"order is {order}; give the length of an n-gram, 1 or more")
    if len(ids) == 0:
        raise LabError("the text is empty; give at least one token")
    tokens = _with_begin_marks(ids, order - 1, vocabulary)
    keys: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    index = np.zeros(len(tokens), np.int64)  # of the (n-1)-gram that ends at each token
    context = index  # of the (n-1)-gram that ends one token earlier; -1 at the start of the text
    for _ in range(order):
        complete = context >= 0
        unique, inverse = _unique(context[complete] * (vocabulary + 1) + tokens[complete])
        if keys:
            shorter = np.empty(len(unique), np.int64)  # each n-gram without its first token
            shorter[inverse] = index[complete]
            counts[-1] = np.bincount(shorter, minlength=len(keys[-1]))
        keys.append(unique)
        counts.append(np.bincount(inverse))
        index = np.full(len(tokens), -1)
        index[complete] = inverse
        context = np.concatenate([[-1], index[:-1]])
    contexts = [1, *map(len, keys)]
    return NGram(vocabulary, tuple(map(_smooth, keys, counts, contexts, [vocabulary] * order)))


def score(model: NGram, text: Tokens) -> Score:
    """The model's loss on a text. Raises LabError if its length in bytes is not known."""
    if text.bytes is None:
        raise LabError("the length of this text in bytes is not known; say it in its about.json")
    nats = -float(np.log(model.probabilities(text.ids)).sum())
    tokens = len(text.ids)
    return Score(nats / tokens, nats / math.log(2) / text.bytes, tokens, text.bytes)


def discounts(counts: np.ndarray) -> np.ndarray:
    """The discounts of counts 0, 1, 2 and more, (4,)."""
    _, n1, n2, n3, n4, *_ = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if min(n1, n2, n3, n4) == 0:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    d = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return d if (d >= 0).all() else FALLBACK


def _smooth(keys: np.ndarray, counts: np.ndarray, contexts: int, mark: int) -> Order:
    """Discounted weights; n-grams ending with the mark serve as contexts only."""
    context, token = np.divmod(keys, mark + 1)
    counts = np.where(token == mark, 0, counts)
    discount = discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(context, counts, contexts)
    with np.errstate(invalid="ignore"):
        gamma = np.where(totals > 0, np.bincount(context, discount, contexts) / totals, 1.0)
        weight = np.where(counts > 0, (counts - discount) / totals[context], 0.0)
    return Order(keys, weight, gamma)


def _unique(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.unique(keys, return_inverse=True) by hashing: ten times faster with many repeated keys."""
    codes, unique = pd.factorize(keys)
    order = np.argsort(unique)
    rank = np.empty(len(unique), np.int64)
    rank[order] = np.arange(len(unique))
    return unique[order], rank[codes]


def _with_begin_marks(ids: np.ndarray, marks: int, mark: int) -> np.ndarray:
    return np.concatenate([np.full(marks, mark), np.asarray(ids)]).astype(np.int64)


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The index of each wanted key among the sorted keys, -1 if absent."""
    index = np.searchsorted(keys, wanted)
    index[index == len(keys)] = 0
    return np.where(keys[index] == wanted, index, -1)
