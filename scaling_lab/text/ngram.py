"""The classical baseline: an interpolated n-gram model with modified Kneser-Ney smoothing.

For a context h and the next token w, with c the counts of the highest order and, below it, the
number of different tokens seen to the left of hw,

    p(w | h) = (c(hw) - d(c(hw))) / c(h)  +  gamma(h) p(w | h'),      h' = h without its first token
    gamma(h) = (d(1) N_1(h) + d(2) N_2(h) + d(3) N_3+(h)) / c(h)

N_k(h) counts the tokens seen k times after h, and each order has three discounts, for counts of 1,
2 and more, from the numbers n_k of n-grams with count k (Chen & Goodman 1998, section 4.1.6):

    d(1) = 1 - 2 Y n_2/n_1,   d(2) = 2 - 3 Y n_3/n_2,   d(3) = 3 - 4 Y n_4/n_3,
    Y = n_1 / (n_1 + 2 n_2)

Below the first order all tokens are alike. Every step is one look-up for a whole array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..data import Tokens
from ..errors import LabError

# Where so few n-grams are counted that their numbers give none, or a negative one (as in KenLM).
FALLBACK = np.array([0.0, 0.5, 1.0, 1.5])


@dataclass(frozen=True)
class Order:
    """The n-grams of one length, numbered in the order of their keys.

    key: (number of the context among the n-grams one shorter) * symbols + last token.
    weight: (c - d(c)) / c(h) of each n-gram. gamma: of each context; 1 where nothing follows.
    """

    keys: np.ndarray
    weight: np.ndarray
    gamma: np.ndarray


@dataclass(frozen=True)
class NGram:
    """A fitted model of tokens 0 to vocabulary - 1; `orders` from unigrams up."""

    vocabulary: int
    orders: tuple[Order, ...]

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """p of each token of a text given those before it; float64, as long as the text."""
        mark, begun = self.vocabulary, len(self.orders) - 1
        tokens = _begun(ids, begun, mark)
        found = np.full(len(tokens), 1 / self.vocabulary)
        context = np.zeros(len(tokens), np.int64)  # what stands before each token; -1: never seen
        for order in self.orders:
            number = _find(order.keys, context * (mark + 1) + tokens)
            number[context < 0] = -1
            found *= np.where(context >= 0, order.gamma[context], 1.0)
            found += np.where(number >= 0, order.weight[number], 0.0)
            context = np.concatenate([[-1], number[:-1]])
        return found[begun:]


@dataclass(frozen=True)
class Score:
    """What a model makes of a text: nats a token, bits a byte, and how much text that was."""

    nats: float
    bits_per_byte: float
    tokens: int
    bytes: int


def fit(ids: np.ndarray, vocabulary: int, order: int = 5) -> NGram:
    """Count and smooth the n-grams of a text, of lengths 1 to `order`.

    ids: 1-D, from 0 to vocabulary - 1. The text is begun by order - 1 marks, which are contexts
    and no tokens, so that its first tokens have contexts too. 24 million characters take a minute
    and 2 GB. Raises LabError for an order below 1 or a text without tokens.
    """
    if order < 1:
        raise LabError(f"order is {order}; an n-gram has 1 token or more")
    if len(ids) == 0:
        raise LabError("there is no text to count; give one with tokens")
    tokens = _begun(ids, order - 1, vocabulary)
    keys: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    number = np.zeros(len(tokens), np.int64)  # of the n-gram of the last length that ends here
    context = number  # of the one before it; -1 where the text begins
    for _ in range(order):
        whole = context >= 0
        found, inverse = _numbered(context[whole] * (vocabulary + 1) + tokens[whole])
        if keys:
            shorter = np.empty(len(found), np.int64)  # without its first token
            shorter[inverse] = number[whole]
            counts[-1] = np.bincount(shorter, minlength=len(keys[-1]))
        keys.append(found)
        counts.append(np.bincount(inverse))
        number = np.full(len(tokens), -1)
        number[whole] = inverse
        context = np.concatenate([[-1], number[:-1]])
    contexts = [1, *map(len, keys)]
    return NGram(vocabulary, tuple(map(_smoothed, keys, counts, contexts, [vocabulary] * order)))


def score(model: NGram, text: Tokens) -> Score:
    """How well the model predicts a text."""
    nats = -float(np.log(model.probabilities(text.ids)).sum())
    tokens = len(text.ids)
    return Score(nats / tokens, nats / math.log(2) / text.bytes, tokens, text.bytes)


def discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from counts of 0, 1, 2 and more."""
    _, n1, n2, n3, n4, *_ = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if min(n1, n2, n3, n4) == 0:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return found if (found >= 0).all() else FALLBACK


def _smoothed(keys: np.ndarray, counts: np.ndarray, contexts: int, mark: int) -> Order:
    """Discounted weights; n-grams that end with the mark are contexts, and are not predicted."""
    context, token = np.divmod(keys, mark + 1)
    counts = np.where(token == mark, 0, counts)
    taken = discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(context, counts, contexts)
    with np.errstate(invalid="ignore"):
        gamma = np.where(totals > 0, np.bincount(context, taken, contexts) / totals, 1.0)
        weight = np.where(counts > 0, (counts - taken) / totals[context], 0.0)
    return Order(keys, weight, gamma)


def _numbered(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different keys, sorted, and the place of each key among them.

    As np.unique, by hashing: of millions of n-grams few are different, and a sort costs ten times.
    """
    codes, found = pd.factorize(keys)
    order = np.argsort(found)
    place = np.empty(len(found), np.int64)
    place[order] = np.arange(len(found))
    return found[order], place[codes]


def _begun(ids: np.ndarray, marks: int, mark: int) -> np.ndarray:
    return np.concatenate([np.full(marks, mark), np.asarray(ids)]).astype(np.int64)


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The place of each wanted key, -1 where it is not."""
    place = np.searchsorted(keys, wanted)
    place[place == len(keys)] = 0
    return np.where(keys[place] == wanted, place, -1)
