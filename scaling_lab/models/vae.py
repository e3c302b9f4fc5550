"""Encoder and decoder of a variational autoencoder: perceptrons or convolutions.

    q(z | x) = Normal(mean(x), exp(log_deviation(x)))        p(x | z) from `outputs` numbers a pixel

The convolutional pair halves an image `stages` times, moving 2x2 squares into channels, and mirrors
that to decode. The networks do not scale their inputs; the learner does.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from ..counting import Cost, convolution, dense, nearest
from ..data import Spec
from ..errors import LabError
from ..layers.convolution import KERNEL, Convolution
from ..layers.space_to_depth import squeeze, unsqueeze
from ..registry import register
from . import spaces

Encoded = tuple[jax.Array, jax.Array]


class PerceptronPair(nn.Module):
    """x_B..., noise_BK -> out_B...V, mean_BK, log_deviation_BK."""

    model: MLPVAE
    outputs: int
    shape: tuple[int, ...]

    def setup(self) -> None:
        model = self.model
        self.down = [nn.Dense(model.width) for _ in range(model.depth)]
        self.posterior = nn.Dense(2 * model.latent)
        self.up = [nn.Dense(model.width) for _ in range(model.depth)]
        self.head = nn.Dense(prod(self.shape) * self.outputs)

    def encode(self, x: jax.Array) -> Encoded:
        hidden_BD = x.reshape(len(x), -1)
        for layer in self.down:
            hidden_BD = nn.relu(layer(hidden_BD))
        mean_BK, log_deviation_BK = jnp.split(self.posterior(hidden_BD), 2, axis=-1)
        return mean_BK, log_deviation_BK

    def decode(self, z_BK: jax.Array) -> jax.Array:
        hidden_BD = z_BK
        for layer in self.up:
            hidden_BD = nn.relu(layer(hidden_BD))
        return self.head(hidden_BD).reshape(-1, *self.shape, self.outputs)

    def __call__(self, x: jax.Array, noise_BK: jax.Array) -> tuple[jax.Array, ...]:
        mean_BK, log_deviation_BK = self.encode(x)
        z_BK = mean_BK + jnp.exp(log_deviation_BK) * noise_BK
        return self.decode(z_BK), mean_BK, log_deviation_BK


@register("model", "mlp_vae")
@dataclass(frozen=True, kw_only=True)
class MLPVAE:
    """`depth` hidden layers of `width` units on either side of a `latent`-dimensional code."""

    width: int = 128
    depth: int = 2
    latent: int = 32

    reads: ClassVar[str] = "autoencoder"

    def __post_init__(self):
        if min(self.width, self.depth, self.latent) < 1:
            raise LabError(f"{self}: give width, depth and latent of 1 or more")

    def network(self, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return PerceptronPair(self, outputs, shape)

    def cost(self, spec: Spec) -> Cost:
        pixels, width, out = prod(spec.shape), self.width, prod(spec.shape) * spec.outputs
        inner = 2 * (self.depth - 1) * width**2 + 2 * width * self.latent + self.latent * width
        matrices, head = pixels * width + inner, width * out
        return Cost(
            N={
                "embedding": 0,
                "matmul": matrices,
                "head": head,
                "other": 2 * self.depth * width + 2 * self.latent + out,
            },
            forward={"matmul": 2.0 * matrices, "head": 2.0 * head},
            input_gradient=dense(pixels, width),
        )

    def sized(self, n: float, spec: Spec) -> MLPVAE:
        """The width that brings this depth and latent size nearest to n parameters."""

        def member(width: int) -> MLPVAE:
            return dataclasses.replace(self, width=width)

        return member(nearest(lambda width: member(width).cost(spec).parameters, n))


class ConvolutionPair(nn.Module):
    """x_B..., noise_BK -> out_B...V, mean_BK, log_deviation_BK."""

    model: ConvVAE
    outputs: int
    shape: tuple[int, ...]

    def setup(self) -> None:
        model = self.model
        height, width, colours = spaces(self.shape, model.stages, "conv_vae")
        widths = [model.channels << stage for stage in range(model.stages)]
        self.low = (height >> model.stages, width >> model.stages, widths[-1])
        self.down = [Convolution(channels) for channels in widths]
        self.posterior = nn.Dense(2 * model.latent)
        self.seed = nn.Dense(prod(self.low))
        # Four times the channels that remain after `unsqueeze`.
        self.up = [Convolution(4 * channels) for channels in [*widths[-2::-1], model.channels]]
        self.head = Convolution(colours * self.outputs)

    def encode(self, x: jax.Array) -> Encoded:
        hidden_BHWC = x[..., None] if x.ndim == 3 else x
        for layer in self.down:
            hidden_BHWC = nn.relu(layer(squeeze(hidden_BHWC)))
        flat_BD = hidden_BHWC.reshape(len(x), -1)
        mean_BK, log_deviation_BK = jnp.split(self.posterior(flat_BD), 2, axis=-1)
        return mean_BK, log_deviation_BK

    def decode(self, z_BK: jax.Array) -> jax.Array:
        hidden_BHWC = nn.relu(self.seed(z_BK)).reshape(-1, *self.low)
        for layer in self.up:
            hidden_BHWC = nn.relu(unsqueeze(layer(hidden_BHWC)))
        return self.head(hidden_BHWC).reshape(-1, *self.shape, self.outputs)

    def __call__(self, x: jax.Array, noise_BK: jax.Array) -> tuple[jax.Array, ...]:
        mean_BK, log_deviation_BK = self.encode(x)
        z_BK = mean_BK + jnp.exp(log_deviation_BK) * noise_BK
        return self.decode(z_BK), mean_BK, log_deviation_BK


@register("model", "conv_vae")
@dataclass(frozen=True, kw_only=True)
class ConvVAE:
    """`channels` at the finest of `stages`, doubling at each coarser; `latent` dimensions."""

    channels: int = 16
    stages: int = 2
    latent: int = 32

    reads: ClassVar[str] = "autoencoder"

    def __post_init__(self):
        if min(self.channels, self.stages, self.latent) < 1:
            raise LabError(f"{self}: give channels, stages and latent of 1 or more")

    def network(self, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return ConvolutionPair(self, outputs, shape)

    def cost(self, spec: Spec) -> Cost:
        height, width, colours = spaces(spec.shape, self.stages, "conv_vae")
        widths = [self.channels << stage for stage in range(self.stages)]
        weights, other, flops, first, inputs = 0, 0, 0.0, 0.0, colours
        for stage, channels in enumerate(widths):
            size = (height >> (stage + 1), width >> (stage + 1))
            once = convolution(size, KERNEL, 4 * inputs, channels)
            weights += KERNEL**2 * 4 * inputs * channels
            other, flops, first, inputs = other + channels, flops + once, first or once, channels
        low = (height >> self.stages) * (width >> self.stages) * widths[-1]
        joints = low * 2 * self.latent + self.latent * low
        weights, flops, other = weights + joints, flops + 2 * joints, other + 2 * self.latent + low
        for stage, channels in zip(
            range(self.stages, 0, -1), [*widths[-2::-1], self.channels], strict=True
        ):
            size = (height >> stage, width >> stage)
            weights += KERNEL**2 * inputs * 4 * channels
            flops += convolution(size, KERNEL, inputs, 4 * channels)
            other, inputs = other + 4 * channels, channels
        out = colours * spec.outputs
        return Cost(
            N={
                "embedding": 0,
                "matmul": weights,
                "head": KERNEL**2 * self.channels * out,
                "other": other + out,
            },
            forward={
                "matmul": flops,
                "head": float(convolution((height, width), KERNEL, self.channels, out)),
            },
            input_gradient=first,
        )

    def sized(self, n: float, spec: Spec) -> ConvVAE:
        """The number of channels that brings these stages nearest to n parameters."""

        def member(channels: int) -> ConvVAE:
            return dataclasses.replace(self, channels=channels)

        return member(nearest(lambda channels: member(channels).cost(spec).parameters, n, 1 << 14))
