"""Multi-layer perceptron: ReLU[W x + b], layer after layer, then a linear head."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from math import prod

import jax
from flax import linen as nn

from ..counting import Cost, dense, nearest
from ..data import Spec
from ..errors import LabError, unknown
from ..registry import register

ACTIVATIONS = {"relu": nn.relu, "gelu": nn.gelu, "tanh": nn.tanh, "linear": lambda x: x}


class Network(nn.Module):
    """x_B... -> logits_BV."""

    width: int
    depth: int
    activation: str
    bias: bool
    remat: bool
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        hidden_BD = x.reshape(x.shape[0], -1)
        dense = nn.remat(nn.Dense) if self.remat else nn.Dense
        for i in range(self.depth):
            hidden_BD = dense(self.width, use_bias=self.bias, name=f"layer_{i}")(hidden_BD)
            hidden_BD = ACTIVATIONS[self.activation](hidden_BD)
        return nn.Dense(self.outputs, use_bias=self.bias, name="head")(hidden_BD)


@register("model", "mlp")
@dataclass(frozen=True, kw_only=True)
class MLP:
    """`depth` hidden layers of `width` units. remat: recompute activations in the backward pass."""

    width: int = 128
    depth: int = 2
    activation: str = "relu"
    bias: bool = True
    remat: bool = False

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.width < 1 or self.depth < 0:
            raise LabError(
                f"MLP of width {self.width}, depth {self.depth}; give a width >= 1 and a depth >= 0"
            )

    def network(self, outputs: int) -> nn.Module:
        return Network(self.width, self.depth, self.activation, self.bias, self.remat, outputs)

    def cost(self, spec: Spec) -> Cost:
        widths = [prod(spec.shape), *[self.width] * self.depth]
        hidden = sum(a * b for a, b in itertools.pairwise(widths))
        head = widths[-1] * spec.outputs
        other = (self.depth * self.width + spec.outputs) if self.bias else 0
        first = widths[1] if self.depth else spec.outputs
        return Cost(
            N={"embedding": 0, "matmul": hidden, "head": head, "other": other},
            forward={"matmul": 2.0 * hidden, "head": 2.0 * head},
            input_gradient=dense(widths[0], first),
        )

    def sized(self, n: float, spec: Spec) -> MLP:
        """The width that brings this depth nearest to n parameters."""

        def member(width: int) -> MLP:
            return dataclasses.replace(self, width=width)

        return member(nearest(lambda width: member(width).cost(spec).parameters, n))
