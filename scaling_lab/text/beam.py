"""Beam search over the decoder of a translation model.

A hypothesis y of |y| tokens, including END, is ranked by (Wu et al. 2016, equation 14)

    score(y) = log p(y | x) / ((5 + |y|) / 6)^alpha

because a sum of log probabilities favours short ones. Vaswani et al. 2017 use alpha = 0.6; 0 means
no normalisation; 1 is nearly the mean over tokens and favours long hypotheses on small models.

At each step, the best 2 `beams` continuations of a sentence's hypotheses are considered. Those that
end and rank among the best `beams` are finished; a sentence is done once `beams` hypotheses have
finished. One beam is greedy search.

A model is used only through extend(ids_BT, cache), a method of all models of kind `pairs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ..protocols import Tree
from .pairs import BEGIN, END, PAD

ALPHA = 0.6

Extend = Callable[[jax.Array, Tree], tuple[jax.Array, Tree]]


class Translations(NamedTuple):
    """The best hypothesis of each sentence: ids_BT, padded after END, and score_B."""

    ids: jax.Array
    score: jax.Array


class _Search(NamedTuple):
    """State of the search after `at` tokens, for B sentences with K beams each.

    ids_BKT, sum_BK, cache: unfinished hypotheses, their log probabilities and the model's cache.
    finished_BKT, score_BK: the best finished ones. count_B: how many have finished.
    """

    at: jax.Array
    ids_BKT: jax.Array
    sum_BK: jax.Array
    cache: Tree
    finished_BKT: jax.Array
    score_BK: jax.Array
    count_B: jax.Array


def search(
    extend: Extend, cache: Tree, length: int, *, beams: int = 4, alpha: float = ALPHA
) -> Translations:
    """Translate B encoded sources into at most `length` tokens each, including END.

    cache: the model's cache for B sources, with room for `length` tokens. A hypothesis that reaches
    `length` is made to end there. Can be jitted.
    """
    batch = len(jax.tree.leaves(cache)[0])
    rows = jnp.arange(batch)[:, None]

    def flat(x_BK: jax.Array) -> jax.Array:
        return x_BK.reshape(batch * beams, *x_BK.shape[2:])

    def gather(leaf: jax.Array, parent_BK: jax.Array) -> jax.Array:
        """The cache of the hypotheses that continue."""
        return flat(leaf.reshape(batch, beams, *leaf.shape[1:])[rows, parent_BK])

    def unfinished(state: _Search) -> jax.Array:
        return (state.at < length) & jnp.any(state.count_B < beams)

    def step(state: _Search) -> _Search:
        at = state.at
        last = lax.dynamic_index_in_dim(state.ids_BKT, jnp.maximum(at - 1, 0), 2, keepdims=False)
        last = jnp.where(at == 0, BEGIN, last)
        logits, cache = extend(flat(last)[:, None], state.cache)
        sums = jax.nn.log_softmax(logits[:, -1].astype(jnp.float32)).reshape(batch, beams, -1)
        vocabulary = sums.shape[-1]
        token = jnp.arange(vocabulary)
        forbidden = (token == PAD) | (token == BEGIN) | ((at == length - 1) & (token != END))
        sums = jnp.where(forbidden[None, None], -jnp.inf, sums) + state.sum_BK[:, :, None]
        # Each hypothesis ends in one way only, so of 2 K continuations at least K do not end.
        best, index = lax.top_k(sums.reshape(batch, -1), 2 * beams)
        parent, token = index // vocabulary, index % vocabulary
        ids = lax.dynamic_update_index_in_dim(state.ids_BKT[rows, parent], token, at, 2)
        ends = token == END

        # Continuations that end are finished if they rank among the first K and the sentence is
        # not done yet.
        fresh = ends & (jnp.arange(2 * beams)[None] < beams) & jnp.isfinite(best)
        fresh &= (state.count_B < beams)[:, None]
        normalised = best / ((6.0 + at) / 6.0) ** alpha
        score = jnp.concatenate([state.score_BK, jnp.where(fresh, normalised, -jnp.inf)], axis=1)
        finished = jnp.concatenate([state.finished_BKT, ids], axis=1)
        score, top = lax.top_k(score, beams)

        alive, continuing = lax.top_k(jnp.where(ends, -jnp.inf, best), beams)
        parent = jnp.take_along_axis(parent, continuing, axis=1)
        return _Search(
            at + 1,
            ids[rows, continuing],
            alive,
            jax.tree.map(lambda leaf: gather(leaf, parent), cache),
            finished[rows, top],
            score,
            state.count_B + fresh.sum(1),
        )

    empty = jnp.full((batch, beams, length), PAD, jnp.int32)
    worst = jnp.full((batch, beams), -jnp.inf)
    initial = _Search(
        jnp.zeros((), jnp.int32),
        empty,
        worst.at[:, 0].set(0.0),  # the K hypotheses start equal; continue one
        jax.tree.map(lambda leaf: jnp.repeat(leaf, beams, axis=0), cache),
        empty,
        worst,
        jnp.zeros((batch,), jnp.int32),
    )
    state = lax.while_loop(unfinished, step, initial)
    return Translations(state.finished_BKT[:, 0], state.score_BK[:, 0])
