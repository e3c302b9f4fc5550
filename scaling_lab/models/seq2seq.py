"""LSTM sequence-to-sequence: an encoder reads a sentence, a decoder continues from its last state.

Sutskever, Vinyals & Le 2014: both have several layers, and the source is reversed, so that its
first words are near the first of the translation. The state of each encoder layer initialises the
same layer of the decoder. Both languages share one embedding table, by default also the head.
Padding of the source leaves the state unchanged. Per pair of S and T tokens and forward pass, in
multiply-adds of 2 FLOP,

    matmul 8 depth width^2 (S + T)     head T width V                         (embedding: 0)

counted over padded sentences, as the program computes them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
from flax import linen as nn

from ..counting import Cost, nearest
from ..data import Spec
from ..errors import LabError
from ..layers import recurrent
from ..layers.linear import Linear, product
from ..registry import register
from ..text.pairs import PAD

STEP = 8  # widths are multiples of it


class Network(nn.Module):
    """source_BS, target_BT -> logits_BTV of the token after each of the target."""

    model: Seq2Seq
    outputs: int

    def setup(self) -> None:
        model = self.model
        # Standard deviation 1 / sqrt(width) for the tied head; scaled up at the input.
        table = nn.initializers.normal(model.width**-0.5)
        self.embedding = nn.Embed(self.outputs, model.width, embedding_init=table)
        self.encoder = [recurrent.LSTM(model.width) for _ in range(model.depth)]
        self.decoder = [recurrent.LSTM(model.width) for _ in range(model.depth)]
        if not model.tied:
            self.head = Linear(self.outputs)

    def __call__(self, source_BS: jax.Array, target_BT: jax.Array) -> jax.Array:
        return self.extend(target_BT, self.encode(source_BS, target_BT.shape[1]))[0]

    def encode(self, source_BS: jax.Array, length: int) -> list[recurrent.State]:
        """The encoder's last states, by layer; their size does not depend on `length`."""
        hidden, known_BS, states = self._embedded(source_BS)[:, ::-1], source_BS[:, ::-1] != PAD, []
        for layer in self.encoder:
            hidden, state = layer(hidden, known_BT=known_BS)
            states.append(state)
        return states

    def extend(
        self, ids_BT: jax.Array, cache: list[recurrent.State]
    ) -> tuple[jax.Array, list[recurrent.State]]:
        """logits_BTV of tokens that follow those in the states, and the states after them."""
        hidden, kept = self._embedded(ids_BT), []
        for layer, state in zip(self.decoder, cache, strict=True):
            hidden, state = layer(hidden, state)
            kept.append(state)
        if self.model.tied:
            return product(hidden, self.embedding.embedding.T), kept
        return self.head(hidden), kept

    def _embedded(self, ids_BT: jax.Array) -> jax.Array:
        return self.embedding(ids_BT) * self.model.width**0.5


@register("model", "seq2seq")
@dataclass(frozen=True, kw_only=True)
class Seq2Seq:
    """`depth` encoder layers of `width`, as many decoder layers, and embeddings of that width.

    tied: the head is the embedding of both languages. `sized` keeps the depth.
    """

    width: int = 64
    depth: int = 2
    tied: bool = True

    reads: ClassVar[str] = "pairs"

    def __post_init__(self):
        if self.width < STEP or self.width % STEP or self.depth < 1:
            raise LabError(
                f"Seq2Seq of width {self.width}, depth {self.depth}; give a width that is a "
                f"multiple of {STEP} and 1 layer or more"
            )

    def network(self, outputs: int) -> Network:
        return Network(self, outputs)

    def cost(self, spec: Spec) -> Cost:
        width, (time,) = self.width, spec.shape
        table = width * spec.outputs
        weights = 2 * self.depth * 8 * width**2
        return Cost(
            N={
                "embedding": table,
                "matmul": weights,
                "head": 0 if self.tied else table,
                "other": 2 * self.depth * 4 * width,
            },
            forward={"matmul": 2.0 * time * weights, "head": 2.0 * time * table},
        )

    def sized(self, n: float, spec: Spec) -> Seq2Seq:
        """The member of this depth nearest to n parameters."""

        def member(units: int) -> Seq2Seq:
            return dataclasses.replace(self, width=units * STEP)

        return member(nearest(lambda units: member(units).cost(spec).parameters, n, 1 << 12))
