"""Sampling from a language model, token by token, with a decoding cache.

The next token is sampled from softmax(logits / temperature). Nucleus sampling (Holtzman et al.
2020) keeps only the most likely tokens whose total probability reaches `top_p`. A model never sees
more than its training context: once that is full, decoding restarts from the latter half of it.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax

from ..errors import LabError
from ..protocols import Params, Tree


def sample(
    network: nn.Module,
    params: Params,
    prompt: np.ndarray,
    length: int,
    context: int,
    *,
    count: int = 1,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """`count` continuations of the prompt's ids, (count, length).

    network: of a model of kind `tokens`. context: the most tokens it may see. temperature: 0 takes
    the most likely token. Raises LabError for an empty prompt or impossible settings.
    """
    check(length, count, temperature, top_p)
    if not len(prompt):
        raise LabError("the prompt is empty; give some text to continue")
    key, ids = jax.random.key(seed), np.repeat(np.asarray(prompt, np.int32)[None], count, 0)
    half = max(1, context // 2)
    while ids.shape[1] < len(prompt) + length:
        seen = ids[:, -half:]
        key, subkey = jax.random.split(key)
        room = context - seen.shape[1] + 1
        more = _continue(network, room, top_p < 1, params, seen, subkey, temperature, top_p)
        ids = np.concatenate([ids, np.asarray(more)], axis=1)
    return ids[:, len(prompt) : len(prompt) + length]


def check(length: int, count: int, temperature: float, top_p: float) -> None:
    """Raise LabError for impossible settings."""
    if length < 1 or count < 1:
        raise LabError(f"length is {length} and count {count}; give 1 or more for each")
    if not (math.isfinite(temperature) and temperature >= 0):
        raise LabError(f"temperature is {temperature}; give 0 (the most likely token) or more")
    if not 0 < top_p <= 1:
        raise LabError(f"top-p is {top_p}; give a probability above 0, at most 1")


@partial(jax.jit, static_argnums=(0, 1, 2))
def _continue(
    network: nn.Module,
    length: int,
    nucleus: bool,
    params: Params,
    seen_BT: jax.Array,
    key: jax.Array,
    temperature: float,
    top_p: float,
) -> jax.Array:
    """The next `length` tokens, (B, length); the last one is not fed back to the model."""

    def extend(ids: jax.Array, cache: Tree) -> tuple[jax.Array, Tree]:
        return network.apply({"params": params}, ids, cache, method="extend")

    def body(carry: Tree, key: jax.Array) -> tuple[Tree, jax.Array]:
        logits_BV, cache = carry
        token_B = sample_token(key, logits_BV, temperature, top_p if nucleus else None)
        logits, cache = extend(token_B[:, None], cache)
        return (logits[:, -1], cache), token_B

    batch, time = seen_BT.shape
    logits, cache = extend(seen_BT, network.empty(batch, time + length))
    carry = (logits[:, -1], cache)
    _, tokens = lax.scan(body, carry, jax.random.split(key, length))
    return tokens.T


def sample_token(
    key: jax.Array,
    logits_BV: jax.Array,
    temperature: jax.Array | float,
    top_p: float | jax.Array | None = None,
) -> jax.Array:
    """One token for each row, (B,). top_p: None for the whole distribution."""
    scaled = logits_BV.astype(jnp.float32) / jnp.maximum(temperature, 1e-6)
    if top_p is not None:
        probability = jax.nn.softmax(scaled)
        ordered = jnp.sort(probability, axis=-1, descending=True)
        before = jnp.cumsum(ordered, axis=-1) - ordered
        least = jnp.min(jnp.where(before < top_p, ordered, jnp.inf), axis=-1, keepdims=True)
        scaled = jnp.where(probability >= least, scaled, -jnp.inf)
    best = jnp.argmax(logits_BV, axis=-1)
    return jnp.where(temperature > 0, jax.random.categorical(key, scaled), best).astype(jnp.int32)
