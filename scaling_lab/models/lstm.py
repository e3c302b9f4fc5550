"""LSTM language model: the next token from a state of fixed size.

    h_0 = embedding;   h_l = LSTM_l(h_{l-1});   logits = head(h_depth)

as in Jozefowicz 2016 (Exploring the Limits of Language Modeling): the embedding and all layers have
one width, that of the projection if there is one. FLOP per token and forward pass:

    matmul 2 depth (8 width units + width units if projected)    head 2 width V    (embedding: 0)

since inputs and state are each multiplied by 4 units columns. Elementwise work on gates and cells,
of the order of units, is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from ..counting import Cost, nearest
from ..data import Spec
from ..errors import LabError
from ..layers import recurrent
from ..layers.linear import Linear
from ..registry import register

STEP = 8  # from 8 STEP units on, `sized` gives multiples of it


class Network(nn.Module):
    """ids_BT -> logits_BTV of the token after each."""

    model: LSTM
    outputs: int

    def setup(self) -> None:
        model = self.model
        # Standard deviation 1, as outputs of a layer are of the order of 1.
        self.embedding = nn.Embed(
            self.outputs, model.width, embedding_init=nn.initializers.normal(1.0)
        )
        self.layers = [
            recurrent.LSTM(model.units, model.projection, model.truncation)
            for _ in range(model.depth)
        ]
        self.head = Linear(self.outputs)

    def __call__(self, ids_BT: jax.Array) -> jax.Array:
        return self.extend(ids_BT, [None] * self.model.depth)[0]

    def extend(
        self, ids_BT: jax.Array, cache: Sequence[recurrent.State | None]
    ) -> tuple[jax.Array, list[recurrent.State]]:
        """logits_BTV of tokens that follow those in the cache, and the extended cache."""
        hidden, kept = self.embedding(ids_BT), []
        for layer, state in zip(self.layers, cache, strict=True):
            hidden, state = layer(hidden, state)
            kept.append(state)
        return self.head(hidden), kept

    def empty(
        self, batch: int, length: int, dtype: jnp.dtype = jnp.float32
    ) -> list[recurrent.State]:
        """Initial states; their size does not depend on `length`."""
        del length
        model = self.model
        return [recurrent.empty(batch, model.units, model.projection, dtype)] * model.depth


@register("model", "lstm")
@dataclass(frozen=True, kw_only=True)
class LSTM:
    """`depth` layers of `units`.

    projection: width of a layer's output and of the embedding; 0 for no projection.
    truncation: most tokens that back-propagation goes through; 0 for the whole context.
    """

    units: int = 64
    depth: int = 1
    projection: int = 0
    truncation: int = 0

    reads: ClassVar[str] = "tokens"

    def __post_init__(self):
        if self.units < 1 or self.depth < 1 or self.projection < 0 or self.truncation < 0:
            raise LabError(
                f"LSTM of {self.units} units, depth {self.depth}, projection {self.projection}, "
                f"truncation {self.truncation}; give 1 unit and 1 layer or more, the others >= 0"
            )

    @property
    def width(self) -> int:
        """Width of the embedding and of each layer's output."""
        return self.projection or self.units

    def network(self, outputs: int) -> Network:
        return Network(self, outputs)

    def cost(self, spec: Spec) -> Cost:
        (time,) = spec.shape
        table = self.width * spec.outputs
        weights = self.depth * (8 * self.width + self.projection) * self.units
        return Cost(
            N={
                "embedding": table,
                "matmul": weights,
                "head": table,
                "other": 4 * self.units * self.depth,
            },
            forward={"matmul": 2.0 * time * weights, "head": 2.0 * time * table},
        )

    def sized(self, n: float, spec: Spec) -> LSTM:
        """The member nearest to n parameters, of this depth and ratio of projection to units."""

        def member(units: int) -> LSTM:
            if units >= 8 * STEP:
                units = round(units / STEP) * STEP
            projection = max(1, round(units * self.projection / self.units))
            return dataclasses.replace(
                self, units=units, projection=projection if self.projection else 0
            )

        units = nearest(lambda units: member(units).cost(spec).parameters, n, 1 << 16)
        return member(units)
