"""Multi-layer perceptron: ReLU[W x + b], layer after layer, then a linear head."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from math import prod

import jax
from flax import linen as nn

from .. import parametrization
from ..counting import Cost, dense, nearest
from ..data import Spec
from ..errors import LabError, unknown
from ..parametrization import FIXED, STANDARD, Multipliers, hidden, readout, vector
from ..recipe import added
from ..registry import register

ACTIVATIONS = {"relu": nn.relu, "gelu": nn.gelu, "tanh": nn.tanh, "linear": lambda x: x}


class Network(nn.Module):
    """x_B... -> logits_BV."""

    model: MLP
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        model = self.model
        hidden_BD = x.reshape(x.shape[0], -1)
        dense = nn.remat(nn.Dense) if model.remat else nn.Dense
        for i in range(model.depth):
            hidden_BD = dense(model.width, use_bias=model.bias, name=f"layer_{i}")(hidden_BD)
            hidden_BD = ACTIVATIONS[model.activation](hidden_BD)
        factors = model.multipliers.get("head/kernel", FIXED)
        if factors.output != 1:
            hidden_BD = hidden_BD * factors.output  # not of the product: the bias is not scaled
        kernel = nn.initializers.variance_scaling(factors.initial**2, "fan_in", "truncated_normal")
        head = nn.Dense(self.outputs, use_bias=model.bias, kernel_init=kernel, name="head")
        return head(hidden_BD)


@register("model", "mlp")
@dataclass(frozen=True, kw_only=True)
class MLP:
    """`depth` hidden layers of `width` units. remat: recompute activations in the backward pass.

    parametrization: "standard", or "mup", under which the best learning rate does not depend on the
    width and is that of the standard one at `base_width` (see `parametrization`).
    """

    width: int = 128
    depth: int = 2
    activation: str = "relu"
    bias: bool = True
    remat: bool = False
    parametrization: str = added(STANDARD)
    base_width: int = added(64)

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.width < 1 or self.depth < 0:
            raise LabError(
                f"MLP of width {self.width}, depth {self.depth}; give a width >= 1 and a depth >= 0"
            )
        parametrization.check(self)

    @property
    def multipliers(self) -> dict[str, Multipliers]:
        """Path -> multipliers; empty under the standard parametrisation."""
        if self.parametrization == STANDARD:
            return {}
        ratio = self.width / self.base_width if self.depth else 1.0
        return {
            "head/kernel": readout(ratio),
            "head/bias": FIXED,
            "layer_0/kernel": vector(ratio),
            "layer_*/bias": vector(ratio),
            "layer_*/kernel": hidden(ratio),
        }

    def network(self, outputs: int) -> nn.Module:
        return Network(self, outputs)

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
