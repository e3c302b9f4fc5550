"""Minibatches without state: the order of an epoch is a function of seed, epoch and position.

A keyed permutation of [0, D) for any traced D: a bijection of the next power of two (rounds of
xor, odd multiplication and xor-shift, each invertible modulo 2^k) is applied until the result is
below D ("cycle walking", Black & Rogaway 2002). Nothing is stored, nothing has to be checkpointed,
and D is a number in the program, not a shape.

The host has the same permutation in numpy (`minibatch_on_host`), equal bit for bit. With it a
stream (`scaling_lab.stream`) reads the examples that the program would take from resident arrays.

Evaluation takes a split in order, in batches of equal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ROUNDS = 4
# Applications of the bijection on an accelerator. Each leaves at most half of the indices beyond D,
# so that after 64 one in 10^19 would be left.
WALKS = 64
EVALUATION_NUMBERS = 1 << 25  # in the inputs of a batch of evaluation: 128 MiB of float32
OUTSIDE = 2**32 - 1  # an epoch that no run reaches: the order of a source is no order of an epoch


def permute(position: jax.Array, epoch: jax.Array, seed: jax.Array, size: jax.Array) -> jax.Array:
    """Index of the example at each position of an epoch.

    position: uint32 array, each < size. epoch: uint32, of the same shape or a scalar.
    seed: uint32 scalar. size: uint32 scalar, 1 <= size <= 2^31.
    Returns int32 indices; over all positions of one epoch they are a permutation of [0, size).
    """
    size = size.astype(jnp.uint32)
    bits = jnp.uint32(32) - lax.clz(jnp.maximum(size - jnp.uint32(1), jnp.uint32(1)))
    mask, shift = _mask_and_shift(bits)
    keys = _keys(epoch.astype(jnp.uint32), seed.astype(jnp.uint32))

    def walked(x: jax.Array, times: int = 1) -> jax.Array:
        for _ in range(times):
            x = jnp.where(x >= size, _bijection(x, keys, mask, shift), x)
        return x

    index = _bijection(position.astype(jnp.uint32), keys, mask, shift)
    if jax.default_backend() == "cpu":
        index = lax.while_loop(lambda x: jnp.any(x >= size), walked, index)
    else:
        # The host of a GPU would wait for that condition in every step.
        index = lax.fori_loop(0, 4, lambda _, x: walked(x, WALKS // 4), index)
    return index.astype(jnp.int32)


def permute_on_host(position: np.ndarray, epoch: np.ndarray, seed: int, size: int) -> np.ndarray:
    """`permute` in numpy: the same indices, as int64. epoch: of the shape of position."""
    # Arrays of one element, because numpy warns when the product of two scalars wraps around.
    mask, shift = _mask_and_shift(np.full(1, max(size - 1, 1).bit_length(), np.uint32))
    keys = _keys(epoch.astype(np.uint32), np.full(1, seed % (1 << 32), np.uint32))
    index = _bijection(position.astype(np.uint32), keys, mask, shift)
    while (beyond := index >= size).any():
        index = np.where(beyond, _bijection(index, keys, mask, shift), index)
    return index.astype(np.int64)


def minibatch(step: jax.Array, batch_size: int, seed: jax.Array, size: jax.Array) -> jax.Array:
    """Indices of the minibatch of a step, shape (batch_size,): each epoch sees every example once.

    step: int32, from 0; step * batch_size stays below 2^32.
    """
    at = step.astype(jnp.uint32) * jnp.uint32(batch_size) + jnp.arange(batch_size, dtype=jnp.uint32)
    size = size.astype(jnp.uint32)
    return permute(at % size, at // size, seed, size)


def subset(index: jax.Array, data_seed: jax.Array | None, examples: int) -> jax.Array:
    """Where a source of that many examples has those at these places among the D of a run.

    Without a data_seed, a run's D are the first D in the source's fixed order. A data_seed puts the
    source into another order first, a function of that seed alone, so that its subsets nest too.
    index: int32, each < D. Returns an array like it.
    """
    if data_seed is None:
        return index
    seed = data_seed.astype(jnp.uint32)
    return permute(index, jnp.uint32(OUTSIDE), seed, jnp.uint32(examples))


def subset_on_host(index: np.ndarray, data_seed: int, examples: int) -> np.ndarray:
    """`subset` in numpy, as int64. data_seed: 0 for the source's fixed order."""
    if not data_seed:
        return index
    epoch = np.full(index.shape, OUTSIDE, np.uint32)
    return permute_on_host(index.astype(np.uint32), epoch, data_seed, examples)


