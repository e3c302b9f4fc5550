"""Minimum-norm interpolant on the circle, in the space of the kernel cosh(pi - |x|).

The kernel is the Green's function of 1 - d^2/dx^2 on a circle of circumference 2 pi, Laplace's
kernel made periodic. Its interpolant depends on the nearest point on each side alone: between
points a gap g apart, at a distance r from the first,

    f(x) = [f_left sinh(g - r) + f_right sinh(r)] / sinh(g)
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from ..counting import Cost
from ..data import Spec
from ..errors import LabError
from ..registry import register

CIRCUMFERENCE = 2 * jnp.pi
EMPTY = -1.0  # the place of a point that is not there


class Neighbours(NamedTuple):
    """The points on both sides of a place: their indices, and the distances to them."""

    left: jax.Array
    right: jax.Array
    before: jax.Array
    after: jax.Array


def neighbours(x: jax.Array, points_P: jax.Array) -> Neighbours:
    """The neighbours of one place among the points that are there, at least one."""
    there_P = points_P >= 0
    before_P = jnp.where(there_P, (x - points_P) % CIRCUMFERENCE, jnp.inf)
    after_P = jnp.where(there_P, (points_P - x) % CIRCUMFERENCE, jnp.inf)
    left, right = jnp.argmin(before_P), jnp.argmin(after_P)
    return Neighbours(left, right, before_P[left], after_P[right])


def interpolate(x: jax.Array, points_P: jax.Array, values_PV: jax.Array) -> jax.Array:
    """The interpolant at one place, (V,)."""
    near = neighbours(x, points_P)
    across = jnp.maximum(jnp.sinh(near.before + near.after), jnp.finfo(jnp.float32).tiny)
    left_V = values_PV[near.left] * jnp.sinh(near.after)
    return (left_V + values_PV[near.right] * jnp.sinh(near.before)) / across


class Network(nn.Module):
    """x_B -> f_BV."""

    points: int
    outputs: int

    @nn.compact
    def __call__(self, x_B: jax.Array) -> jax.Array:
        places = nn.initializers.uniform(CIRCUMFERENCE)
        points_P = self.param("points", places, (self.points,))
        values_PV = self.param(
            "embedding", nn.initializers.normal(1.0), (self.points, self.outputs)
        )
        return jax.vmap(lambda x: interpolate(x, points_P, values_PV))(x_B)


@register("model", "circle_spline")
@dataclass(frozen=True, kw_only=True)
class CircleSpline:
    """Room for `points` points of the circle and the values at them."""

    points: int = 256

    reads: ClassVar[str] = "circle"

    def __post_init__(self):
        if self.points < 1:
            raise LabError(f"circle_spline has {self.points} points; give 1 or more")

    def network(self, outputs: int) -> nn.Module:
        return Network(self.points, outputs)

    def cost(self, spec: Spec) -> Cost:
        """A look-up among points costs nothing."""
        N = {"embedding": self.points * spec.outputs, "matmul": 0, "head": 0, "other": self.points}
        return Cost(N=N, forward={})

    def sized(self, n: float, spec: Spec) -> CircleSpline:
        """The number of points that brings it nearest to n parameters."""
        return dataclasses.replace(self, points=max(1, round(n / (1 + spec.outputs))))
