"""Linear model of the first coordinates: f(x) = sum_{j <= N} theta_j x_j."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from ..counting import Cost, dense
from ..data import Spec
from ..errors import LabError
from ..registry import register


class Network(nn.Module):
    """x_B... -> f_BV."""

    width: int
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x_BD = x.reshape(x.shape[0], -1)[:, : self.width]
        x_BD = jnp.pad(x_BD, ((0, 0), (0, self.width - x_BD.shape[1])))
        return nn.Dense(self.outputs, use_bias=False, name="head")(x_BD)


@register("model", "top_features")
@dataclass(frozen=True, kw_only=True)
class TopFeatures:
    """The first `width` coordinates, in the order of the data; coordinates that x lacks are 0."""

    width: int = 64

    linear: ClassVar[bool] = True

    def __post_init__(self):
        if self.width < 1:
            raise LabError(f"top_features has width {self.width}; give 1 or more")

    def network(self, outputs: int) -> nn.Module:
        return Network(self.width, outputs)

    def cost(self, spec: Spec) -> Cost:
        flop = dense(self.width, spec.outputs)
        return Cost(
            N={"embedding": 0, "matmul": 0, "head": self.width * spec.outputs, "other": 0},
            forward={"head": float(flop)},
            input_gradient=flop,
        )

    def sized(self, n: float, spec: Spec) -> TopFeatures:
        """The width that brings it nearest to n parameters."""
        return dataclasses.replace(self, width=max(1, round(n / spec.outputs)))
