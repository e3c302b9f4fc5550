"""Linear model of random features: f(x) = <theta, W'x>, W fixed with entries Normal(0, 1 / N).

The features of Maloney, Roberts & Sully 2022 and of Paquette et al. 2024, without a nonlinearity.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from .. import populations
from ..counting import Cost, dense
from ..data import Spec
from ..errors import LabError
from ..registry import register


class Network(nn.Module):
    """x_B... -> f_BV."""

    width: int
    draw: int
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x_BD = x.reshape(x.shape[0], -1)
        features_DF = populations.gaussian_features(x_BD.shape[1], self.width, self.draw)
        hidden_BF = x_BD @ jnp.asarray(features_DF, x_BD.dtype)
        return nn.Dense(self.outputs, use_bias=False, name="head")(hidden_BF)


@register("model", "random_features")
@dataclass(frozen=True, kw_only=True)
class RandomFeatures:
    """`width` features of all coordinates. draw: seed of W, which a theory needs as well."""

    width: int = 64
    draw: int = 0

    linear: ClassVar[bool] = True

    def __post_init__(self):
        if self.width < 1 or self.draw < 0:
            raise LabError(
                f"random_features has width {self.width}, draw {self.draw}; give a width of 1 or "
                "more and a draw of 0 or more"
            )

    def network(self, outputs: int) -> nn.Module:
        return Network(self.width, self.draw, outputs)

    def cost(self, spec: Spec) -> Cost:
        features, head = dense(prod(spec.shape), self.width), dense(self.width, spec.outputs)
        return Cost(
            N={"embedding": 0, "matmul": 0, "head": self.width * spec.outputs, "other": 0},
            forward={"matmul": float(features), "head": float(head)},
            # W is not trained, so nothing is propagated back to it or through it.
            input_gradient=2.0 * features + head,
        )

    def sized(self, n: float, spec: Spec) -> RandomFeatures:
        """The width that brings it nearest to n parameters."""
        return dataclasses.replace(self, width=max(1, round(n / spec.outputs)))
