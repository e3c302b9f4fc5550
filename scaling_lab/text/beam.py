"""Beam search: the likeliest translation among those that a few hypotheses at a time lead to.

A hypothesis y of |y| tokens, END among them, is ranked by (Wu et al. 2016, equation 14)

    score(y) = log p(y | x) / ((5 + |y|) / 6)^alpha

since a sum of logarithms alone favours short ones. alpha = 0.6 is what Vaswani et al. 2017 took;
0 is no normalisation, and 1 is nearly the mean over tokens, which favours long ones on small
models. At each step the best continuations of all hypotheses of a sentence are taken; those
that end, if they are among the best `beams`, are set aside, and a sentence is done once that many
were. One beam is greedy search: the likeliest token each time, until END.

It knows of a model what `models` says of those that read pairs: extend(ids_BT, cache).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .pairs import BEGIN, END, PAD

ALPHA = 0.6

Extend = Callable[[jax.Array, Any], tuple[jax.Array, Any]]


class Found(NamedTuple):
    """The best of each sentence: ids_BT, padded after END, and score_B."""

    ids: jax.Array
    score: jax.Array


class _Search(NamedTuple):
    """Hypotheses of B sentences, K of each: alive, with log-probability and what the model keeps
    of them, and ended, with scores, of which `count_B` were found.
    """

    at: jax.Array
    ids_BKT: jax.Array
    sum_BK: jax.Array
    cache: Any
    ended_BKT: jax.Array
    score_BK: jax.Array
    count_B: jax.Array


def search(
    extend: Extend, cache: Any, length: int, *, beams: int = 4, alpha: float = ALPHA
) -> Found:
    """Translations of at most `length` tokens, END among them, which comes last if not before.

    cache: what the model keeps of B sources, with room for `length` tokens. Can be jitted.
    """
    batch = len(jax.tree.leaves(cache)[0])
    rows = jnp.arange(batch)[:, None]

    def flat(x_BK: jax.Array) -> jax.Array:
        return x_BK.reshape(batch * beams, *x_BK.shape[2:])

    def chosen(leaf: jax.Array, parent_BK: jax.Array) -> jax.Array:
        """What the model keeps, of the hypotheses that go on."""
        return flat(leaf.reshape(batch, beams, *leaf.shape[1:])[rows, parent_BK])

    def going(found: _Search) -> jax.Array:
        return (found.at < length) & jnp.any(found.count_B < beams)

    def step(found: _Search) -> _Search:
        at = found.at
        last = lax.dynamic_index_in_dim(found.ids_BKT, jnp.maximum(at - 1, 0), 2, keepdims=False)
        last = jnp.where(at == 0, BEGIN, last)
        logits, cache = extend(flat(last)[:, None], found.cache)
        sums = jax.nn.log_softmax(logits[:, -1].astype(jnp.float32)).reshape(batch, beams, -1)
        vocabulary = sums.shape[-1]
        token = jnp.arange(vocabulary)
        wrong = (token == PAD) | (token == BEGIN) | ((at == length - 1) & (token != END))
        sums = jnp.where(wrong[None, None], -jnp.inf, sums) + found.sum_BK[:, :, None]
        # Of 2 K continuations K at least do not end.
        best, index = lax.top_k(sums.reshape(batch, -1), 2 * beams)
        parent, token = index // vocabulary, index % vocabulary
        ids = lax.dynamic_update_index_in_dim(found.ids_BKT[rows, parent], token, at, 2)
        ends = token == END

        # Those that end join the ended, if the sentence is not done and they are among the first K.
        fresh = ends & (jnp.arange(2 * beams)[None] < beams) & jnp.isfinite(best)
        fresh &= (found.count_B < beams)[:, None]
        normal = best / ((6.0 + at) / 6.0) ** alpha
        score = jnp.concatenate([found.score_BK, jnp.where(fresh, normal, -jnp.inf)], axis=1)
        ended = jnp.concatenate([found.ended_BKT, ids], axis=1)
        score, kept = lax.top_k(score, beams)

        alive, going_on = lax.top_k(jnp.where(ends, -jnp.inf, best), beams)
        parent = jnp.take_along_axis(parent, going_on, axis=1)
        return _Search(
            at + 1,
            ids[rows, going_on],
            alive,
            jax.tree.map(lambda leaf: chosen(leaf, parent), cache),
            ended[rows, kept],
            score,
            found.count_B + fresh.sum(1),
        )

    empty = jnp.full((batch, beams, length), PAD, jnp.int32)
    worst = jnp.full((batch, beams), -jnp.inf)
    begun = _Search(
        jnp.zeros((), jnp.int32),
        empty,
        worst.at[:, 0].set(0.0),  # of K equal hypotheses one goes on
        jax.tree.map(lambda leaf: jnp.repeat(leaf, beams, axis=0), cache),
        empty,
        worst,
        jnp.zeros((batch,), jnp.int32),
    )
    found = lax.while_loop(going, step, begun)
    return Found(found.ended_BKT[:, 0], found.score_BK[:, 0])
