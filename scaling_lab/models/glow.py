"""Glow (Kingma & Dhariwal 2018): an invertible map of an image to its latent, exact density.

    log p(x) = log Normal(f(x); 0, 1) + log |det df/dx|

f has `levels`: 2x2 squares move into channels, then come `steps` of activation normalisation, an
invertible 1x1 convolution and an affine coupling. After each level but the last, half the channels
leave, standardised by a normal distribution predicted from the other half.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.scipy.linalg import solve_triangular

from ..counting import Cost, convolution, dense, nearest
from ..data import Spec
from ..errors import LabError
from ..layers.convolution import KERNEL, Convolution
from ..layers.space_to_depth import squeeze, unsqueeze
from ..registry import register
from . import spaces

LOG_SCALE_RATE = 4.0  # learning-rate multiplier of log scales (3 in the paper's code)
MAX_LOG_SCALE = 3.0  # either way; with scales that only shrink, as in the paper, it learned slower

Mapped = tuple[jax.Array, jax.Array]  # x_BHWC, log_determinant_B


def zero_convolution(features: int) -> Convolution:
    """A convolution whose output is 0 at initialisation."""
    return Convolution(features, initializer=nn.initializers.zeros)


class ActNorm(nn.Module):
    """Scale and shift by channel, initialised so that the first batch has mean 0, deviation 1."""

    @nn.compact
    def __call__(self, x_BHWC: jax.Array) -> Mapped:
        axes = (0, 1, 2)
        shift = self.param("shift", lambda key: -x_BHWC.mean(axes))
        scale = self.param("scale", lambda key: -jnp.log(x_BHWC.std(axes) + 1e-6) / LOG_SCALE_RATE)
        log_scale = LOG_SCALE_RATE * scale
        out = (x_BHWC + _wide(shift)) * jnp.exp(_wide(log_scale))
        determinant = x_BHWC.shape[1] * x_BHWC.shape[2] * log_scale.sum()
        return out, jnp.broadcast_to(determinant, (len(x_BHWC),))

    def inverse(self, x_BHWC: jax.Array) -> jax.Array:
        params = self.variables["params"]
        return x_BHWC * jnp.exp(-LOG_SCALE_RATE * _wide(params["scale"])) - _wide(params["shift"])


class Mixing(nn.Module):
    """Invertible 1x1 convolution, W = P L (U + diag(sign * exp(s))), initialised as a rotation.

    L, U and s are the strict triangles and the diagonal of one matrix of parameters. The
    permutation P and the signs are constants of the rotation, which is the same in every run.
    """

    channels: int

    def setup(self) -> None:
        permutation, sign, packed = rotation(self.channels)
        self.permutation, self.sign = permutation, sign
        self.kernel = self.param("kernel", lambda key: jnp.asarray(packed))

    def __call__(self, x_BHWC: jax.Array) -> Mapped:
        lower, upper = self.factors()
        # Full precision on a GPU too: the determinant must be that of the map applied.
        with jax.default_matmul_precision("highest"):
            weight = self.permutation @ lower @ upper
            out = (x_BHWC.reshape(-1, self.channels) @ weight).reshape(x_BHWC.shape)
        determinant = x_BHWC.shape[1] * x_BHWC.shape[2] * jnp.diag(self.kernel).sum()
        return out, jnp.broadcast_to(determinant, (len(x_BHWC),))

    def inverse(self, x_BHWC: jax.Array) -> jax.Array:
        lower, upper = self.factors()
        rows = x_BHWC.reshape(-1, self.channels).T
        rows = solve_triangular(upper.T, rows, lower=True)
        rows = solve_triangular(lower.T, rows, lower=False, unit_diagonal=True)
        return (jnp.asarray(self.permutation) @ rows).T.reshape(x_BHWC.shape)

    def factors(self) -> tuple[jax.Array, jax.Array]:
        lower = jnp.tril(self.kernel, -1) + jnp.eye(self.channels)
        upper = jnp.triu(self.kernel, 1) + jnp.diag(self.sign * jnp.exp(jnp.diag(self.kernel)))
        return lower, upper


class Coupling(nn.Module):
    """Half the channels, scaled and shifted by a function of the other half."""

    channels: int
    width: int

    def setup(self) -> None:
        self.near = Convolution(self.width)
        self.inner = Convolution(self.width, side=1)
        self.say = zero_convolution(self.channels)

    def __call__(self, x_BHWC: jax.Array) -> Mapped:
        changed, kept = jnp.split(x_BHWC, 2, axis=-1)
        shift, log_scale = self.affine(kept)
        out = jnp.concatenate([(changed + shift) * jnp.exp(log_scale), kept], axis=-1)
        return out, log_scale.sum((1, 2, 3))

    def inverse(self, x_BHWC: jax.Array) -> jax.Array:
        changed, kept = jnp.split(x_BHWC, 2, axis=-1)
        shift, log_scale = self.affine(kept)
        return jnp.concatenate([changed * jnp.exp(-log_scale) - shift, kept], axis=-1)

    def affine(self, kept: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Shift and log scale: 0 at initialisation, log scale at most MAX_LOG_SCALE either way."""
        hidden = nn.relu(self.inner(nn.relu(self.near(kept))))
        shift, raw = jnp.split(self.say(hidden), 2, axis=-1)
        return shift, MAX_LOG_SCALE * jnp.tanh(LOG_SCALE_RATE * raw / MAX_LOG_SCALE)


