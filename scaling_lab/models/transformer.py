"""Transformer decoder in its current standard form: a causal language model.

    h += Attention(norm(h));   h += FeedForward(norm(h));   logits = head(norm(h))

RMSNorm before each part (Zhang & Sennrich 2019), rotary positions (Su 2021), GELU or SwiGLU
(Shazeer 2020), no biases. Matrices are initialised with deviation 1 / sqrt(inputs), those that
write into the residual stream with 1 / sqrt(2 depth) of that (Radford 2019). Per token and forward
pass, in multiply-adds of 2 FLOP,

    matmul 12 depth width^2   attention 2 depth T width   head width V        (embedding: 0)

where attention counts the whole T x T square, as in Hoffmann 2022, appendix F, and Chowdhery 2022,
appendix B: 6 N + 12 depth T width FLOP of training a token. Causal attention needs half of it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from .. import parametrization
from ..counting import Cost, nearest
from ..data import Spec
from ..errors import LabError, unknown
from ..layers import attention
from ..layers.attention import SelfAttention
from ..layers.linear import Linear, product
from ..parametrization import STANDARD, Multipliers, hidden, vector
from ..protocols import Tree
from ..recipe import added
from ..registry import register

ACTIVATIONS = ("gelu", "swiglu")
STEP = 8  # widths are multiples of it
WIDE = 64  # `sized` gives multiples of it from 4 WIDE on, for a GPU's matrix units


class FeedForward(nn.Module):
    """hidden_BTD -> hidden_BTD through `inner` hidden units."""

    inner: int
    activation: str
    gain: float

    @nn.compact
    def __call__(self, hidden_BTD: jax.Array) -> jax.Array:
        if self.activation == "swiglu":
            joined = Linear(2 * self.inner, name="gate_up")(hidden_BTD)
            gate, up = jnp.split(joined, 2, axis=-1)
            inner_BTF = nn.silu(gate) * up
        else:
            inner_BTF = nn.gelu(Linear(self.inner, name="up")(hidden_BTD))
        return Linear(hidden_BTD.shape[-1], self.gain, name="down")(inner_BTF)


class Block(nn.Module):
    """hidden_BTD -> hidden_BTD and, if there is one, the cache extended by these tokens."""

    model: Transformer

    @nn.compact
    def __call__(self, hidden_BTD: jax.Array, cache: Tree = None) -> tuple[jax.Array, Tree]:
        model = self.model
        attend = SelfAttention(
            model.heads,
            qk_norm=model.qk_norm,
            gain=model.gain,
            score=model.score,
            name="attention",
        )
        added, cache = attend(nn.RMSNorm(name="attention_norm")(hidden_BTD), cache)
        hidden_BTD = hidden_BTD + added
        forward = FeedForward(model.inner, model.activation, model.gain, name="feed_forward")
        normed = nn.RMSNorm(name="feed_forward_norm")(hidden_BTD)
        return hidden_BTD + forward(normed), cache


class Network(nn.Module):
    """ids_BT -> logits_BTV of the token after each."""

    model: Transformer
    outputs: int

    def setup(self) -> None:
        model = self.model
        # Standard deviation 1 / sqrt(width) for the tied head; scaled up at the input.
        table = nn.initializers.normal(model.unit_width**-0.5)
        self.embedding = nn.Embed(self.outputs, model.width, embedding_init=table)
        block = nn.remat(Block) if model.remat else Block
        if model.scan:
            kind = nn.scan(
                block,
                variable_axes={"params": 0},
                split_rngs={"params": True},
                in_axes=1,
                out_axes=1,
                length=model.depth,
            )
            self.loop = kind(model)
        else:
            self.blocks = [block(model) for _ in range(model.depth)]
        self.norm = nn.RMSNorm()
        if not model.tied:
            self.head = Linear(self.outputs, model.readout.initial)

    def __call__(self, ids_BT: jax.Array) -> jax.Array:
        return self.extend(ids_BT, None)[0]

    def extend(self, ids_BT: jax.Array, cache: Tree) -> tuple[jax.Array, Tree]:
        """logits_BTV of tokens that follow those in the cache, and the extended cache."""
        hidden = self.embedding(ids_BT) * self.model.unit_width**0.5
        if self.model.scan:
            hidden, cache = self.loop(hidden, cache)
        else:
            caches = [None] * self.model.depth if cache is None else cache
            kept = []
            for block, old in zip(self.blocks, caches, strict=True):
                hidden, new = block(hidden, old)
                kept.append(new)
            cache = None if cache is None else kept
        hidden = self.norm(hidden)
        if self.model.readout.output != 1:
            hidden = hidden * self.model.readout.output
        if self.model.tied:
            return product(hidden, self.embedding.embedding.T), cache
        return self.head(hidden), cache

    def empty(self, batch: int, length: int, dtype: jnp.dtype = jnp.float32) -> Tree:
        """An empty cache with room for `length` tokens; B is the first axis of every leaf."""
        model = self.model
        one = attention.empty(batch, length, model.heads, model.width // model.heads, dtype)
        if not model.scan:
            return [one] * model.depth
        return jax.tree.map(lambda leaf: jnp.stack([leaf] * model.depth, axis=1), one)


@register("model", "transformer")
@dataclass(frozen=True, kw_only=True)
class Transformer:
    """`depth` blocks of `width`.

    head_size: wanted size of a head; see `heads`. activation: "swiglu", or "gelu" with four times
    the width. tied: the head is the embedding. qk_norm: RMSNorm of queries and keys.
    aspect: width / depth that `sized` aims at; 0 to keep the depth. scan: blocks in a `lax.scan`,
    which compiles faster. remat: recompute blocks in the backward pass, to save memory.
    parametrization: "standard", or "mup", under which the best learning rate does not depend on the
    width and is that of the standard one at `base_width` (see `parametrization`).
    """

    width: int = 64
    depth: int = 2
    head_size: int = 32
    activation: str = "swiglu"
    tied: bool = False
    qk_norm: bool = False
    aspect: float = 32.0
    scan: bool = False
    remat: bool = False
    parametrization: str = added(STANDARD)
    base_width: int = added(64)

    reads: ClassVar[str] = "tokens"

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.width < STEP or self.width % STEP or self.depth < 1:
            raise LabError(
                f"Transformer of width {self.width}, depth {self.depth}; give a width that is a "
                f"multiple of {STEP} and 1 block or more"
            )
        if self.head_size < 2 or self.aspect < 0:
            raise LabError(
                f"Transformer of head_size {self.head_size}, aspect {self.aspect}; "
                "give a head_size of 2 or more and an aspect above 0, or 0"
            )
        parametrization.check(self)

    @property
    def heads(self) -> int:
        """The number of heads for which their size is a multiple of STEP nearest to head_size."""
        units = self.width // STEP
        found = [heads for heads in range(1, units + 1) if units % heads == 0]
        return min(found, key=lambda heads: abs(math.log(self.width / heads / self.head_size)))

    @property
    def inner(self) -> int:
        """Hidden units of a feed-forward layer, so that SwiGLU has as many weights as GELU."""
        if self.activation == "gelu":
            return 4 * self.width
        return max(STEP, round(8 * self.width / 3 / STEP) * STEP)

    @property
    def gain(self) -> float:
        """Initial scale of the 2 depth matrices that write into the residual stream."""
        return (2 * self.depth) ** -0.5

    @property
    def unit_width(self) -> int:
        """The width whose root divides the embedding and multiplies it again at the input."""
        return self.width if self.parametrization == STANDARD else self.base_width

    @property
    def readout(self) -> Multipliers:
        """Multipliers of the head, which may be the embedding."""
        return parametrization.readout(self.width / self.unit_width)

    @property
    def score(self) -> float:
        """Factor on the scores of attention: they are divided by the head's size, not its root."""
        if self.parametrization == STANDARD:
            return 1.0
        return (self.heads / self.width * self._base.width / self._base.heads) ** 0.5

    @property
    def multipliers(self) -> dict[str, Multipliers]:
        """Path -> multipliers; empty under the standard parametrisation."""
        if self.parametrization == STANDARD:
            return {}
        ratio = self.width / self.base_width
        # A head is as large as queries and keys; its gains serve all heads.
        gain = vector(1 / self.score**2)
        # The standard one has a factor of sqrt(width) at the input, which muP has not.
        embedding = replace(self.readout, output=ratio**-0.5)
        return {
            "embedding/embedding": embedding,
            "head/kernel": self.readout,
            "*/query_norm/scale": gain,
            "*/key_norm/scale": gain,
            "*norm/scale": vector(ratio),
            "*/down/kernel": hidden(self.inner / self._base.inner),
            "*/kernel": hidden(ratio),
        }

    @cached_property
    def _base(self) -> Transformer:
        return parametrization.based(self)

    def network(self, outputs: int) -> Network:
        return Network(self, outputs)

    def cost(self, spec: Spec) -> Cost:
        width, (time,) = self.width, spec.shape
        table = width * spec.outputs
        matrices = 3 if self.activation == "swiglu" else 2
        weights = self.depth * (4 * width**2 + matrices * width * self.inner)
        norms = (2 * self.depth + 1) * width
        if self.qk_norm:
            norms += 2 * self.depth * width // self.heads
        return Cost(
            N={
                "embedding": table,
                "matmul": weights,
                "head": 0 if self.tied else table,
                "other": norms,
            },
            forward={
                "matmul": 2.0 * time * weights,
                "attention": 4.0 * self.depth * time**2 * width,
                "head": 2.0 * time * table,
            },
        )

    def sized(self, n: float, spec: Spec) -> Transformer:
        """The member nearest to n parameters, of width / depth near `aspect`."""
        return nearest_shape(self, n, spec)


