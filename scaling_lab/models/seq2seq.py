"""LSTM sequence-to-sequence: one network reads a sentence, another goes on from its last state.

Sutskever, Vinyals & Le 2014: several layers of LSTM each, the source reversed, so that its first
words are near to the translation's first. The encoder hands the state of each layer to the same
layer of the decoder. A layer of width D, with x the layer below or the embedding,

    i, f, g, o = x W + h U + b;   c = sigmoid(f) c + sigmoid(i) tanh(g);   h = sigmoid(o) tanh(c)

where x W is one product for all tokens. Padding of the source leaves the state as it is. Per token
of either sentence and forward pass 8 depth D^2 multiply-adds, and D V of the head per target token.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from ..counting import Cost, nearest
from ..data import Spec
from ..errors import LabError
from ..registry import register
from ..text.pairs import PAD
from .linear import Linear, product, scaled_normal

STEP = 8  # widths are multiples of it
UNROLL = 4  # time steps of one turn of the loop


class State(NamedTuple):
    """cell_BD and hidden_BD of one layer."""

    cell: jax.Array
    hidden: jax.Array


class Layer(nn.Module):
    """x_BTD, state -> hidden_BTD and the state after it. Where known_BT is false, it is kept."""

    width: int

    @nn.compact
    def __call__(
        self, x_BTD: jax.Array, state: State, known_BT: jax.Array | None = None
    ) -> tuple[jax.Array, State]:
        width = self.width
        kernel = self.param("kernel", scaled_normal(1.0), (width, 4 * width))
        bias = self.param("bias", _remembering, (4 * width,))
        given_BTF = Linear(4 * width, name="input")(x_BTD) + bias[None, None]

        def step(old: State, now: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
            given_BF, known_B = now
            gates = jnp.split(given_BF + old.hidden @ kernel, 4, axis=-1)
            enter, keep, out = (nn.sigmoid(gates[i]) for i in (0, 1, 3))
            cell = keep * old.cell + enter * jnp.tanh(gates[2])
            new = State(cell, out * jnp.tanh(cell))
            if known_BT is not None:
                new = jax.tree.map(lambda a, b: jnp.where(known_B[:, None], a, b), new, old)
            return new, new.hidden

        known = jnp.ones(x_BTD.shape[:2], bool) if known_BT is None else known_BT
        state, hidden_TBD = jax.lax.scan(
            step, state, (given_BTF.swapaxes(0, 1), known.T), unroll=UNROLL
        )
        return hidden_TBD.swapaxes(0, 1), state


class Network(nn.Module):
    """source_BS, target_BT -> logits_BTV of the token after each of the target."""

    model: Seq2Seq
    outputs: int

    def setup(self) -> None:
        model = self.model
        # Of deviation 1 / sqrt(width), for the tied head, and scaled up where it enters.
        table = nn.initializers.normal(model.width**-0.5)
        self.embedding = nn.Embed(self.outputs, model.width, embedding_init=table)
        self.encoder = [Layer(model.width) for _ in range(model.depth)]
        self.decoder = [Layer(model.width) for _ in range(model.depth)]
        if not model.tied:
            self.head = Linear(self.outputs)

    def __call__(self, source_BS: jax.Array, target_BT: jax.Array) -> jax.Array:
        return self.extend(target_BT, self.encode(source_BS, target_BT.shape[1]))[0]

    def encode(self, source_BS: jax.Array, length: int) -> list[State]:
        """The states that hold sources, of each layer; they have room for any length."""
        reversed_BS = source_BS[:, ::-1]
        hidden, known_BS, states = self._embedded(reversed_BS), reversed_BS != PAD, []
        zeros = jnp.zeros((len(source_BS), self.model.width), hidden.dtype)
        for layer in self.encoder:
            hidden, state = layer(hidden, State(zeros, zeros), known_BS)
            states.append(state)
        return states

    def extend(self, ids_BT: jax.Array, cache: list[State]) -> tuple[jax.Array, list[State]]:
        """logits_BTV of tokens that come after what the states hold, and the states after them."""
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
    """`depth` layers of `width` that read, and as many that write; embeddings as wide.

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


def _remembering(key: jax.Array, shape: tuple[int], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Biases of 1 on the gate that keeps (Jozefowicz et al. 2015, section 2.2), 0 on the others."""
    quarter = shape[0] // 4
    return jnp.zeros(shape, dtype).at[quarter : 2 * quarter].set(1.0)
