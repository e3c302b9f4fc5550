"""A generator of pictures and the discriminator it is to deceive, both told the class.

    make(z, y) = tanh(g([z, e(y)]))            judge(x, y) = w . h(x) + e'(y) . h(x) + b

The class enters the generator as a vector beside the noise (BigGAN, Brock 2019) and the
discriminator as a projection of its last features (Miyato & Koyama 2018). With one class both
say nothing, and that is the unconditional pair. ReLU makes, leaky ReLU judges, nothing is
normalised by the batch: a gradient penalty keeps the discriminator smooth.
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

EMBEDDING = 16  # size of the class's vector beside z
SLOPE = 0.2  # of the leaky ReLU


class Perceptron(nn.Module):
    """z_BK, class_B -> x_B... through perceptrons."""

    model: MLPAdversaries
    classes: int
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        told = nn.Embed(self.classes, EMBEDDING, name="embedding")(class_B)
        hidden_BD = jnp.concatenate([z_BK, told], axis=-1)
        for i in range(self.model.depth):
            hidden_BD = nn.relu(nn.Dense(self.model.width, name=f"layer_{i}")(hidden_BD))
        out = nn.Dense(prod(self.shape), name="head")(hidden_BD)
        return jnp.tanh(out).reshape(-1, *self.shape)


class PerceptronJudge(nn.Module):
    """x_B..., class_B -> verdict_B through perceptrons."""

    model: MLPAdversaries
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, class_B: jax.Array) -> jax.Array:
        hidden_BD = x.reshape(len(x), -1)
        for i in range(self.model.depth):
            hidden_BD = nn.Dense(self.model.width, name=f"layer_{i}")(hidden_BD)
            hidden_BD = nn.leaky_relu(hidden_BD, SLOPE)
        return Verdict(self.classes, name="verdict")(hidden_BD, class_B)


class Verdict(nn.Module):
    """hidden_BD, class_B -> verdict_B."""

    classes: int

    @nn.compact
    def __call__(self, hidden_BD: jax.Array, class_B: jax.Array) -> jax.Array:
        zeros = nn.initializers.zeros
        width = hidden_BD.shape[-1]
        told = nn.Embed(self.classes, width, embedding_init=zeros, name="embedding")(class_B)
        return nn.Dense(1, name="head")(hidden_BD)[:, 0] + jnp.sum(told * hidden_BD, axis=-1)


class Pair(nn.Module):
    """z_BK, class_B -> verdict_B on what is made of it."""

    generator: nn.Module
    discriminator: nn.Module

    def make(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        return self.generator(z_BK, class_B)

    def judge(self, x: jax.Array, class_B: jax.Array) -> jax.Array:
        return self.discriminator(x, class_B)

    def __call__(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        return self.judge(self.make(z_BK, class_B), class_B)


@register("model", "mlp_gan")
@dataclass(frozen=True, kw_only=True)
class MLPAdversaries:
    """Two perceptrons of `depth` hidden layers of `width` units; z has `latent` numbers."""

    width: int = 128
    depth: int = 2
    latent: int = 32

    reads: ClassVar[str] = "adversaries"

    def __post_init__(self):
        if min(self.width, self.depth, self.latent) < 1:
            raise LabError(f"{self}: width, depth and latent are at least 1")

    def network(self, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return Pair(Perceptron(self, outputs, shape), PerceptronJudge(self, outputs))

    def costs(self, spec: Spec) -> tuple[Cost, Cost]:
        pixels, width, classes = prod(spec.shape), self.width, spec.outputs
        inner, biases = (self.depth - 1) * width**2, self.depth * width
        made, judged = (self.latent + EMBEDDING) * width + inner, pixels * width + inner
        make = _cost(classes * EMBEDDING, made, width * pixels, biases + pixels)
        return make, _judge(classes, width, judged, 2.0 * judged, biases, dense(pixels, width))

    def cost(self, spec: Spec) -> Cost:
        return _both(*self.costs(spec))

    def sized(self, n: float, spec: Spec) -> MLPAdversaries:
        """The width that brings this depth nearest to n parameters of both."""

        def member(width: int) -> MLPAdversaries:
            return dataclasses.replace(self, width=width)

        return member(nearest(lambda width: member(width).cost(spec).parameters, n))


class Convolutional(nn.Module):
    """z_BK, class_B -> x_B... through convolutions, doubling height and width."""

    model: ConvAdversaries
    classes: int
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        model = self.model
        height, width, colours = spaces(self.shape, model.stages, "conv_gan")
        told = nn.Embed(self.classes, EMBEDDING, name="embedding")(class_B)
        low = (height >> model.stages, width >> model.stages, model.widths[-1])
        hidden = nn.Dense(prod(low), name="seed")(jnp.concatenate([z_BK, told], axis=-1))
        hidden_BHWC = nn.relu(hidden).reshape(-1, *low)
        for i, channels in enumerate([*model.widths[-2::-1], model.channels]):
            wide = Convolution(4 * channels, name=f"up_{i}")(hidden_BHWC)
            hidden_BHWC = nn.relu(unsqueeze(wide))
        out = Convolution(colours, name="head")(hidden_BHWC)
        return jnp.tanh(out).reshape(-1, *self.shape)


class ConvolutionalJudge(nn.Module):
    """x_B..., class_B -> verdict_B through convolutions, halving height and width."""

    model: ConvAdversaries
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, class_B: jax.Array) -> jax.Array:
        hidden_BHWC = x[..., None] if x.ndim == 3 else x
        for i, channels in enumerate(self.model.widths):
            hidden_BHWC = Convolution(channels, name=f"down_{i}")(squeeze(hidden_BHWC))
            hidden_BHWC = nn.leaky_relu(hidden_BHWC, SLOPE)
        return Verdict(self.classes, name="verdict")(hidden_BHWC.reshape(len(x), -1), class_B)


@register("model", "conv_gan")
@dataclass(frozen=True, kw_only=True)
class ConvAdversaries:
    """`channels` at the finest of `stages`, twice as many at each next; z has `latent` numbers."""

    channels: int = 16
    stages: int = 2
    latent: int = 32

    reads: ClassVar[str] = "adversaries"

    def __post_init__(self):
        if min(self.channels, self.stages, self.latent) < 1:
            raise LabError(f"{self}: channels, stages and latent are at least 1")

    @property
    def widths(self) -> list[int]:
        """Channels of each stage, the finest first."""
        return [self.channels << stage for stage in range(self.stages)]

    def network(self, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return Pair(Convolutional(self, outputs, shape), ConvolutionalJudge(self, outputs))

    def costs(self, spec: Spec) -> tuple[Cost, Cost]:
        height, width, colours = spaces(spec.shape, self.stages, "conv_gan")
        sizes = [(height >> i, width >> i) for i in range(self.stages + 1)]
        low = prod(sizes[-1]) * self.widths[-1]
        weights = (self.latent + EMBEDDING) * low
        flops, biases, inputs = 2.0 * weights, low, self.widths[-1]
        for size, channels in zip(sizes[:0:-1], [*self.widths[-2::-1], self.channels], strict=True):
            weights += KERNEL**2 * inputs * 4 * channels
            flops += convolution(size, KERNEL, inputs, 4 * channels)
            biases, inputs = biases + 4 * channels, channels
        last = KERNEL**2 * inputs * colours
        make = _cost(spec.outputs * EMBEDDING, weights, last, biases + colours)
        head = float(convolution(sizes[0], KERNEL, inputs, colours))
        make = dataclasses.replace(make, forward={"matmul": flops, "head": head})
        weights, flops, biases, first, inputs = 0, 0.0, 0, 0.0, colours
        for size, channels in zip(sizes[1:], self.widths, strict=True):
            once = convolution(size, KERNEL, 4 * inputs, channels)
            weights += KERNEL**2 * 4 * inputs * channels
            flops, first, inputs = flops + once, first or once, channels
            biases += channels
        return make, _judge(spec.outputs, low, weights, flops, biases, first)

    def cost(self, spec: Spec) -> Cost:
        return _both(*self.costs(spec))

    def sized(self, n: float, spec: Spec) -> ConvAdversaries:
        """The number of channels that brings these stages nearest to n parameters of both."""

        def member(channels: int) -> ConvAdversaries:
            return dataclasses.replace(self, channels=channels)

        return member(nearest(lambda channels: member(channels).cost(spec).parameters, n, 1 << 14))


def _cost(embedding: int, matrices: int, head: int, other: int) -> Cost:
    """Of a generator of dense layers."""
    return Cost(
        N={"embedding": embedding, "matmul": matrices, "head": head, "other": other},
        forward={"matmul": 2.0 * matrices, "head": 2.0 * head},
    )


def _judge(classes: int, width: int, weights: int, flops: float, biases: int, first: float) -> Cost:
    """Of a discriminator whose last features are `width` numbers."""
    return Cost(
        N={"embedding": classes * width, "matmul": weights, "head": width, "other": biases + 1},
        forward={"matmul": flops, "head": 2.0 * dense(width, 1)},
        input_gradient=first,
    )


def _both(make: Cost, judge: Cost) -> Cost:
    return Cost(
        N={group: make.N[group] + judge.N[group] for group in make.N},
        forward={part: make.forward[part] + judge.forward[part] for part in make.forward},
        input_gradient=judge.input_gradient,
    )
