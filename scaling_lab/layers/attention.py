"""Attention: softmax(q k^T / sqrt(K)) v, with rotary positions and a cache for decoding.

On an accelerator it is `jax.nn.dot_product_attention` (cuDNN's flash attention where it takes the
shape and the precision). On a CPU causal attention runs by blocks of queries, each against the keys
up to its end: half the scores are not computed, and the layout suits small products.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from .. import products
from .linear import Linear

BASE = 10_000.0  # of the wavelengths of rotary positions (Su 2021)
BLOCK = 32  # queries per block on a CPU; of 16, 32 and 64 the fastest at T = 128


class Cache(NamedTuple):
    """Keys and values of the tokens so far, key_BSHK and value_BSHK, and their number, used_B."""

    key: jax.Array
    value: jax.Array
    used: jax.Array


def empty(batch: int, length: int, heads: int, head_size: int, dtype: jnp.dtype) -> Cache:
    """An empty cache with room for `length` tokens."""
    zeros = jnp.zeros((batch, length, heads, head_size), dtype)
    return Cache(zeros, zeros, jnp.zeros((batch,), jnp.int32))


class SelfAttention(nn.Module):
    """hidden_BTD -> hidden_BTD. gain: initial scale of the output matrix. score: factor on q k.

    causal: each position attends to itself and those before it; otherwise to every position where
    `known_BT` is True. qk_norm: RMSNorm of queries and keys, which bounds the scores.
    With a cache the tokens follow those in it, and it is returned extended by them.
    """

    heads: int
    causal: bool = True
    qk_norm: bool = False
    gain: float = 1.0
    score: float = 1.0

    @nn.compact
    def __call__(
        self,
        hidden_BTD: jax.Array,
        cache: Cache | None = None,
        known_BT: jax.Array | None = None,
    ) -> tuple[jax.Array, Cache | None]:
        batch, time, width = hidden_BTD.shape
        joined = Linear(3 * width, name="query_key_value")(hidden_BTD)
        query, key, value = (
            part.reshape(batch, time, self.heads, width // self.heads)
            for part in jnp.split(joined, 3, axis=-1)
        )
        if self.qk_norm:
            query, key = nn.RMSNorm(name="query_norm")(query), nn.RMSNorm(name="key_norm")(key)
        at = jnp.arange(time)[None]
        if cache is not None:
            at = cache.used[:, None] + at
        query, key = rotated(query, at), rotated(key, at)
        if self.score != 1:
            query = query * self.score
        if cache is not None:
            cache = _extended(cache, key, value)
            visible_BTS = jnp.arange(cache.key.shape[1])[None, None] <= at[:, :, None]
            out_BTHK = jax.nn.dot_product_attention(
                query, cache.key, cache.value, mask=visible_BTS[:, None]
            )
        elif self.causal:
            out_BTHK = causal(query, key, value)
        else:
            out_BTHK = among(query, key, value, known_BT)
        out_BTD = out_BTHK.reshape(batch, time, width)
        return Linear(width, self.gain, name="out")(out_BTD), cache


def _extended(cache: Cache, key_BTHK: jax.Array, value_BTHK: jax.Array) -> Cache:
    """The cache with these tokens appended."""
    put = jax.vmap(lambda old, new, at: jax.lax.dynamic_update_slice_in_dim(old, new, at, 0))
    key, value = (
        put(old, new.astype(old.dtype), cache.used)
        for old, new in ((cache.key, key_BTHK), (cache.value, value_BTHK))
    )
    return Cache(key, value, cache.used + key_BTHK.shape[1])


def rotated(x_BTHK: jax.Array, at_BT: jax.Array) -> jax.Array:
    """Rotary positions (Su 2021): pairs (x_i, x_{i+K/2}) rotated by at * BASE^(-2i/K) radians."""
    size = x_BTHK.shape[-1]
    frequency = BASE ** (-jnp.arange(0, size, 2, dtype=jnp.float32) / size)
    angle = at_BT[..., None, None].astype(jnp.float32) * frequency[None, None, None]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    a, b = jnp.split(x_BTHK.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
    return turned.astype(x_BTHK.dtype)


def causal(query_BTHK: jax.Array, key_BTHK: jax.Array, value_BTHK: jax.Array) -> jax.Array:
    """Attention of each position to itself and to those before it."""
    if jax.default_backend() == "cpu" and not products.counting():
        return _by_blocks(query_BTHK, key_BTHK, value_BTHK)
    kind = "cudnn" if _flash(query_BTHK) and not products.counting() else "xla"
    return jax.nn.dot_product_attention(
        query_BTHK, key_BTHK, value_BTHK, is_causal=True, implementation=kind
    )


def among(
    query_BTHK: jax.Array, key_BSHK: jax.Array, value_BSHK: jax.Array, known_BS: jax.Array | None
) -> jax.Array:
    """Attention of each position to every source position, or to those where known_BS is True."""
    mask = None if known_BS is None else known_BS[:, None, None]
    return jax.nn.dot_product_attention(query_BTHK, key_BSHK, value_BSHK, mask=mask)


def _flash(query_BTHK: jax.Array) -> bool:
    """Whether cuDNN's flash attention applies: Ampere or later, 16 bits, head size 8 to 128."""
    device = jax.local_devices()[0]
    capability = getattr(device, "compute_capability", None)  # only NVIDIA's have one
    size = query_BTHK.shape[-1]
    return (
        capability is not None
        and float(capability) >= 8.0
        and query_BTHK.dtype in (jnp.bfloat16, jnp.float16)
        and size % 8 == 0
        and size <= 128
    )


def _by_blocks(query_BTHK: jax.Array, key_BTHK: jax.Array, value_BTHK: jax.Array) -> jax.Array:
    batch, time, heads, size = query_BTHK.shape

    def joined(x_BTHK: jax.Array) -> jax.Array:
        """Join batch and heads: (N, T, K)."""
        return x_BTHK.transpose(0, 2, 1, 3).reshape(batch * heads, time, size)

    query, key, value = joined(query_BTHK), joined(key_BTHK), joined(value_BTHK)
    blocks = []
    for begin in range(0, time, BLOCK):
        end = min(begin + BLOCK, time)
        scores = jnp.einsum(
            "ntk,nsk->nts",
            query[:, begin:end] * size**-0.5,
            key[:, :end],
            preferred_element_type=jnp.float32,
        )
        visible = jnp.arange(end)[None] <= jnp.arange(begin, end)[:, None]
        scores = jnp.where(visible[None], scores, -jnp.inf)
        weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
        blocks.append(jnp.einsum("nts,nsk->ntk", weights, value[:, :end]))
    out = jnp.concatenate(blocks, axis=1).reshape(batch, heads, time, size)
    return out.transpose(0, 2, 1, 3)