class Shaped(Protocol):
    """A family of `depth` blocks of `width`, with `aspect` the wanted width / depth."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def aspect(self) -> float: ...
    @property
    def width(self) -> int: ...
    @property
    def depth(self) -> int: ...
    def cost(self, spec: Spec) -> Cost: ...


S = TypeVar("S", bound=Shaped)


def nearest_shape(model: S, n: float, spec: Spec) -> S:
    """The member nearest to n parameters, of width / depth near `model.aspect` unless that is 0."""

    def member(depth: int, units: int) -> S:
        width = units * STEP
        if width >= 4 * WIDE:
            width = round(width / WIDE) * WIDE
        return dataclasses.replace(model, depth=depth, width=width)

    def count(made: S) -> int:
        return made.cost(spec).parameters

    def of_depth(depth: int) -> S:
        return member(depth, nearest(lambda units: count(member(depth, units)), n, 1 << 12))

    def distance(made: S) -> float:
        """Nearness to n weighs most: the loss hardly depends on the shape (Kaplan 2020)."""
        shape = abs(math.log(made.width / made.depth / model.aspect))
        return 4 * abs(math.log(count(made) / n)) + shape

    if not model.aspect:
        return of_depth(model.depth)
    return min(map(of_depth, range(1, 129)), key=distance)