def minibatch_on_host(step: int, count: int, batch_size: int, seed: int, size: int) -> np.ndarray:
    """`minibatch` of `count` steps from `step` on, as int64 of shape (count * batch_size,)."""
    first = step * batch_size
    at = (np.arange(first, first + count * batch_size) % (1 << 32)).astype(np.uint32)
    return permute_on_host(at % np.uint32(size), at // np.uint32(size), seed, size)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Chunk:
    """A fixed number K of consecutive minibatches of a stream, on the device.

    examples: a tree of arrays of leading axis K * batch_size. Chunk c holds the minibatches of
    steps c K to c K + K - 1.
    """

    examples: Any


def draw(
    train: Any,
    step: jax.Array,
    batch_size: int,
    seed: jax.Array,
    size: jax.Array,
    data_seed: jax.Array | None = None,
) -> tuple[Any, jax.Array]:
    """The arrays that hold a step's minibatch, and its indices in them, shape (batch_size,).

    train: a learner's training data, a tree of arrays of which `size` examples are used, the first
    or those of the data_seed (see `subset`), or a Chunk of them. Either way the minibatch holds the
    same examples.
    """
    if isinstance(train, Chunk):
        batches = len(jax.tree.leaves(train.examples)[0]) // batch_size
        return train.examples, step % batches * batch_size + jnp.arange(batch_size)
    examples = len(jax.tree.leaves(train)[0])
    index = minibatch(step, batch_size, seed, jnp.minimum(size, examples))
    return train, subset(index, data_seed, examples)


def evaluation_batches(
    examples: int, largest: int, numbers: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (batches, size) of all examples in order, and whether each place counts.

    The fewest batches of at most `largest` that hold them, of equal size; places left over in the
    last hold example 0 again and do not count. numbers: in an example; batches of large examples
    are smaller, to bound memory.
    """
    largest = min(largest, max(1, EVALUATION_NUMBERS // numbers))
    batches = -(-examples // largest)
    size = -(-examples // batches)
    place = np.arange(batches * size).reshape(batches, size)
    known = place < examples
    return np.where(known, place, 0), known


Words = TypeVar("Words", jax.Array, np.ndarray)  # uint32


def _keys(epoch: Words, seed: Words) -> list[Words]:
    """Two keys for each round, of the shape of `epoch`."""
    root = _mix(epoch * np.uint32(0x9E3779B9) ^ _mix(seed + np.uint32(0x85EBCA6B)))
    return [_mix(root + np.uint32((0x632BE5AB * (i + 1)) & 0xFFFFFFFF)) for i in range(2 * ROUNDS)]


def _mask_and_shift(bits: Words) -> tuple[Words, Words]:
    one = np.uint32(1)
    return (one << bits) - one, (bits + one) // np.uint32(2)


def _bijection(x: Words, keys: list[Words], mask: Words, shift: Words) -> Words:
    """A permutation of [0, mask]."""
    for i in range(ROUNDS):
        x = (x ^ keys[2 * i]) & mask
        x = (x * (keys[2 * i + 1] | np.uint32(1))) & mask
        x = x ^ (x >> shift)
    return x


def _mix(x: Words) -> Words:
    """MurmurHash3's 32-bit finaliser: every bit of the input moves every bit of the output."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))