class Step(nn.Module):
    """Activation norm, 1x1 convolution, coupling."""

    channels: int
    width: int

    def setup(self) -> None:
        self.parts = (ActNorm(), Mixing(self.channels), Coupling(self.channels, self.width))

    def __call__(self, x_BHWC: jax.Array) -> Mapped:
        total = jnp.zeros(len(x_BHWC))
        for part in self.parts:
            x_BHWC, determinant = part(x_BHWC)
            total = total + determinant
        return x_BHWC, total

    def inverse(self, x_BHWC: jax.Array) -> jax.Array:
        for part in reversed(self.parts):
            x_BHWC = part.inverse(x_BHWC)
        return x_BHWC


class Network(nn.Module):
    """x_B... -> z_BK, log_determinant_B."""

    model: Glow
    shape: tuple[int, ...]

    def setup(self) -> None:
        model = self.model
        self.sizes = model.sizes(self.shape)
        self.flow = [
            [Step(channels, model.width) for _ in range(model.steps)]
            for _, _, channels in self.sizes
        ]
        self.tell = [zero_convolution(channels) for _, _, channels in self.sizes[:-1]]

    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        hidden = x.reshape(len(x), *self.shape[:2], -1)
        total, left = jnp.zeros(len(x)), []
        for level, steps in enumerate(self.flow):
            hidden = squeeze(hidden)
            for step in steps:
                hidden, determinant = step(hidden)
                total = total + determinant
            if level < len(self.tell):
                hidden, leaving = jnp.split(hidden, 2, axis=-1)
                mean, log_deviation = jnp.split(self.tell[level](hidden), 2, axis=-1)
                left.append(((leaving - mean) * jnp.exp(-log_deviation)).reshape(len(x), -1))
                total = total - log_deviation.sum((1, 2, 3))
        return jnp.concatenate([*left, hidden.reshape(len(x), -1)], axis=-1), total

    def inverse(self, z_BK: jax.Array) -> jax.Array:
        counts = [prod(size) // 2 for size in self.sizes[:-1]]
        *left, last = jnp.split(z_BK, np.cumsum(counts).tolist(), axis=-1)
        hidden = last.reshape(-1, *self.sizes[-1])
        for level in reversed(range(len(self.flow))):
            if level < len(self.tell):
                mean, log_deviation = jnp.split(self.tell[level](hidden), 2, axis=-1)
                leaving = left[level].reshape(mean.shape) * jnp.exp(log_deviation) + mean
                hidden = jnp.concatenate([hidden, leaving], axis=-1)
            for step in reversed(self.flow[level]):
                hidden = step.inverse(hidden)
            hidden = unsqueeze(hidden)
        return hidden.reshape(-1, *self.shape)


@register("model", "glow")
@dataclass(frozen=True, kw_only=True)
class Glow:
    """`levels` of `steps`, whose couplings have `width` hidden channels."""

    levels: int = 2
    steps: int = 4
    width: int = 32

    reads: ClassVar[str] = "flow"

    def __post_init__(self):
        if min(self.levels, self.steps, self.width) < 1:
            raise LabError(f"{self}: give levels, steps and width of 1 or more")

    def network(self, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return Network(self, shape)

    def sizes(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """Height, width and channels of each level."""
        height, width, channels = spaces(shape, self.levels, "glow")
        return [
            (height >> level, width >> level, 4 * (channels << (level - 1)))
            for level in range(1, self.levels + 1)
        ]

    def cost(self, spec: Spec) -> Cost:
        weights, other, flops = 0, 0, 0.0
        sizes = self.sizes(spec.shape)
        for level, (height, width, channels) in enumerate(sizes):
            layers = [
                (KERNEL, channels // 2, self.width),
                (1, self.width, self.width),
                (KERNEL, self.width, channels),
            ]
            again = self.steps
            weights += again * (channels**2 + sum(k**2 * a * b for k, a, b in layers))
            other += again * (2 * channels + 2 * self.width + channels)
            once = height * width * dense(channels, channels)
            once += sum(convolution((height, width), *layer) for layer in layers)
            flops += again * once
            if level < len(sizes) - 1:
                weights += KERNEL**2 * channels // 2 * channels
                other += channels
                flops += convolution((height, width), KERNEL, channels // 2, channels)
        return Cost(
            N={"embedding": 0, "matmul": weights, "head": 0, "other": other},
            forward={"matmul": flops},
        )

    def sized(self, n: float, spec: Spec) -> Glow:
        """The width that brings these levels and steps nearest to n parameters."""

        def member(width: int) -> Glow:
            return dataclasses.replace(self, width=width)

        return member(nearest(lambda width: member(width).cost(spec).parameters, n, 1 << 14))


@lru_cache
def rotation(channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PLU factors of a random rotation: permutation, signs, and triangles with log |diagonal|."""
    from scipy.linalg import lu

    noise = np.random.Generator(np.random.PCG64(channels)).normal(size=(channels, channels))
    factors: Any = lu(np.linalg.qr(noise)[0])
    permutation, lower, upper = factors
    diagonal = np.diag(upper)
    packed = np.tril(lower, -1) + np.triu(upper, 1) + np.diag(np.log(np.abs(diagonal)))
    single = np.float32
    return permutation.astype(single), np.sign(diagonal).astype(single), packed.astype(single)


def _wide(x_C: jax.Array) -> jax.Array:
    return x_C.reshape(1, 1, 1, -1)
