"""Minibatches without state: the order of an epoch is a function of seed, epoch and position.

A keyed permutation of [0, D) for any traced D: a bijection of the next power of two (rounds of
xor, odd multiplication and xor-shift, each invertible modulo 2^k) is applied until the result is
below D ("cycle walking", Black & Rogaway 2002). Nothing is stored, nothing has to be checkpointed,
and D is a number in the program, not a shape.

Evaluation takes a split in order, in batches of equal size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ROUNDS = 4
OUTSIDE = 2**32 - 1  # an epoch that no run reaches: the order of a source is no order of an epoch


def permute(position: jax.Array, epoch: jax.Array, seed: jax.Array, size: jax.Array) -> jax.Array:
    """Index of the example at each position of an epoch.

    position: uint32 array, each < size. epoch: uint32, of the same shape or a scalar.
    seed: uint32 scalar. size: uint32 scalar, 1 <= size <= 2^31.
    Returns int32 indices; over all positions of one epoch they are a permutation of [0, size).
    """
    u32 = jnp.uint32
    size = size.astype(u32)
    bits = u32(32) - lax.clz(jnp.maximum(size - u32(1), u32(1)))
    mask = (u32(1) << bits) - u32(1)
    shift = (bits + u32(1)) // u32(2)
    root = _mix(epoch.astype(u32) * u32(0x9E3779B9) ^ _mix(seed.astype(u32) + u32(0x85EBCA6B)))
    keys = [_mix(root + u32((0x632BE5AB * (i + 1)) & 0xFFFFFFFF)) for i in range(2 * ROUNDS)]

    def bijection(x: jax.Array) -> jax.Array:
        for i in range(ROUNDS):
            x = (x ^ keys[2 * i]) & mask
            x = (x * (keys[2 * i + 1] | u32(1))) & mask
            x = x ^ (x >> shift)
        return x

    index = lax.while_loop(
        lambda x: jnp.any(x >= size),
        lambda x: jnp.where(x >= size, bijection(x), x),
        bijection(position.astype(u32)),
    )
    return index.astype(jnp.int32)


def minibatch(step: jax.Array, batch_size: int, seed: jax.Array, size: jax.Array) -> jax.Array:
    """Indices of the minibatch of a step, shape (batch_size,): each epoch sees every example once.

    step: int32, from 0; step * batch_size stays below 2^32.
    """
    at = step.astype(jnp.uint32) * jnp.uint32(batch_size) + jnp.arange(batch_size, dtype=jnp.uint32)
    size = size.astype(jnp.uint32)
    return permute(at % size, at // size, seed, size)


def subset(index: jax.Array, traced: Mapping[str, Any], examples: int) -> jax.Array:
    """Where in a source of that many examples a run finds those of these places among its D.

    Without a data_seed, a run's D are the first D in the source's fixed order. A data_seed puts the
    source into another order first, a function of that seed alone, so that its subsets nest too.
    index: int32, each < D. Returns an array like it.
    """
    if "data_seed" not in traced:
        return index
    seed = jnp.asarray(traced["data_seed"]).astype(jnp.uint32)
    return permute(index, jnp.uint32(OUTSIDE), seed, jnp.asarray(examples))


def evaluation_batches(examples: int, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (batches, size) of all examples in order, and whether each place counts.

    The fewest batches of at most `largest` that hold them, of equal size; places left over in the
    last hold example 0 again and do not count.
    """
    batches = -(-examples // largest)
    size = -(-examples // batches)
    place = np.arange(batches * size).reshape(batches, size)
    known = place < examples
    return np.where(known, place, 0), known


def _mix(x: jax.Array) -> jax.Array:
    """MurmurHash3's 32-bit finaliser: every bit of the input moves every bit of the output."""
    x = (x ^ (x >> jnp.uint32(16))) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> jnp.uint32(13))) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> jnp.uint32(16))
