"""Transformer encoder-decoder: from a sentence to its translation.

    encoder   h += Attention(norm(h));  h += FeedForward(norm(h));  e = norm(h)
    decoder   h += Attention(norm(h));  h += Cross(norm(h), e);  h += FeedForward(norm(h))
    logits = head(norm(h))

Vaswani et al. 2017 with the blocks of `transformer`: RMSNorm before each part, rotary positions in
self-attention (none in cross-attention), GELU or SwiGLU, no biases. Both languages share one
embedding table, which by default is the head too (their section 3.4). Padding of the source is
masked. Per pair of S and T tokens and forward pass, in multiply-adds of 2 FLOP,

    matmul     depth width^2 (S (4 + F) + T (6 + F) + 2 S),   F = 8 for both activations
    attention  2 depth width (S^2 + T^2 + S T)     head T width V             (embedding: 0)

counted over padded sentences, as the program computes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from ..counting import Cost
from ..data import Spec
from ..layers import attention
from ..layers.attention import SelfAttention
from ..layers.linear import Linear, product
from ..registry import register
from ..text.pairs import PAD
from .transformer import FeedForward, Transformer, nearest_shape


class Memory(NamedTuple):
    """What a decoder block attends to: key_BSHK and value_BSHK of the source, and the cache of the
    target, None where the whole target is given at once.
    """

    key: jax.Array
    value: jax.Array
    target: attention.Cache | None


class Cache(NamedTuple):
    """known_BS, False at padding of the source; and the memory of each block."""

    known: jax.Array
    blocks: list[Memory]


class CrossAttention(nn.Module):
    """hidden_BTD, key_BSHK, value_BSHK -> hidden_BTD, over the source where known_BS is True."""

    model: EncoderDecoder

    def setup(self) -> None:
        width = self.model.width
        self.query = Linear(width)
        self.key_value = Linear(2 * width)
        self.out = Linear(width, self.model.decoder_gain)

    def remember(self, encoded_BSD: jax.Array) -> tuple[jax.Array, jax.Array]:
        """key_BSHK and value_BSHK of an encoded source."""
        key, value = map(self._heads, jnp.split(self.key_value(encoded_BSD), 2, axis=-1))
        return key, value

    def __call__(
        self, hidden_BTD: jax.Array, key: jax.Array, value: jax.Array, known_BS: jax.Array
    ) -> jax.Array:
        out_BTHK = attention.among(self._heads(self.query(hidden_BTD)), key, value, known_BS)
        return self.out(out_BTHK.reshape(hidden_BTD.shape))

    def _heads(self, x_BTD: jax.Array) -> jax.Array:
        return x_BTD.reshape(*x_BTD.shape[:2], self.model.block.heads, -1)


class EncoderBlock(nn.Module):
    """hidden_BSD -> hidden_BSD."""

    model: EncoderDecoder

    @nn.compact
    def __call__(self, hidden_BSD: jax.Array, known_BS: jax.Array) -> jax.Array:
        block = self.model.block
        attend = SelfAttention(block.heads, causal=False, gain=block.gain, name="attention")
        normed = nn.RMSNorm(name="attention_norm")(hidden_BSD)
        hidden_BSD = hidden_BSD + attend(normed, known_BT=known_BS)[0]
        forward = FeedForward(block.inner, block.activation, block.gain, name="feed_forward")
        return hidden_BSD + forward(nn.RMSNorm(name="feed_forward_norm")(hidden_BSD))


class DecoderBlock(nn.Module):
    """hidden_BTD -> hidden_BTD, and the memory extended by these tokens."""

    model: EncoderDecoder

    def setup(self) -> None:
        block, gain = self.model.block, self.model.decoder_gain
        self.attention_norm = nn.RMSNorm()
        self.attention = SelfAttention(block.heads, gain=gain)
        self.cross_norm = nn.RMSNorm()
        self.cross = CrossAttention(self.model)
        self.feed_forward_norm = nn.RMSNorm()
        self.feed_forward = FeedForward(block.inner, block.activation, gain)

    def remember(self, encoded_BSD: jax.Array, target: attention.Cache | None) -> Memory:
        """The memory of an encoded source and of its translation so far."""
        return Memory(*self.cross.remember(encoded_BSD), target)

    def __call__(
        self, hidden_BTD: jax.Array, memory: Memory, known_BS: jax.Array
    ) -> tuple[jax.Array, Memory]:
        added, target = self.attention(self.attention_norm(hidden_BTD), memory.target)
        hidden_BTD = hidden_BTD + added
        normed = self.cross_norm(hidden_BTD)
        hidden_BTD = hidden_BTD + self.cross(normed, memory.key, memory.value, known_BS)
        hidden_BTD = hidden_BTD + self.feed_forward(self.feed_forward_norm(hidden_BTD))
        return hidden_BTD, memory._replace(target=target)


class Network(nn.Module):
    """source_BS, target_BT -> logits_BTV of the token after each of the target."""

    model: EncoderDecoder
    outputs: int

    def setup(self) -> None:
        model = self.model
        # Standard deviation 1 / sqrt(width) for the tied head; scaled up at the input.
        table = nn.initializers.normal(model.width**-0.5)
        self.embedding = nn.Embed(self.outputs, model.width, embedding_init=table)
        self.encoder = [EncoderBlock(model) for _ in range(model.depth)]
        self.encoder_norm = nn.RMSNorm()
        self.decoder = [DecoderBlock(model) for _ in range(model.depth)]
        self.norm = nn.RMSNorm()
        if not model.tied:
            self.head = Linear(self.outputs)

    def __call__(self, source_BS: jax.Array, target_BT: jax.Array) -> jax.Array:
        return self.extend(target_BT, self._read(source_BS, None))[0]

    def encode(self, source_BS: jax.Array, length: int) -> Cache:
        """A cache of sources with room for `length` tokens of each translation; B is the first axis
        of every leaf.
        """
        model = self.model
        heads, dtype = model.block.heads, self.embedding.embedding.dtype
        size = model.width // heads
        return self._read(
            source_BS, attention.empty(len(source_BS), length, heads, size, jnp.dtype(dtype))
        )

    def extend(self, ids_BT: jax.Array, cache: Cache) -> tuple[jax.Array, Cache]:
        """logits_BTV of tokens that follow those in the cache, and the extended cache."""
        hidden, kept = self._embedded(ids_BT), []
        for block, old in zip(self.decoder, cache.blocks, strict=True):
            hidden, new = block(hidden, old, cache.known)
            kept.append(new)
        hidden, cache = self.norm(hidden), cache._replace(blocks=kept)
        if self.model.tied:
            return product(hidden, self.embedding.embedding.T), cache
        return self.head(hidden), cache

    def _read(self, source_BS: jax.Array, target: attention.Cache | None) -> Cache:
        hidden, known_BS = self._embedded(source_BS), source_BS != PAD
        for block in self.encoder:
            hidden = block(hidden, known_BS)
        encoded = self.encoder_norm(hidden)
        return Cache(known_BS, [block.remember(encoded, target) for block in self.decoder])

    def _embedded(self, ids_BT: jax.Array) -> jax.Array:
        return self.embedding(ids_BT) * self.model.width**0.5


@register("model", "encoder_decoder")
@dataclass(frozen=True, kw_only=True)
class EncoderDecoder:
    """`depth` encoder blocks of `width`, and as many decoder blocks.

    head_size: wanted size of a head. activation: "swiglu", or "gelu" with four times the width.
    tied: the head is the embedding. aspect: width / depth that `sized` aims at.
    """

    width: int = 64
    depth: int = 2
    head_size: int = 32
    activation: str = "swiglu"
    tied: bool = True
    aspect: float = 32.0

    reads: ClassVar[str] = "pairs"

    def __post_init__(self):
        _ = self.block  # raises LabError for impossible shapes

    @property
    def block(self) -> Transformer:
        """The decoder-only model of the same shape, for its heads and inner units."""
        return Transformer(
            width=self.width,
            depth=self.depth,
            head_size=self.head_size,
            activation=self.activation,
            aspect=self.aspect,
        )

    @property
    def decoder_gain(self) -> float:
        """Initial scale of the 3 depth matrices that write into the decoder's residual stream."""
        return (3 * self.depth) ** -0.5

    def network(self, outputs: int) -> Network:
        return Network(self, outputs)

    def cost(self, spec: Spec) -> Cost:
        width, depth, (time,) = self.width, self.depth, spec.shape
        table = width * spec.outputs
        matrices = 3 if self.activation == "swiglu" else 2
        forward = matrices * width * self.block.inner
        weights = depth * (12 * width**2 + 2 * forward)
        return Cost(
            N={
                "embedding": table,
                "matmul": weights,
                "head": 0 if self.tied else table,
                "other": (5 * depth + 2) * width,
            },
            forward={
                "matmul": 2.0 * time * weights,
                "attention": 3 * 4.0 * depth * time**2 * width,
                "head": 2.0 * time * table,
            },
        )

    def sized(self, n: float, spec: Spec) -> EncoderDecoder:
        """The member nearest to n parameters, of width / depth near `aspect`."""
        return nearest_shape(self, n, spec)
