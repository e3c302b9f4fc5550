"""A generator of images and the discriminator it is trained against, both class-conditional.

    make(z, y) = tanh(g([z, e(y)]))        discriminate(x, y) = w . h(x) + e'(y) . h(x) + b

The class enters the generator as an embedding concatenated with the noise (BigGAN, Brock 2019) and
the discriminator as a projection of its last features (Miyato & Koyama 2018). With one class the
pair is unconditional. Generator: ReLU. Discriminator: leaky ReLU. No batch norm: a gradient penalty
keeps the discriminator smooth.
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

EMBEDDING = 16  # size of the generator's class embedding
SLOPE = 0.2  # of the leaky ReLU


class Perceptron(nn.Module):
    """Generator z_BK, class_B -> x_B..., a multi-layer perceptron."""

    model: MLPAdversaries
    classes: int
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        embedded_BE = nn.Embed(self.classes, EMBEDDING, name="embedding")(class_B)
        hidden_BD = jnp.concatenate([z_BK, embedded_BE], axis=-1)
        for i in range(self.model.depth):
            hidden_BD = nn.relu(nn.Dense(self.model.width, name=f"layer_{i}")(hidden_BD))
        out = nn.Dense(prod(self.shape), name="head")(hidden_BD)
        return jnp.tanh(out).reshape(-1, *self.shape)


class PerceptronDiscriminator(nn.Module):
    """x_B..., class_B -> logit_B, a multi-layer perceptron."""

    model: MLPAdversaries
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, class_B: jax.Array) -> jax.Array:
        hidden_BD = x.reshape(len(x), -1)
        for i in range(self.model.depth):
            hidden_BD = nn.Dense(self.model.width, name=f"layer_{i}")(hidden_BD)
            hidden_BD = nn.leaky_relu(hidden_BD, SLOPE)
        return ProjectionHead(self.classes, name="verdict")(hidden_BD, class_B)


class ProjectionHead(nn.Module):
    """hidden_BD, class_B -> logit_B."""

    classes: int

    @nn.compact
    def __call__(self, hidden_BD: jax.Array, class_B: jax.Array) -> jax.Array:
        zeros = nn.initializers.zeros
        width = hidden_BD.shape[-1]
        embed = nn.Embed(self.classes, width, embedding_init=zeros, name="embedding")
        projected_B = jnp.sum(embed(class_B) * hidden_BD, axis=-1)
        return nn.Dense(1, name="head")(hidden_BD)[:, 0] + projected_B


class Pair(nn.Module):
    """z_BK, class_B -> logit_B of the discriminator on a generated image."""

    generator: nn.Module
    discriminator: nn.Module

    def make(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        return self.generator(z_BK, class_B)

    def discriminate(self, x: jax.Array, class_B: jax.Array) -> jax.Array:
        return self.discriminator(x, class_B)

    def __call__(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        return self.discriminate(self.make(z_BK, class_B), class_B)


@register("model", "mlp_gan")
@dataclass(frozen=True, kw_only=True)
class MLPAdversaries:
    """Two perceptrons of `depth` hidden layers of `width` units; z has `latent` dimensions."""

    width: int = 128
    depth: int = 2
    latent: int = 32

    reads: ClassVar[str] = "adversaries"

    def __post_init__(self):
        if min(self.width, self.depth, self.latent) < 1:
            raise LabError(f"{self}: give width, depth and latent of 1 or more")

    def network(self, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return Pair(Perceptron(self, outputs, shape), PerceptronDiscriminator(self, outputs))

    def costs(self, spec: Spec) -> tuple[Cost, Cost]:
        pixels, width, classes = prod(spec.shape), self.width, spec.outputs
        inner, biases = (self.depth - 1) * width**2, self.depth * width
        up, down = (self.latent + EMBEDDING) * width + inner, pixels * width + inner
        generator = _generator(classes * EMBEDDING, up, width * pixels, biases + pixels)
        first = dense(pixels, width)
        return generator, _discriminator(classes, width, down, 2.0 * down, biases, first)

    def cost(self, spec: Spec) -> Cost:
        return _both(*self.costs(spec))

    def sized(self, n: float, spec: Spec) -> MLPAdversaries:
        """The width that brings this depth nearest to n parameters of both."""

        def member(width: int) -> MLPAdversaries:
            return dataclasses.replace(self, width=width)

        return member(nearest(lambda width: member(width).cost(spec).parameters, n))


class Convolutional(nn.Module):
    """Generator z_BK, class_B -> x_B..., convolutions that double height and width."""

    model: ConvAdversaries
    classes: int
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, z_BK: jax.Array, class_B: jax.Array) -> jax.Array:
        model = self.model
        height, width, colours = spaces(self.shape, model.stages, "conv_gan")
        embedded_BE = nn.Embed(self.classes, EMBEDDING, name="embedding")(class_B)
        low = (height >> model.stages, width >> model.stages, model.widths[-1])
        hidden = nn.Dense(prod(low), name="seed")(jnp.concatenate([z_BK, embedded_BE], axis=-1))
        hidden_BHWC = nn.relu(hidden).reshape(-1, *low)
        for i, channels in enumerate([*model.widths[-2::-1], model.channels]):
            wide = Convolution(4 * channels, name=f"up_{i}")(hidden_BHWC)
            hidden_BHWC = nn.relu(unsqueeze(wide))
        out = Convolution(colours, name="head")(hidden_BHWC)
        return jnp.tanh(out).reshape(-1, *self.shape)


class ConvolutionalDiscriminator(nn.Module):
    """x_B..., class_B -> logit_B, convolutions that halve height and width."""

    model: ConvAdversaries
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, class_B: jax.Array) -> jax.Array:
        hidden_BHWC = x[..., None] if x.ndim == 3 else x
        for i, channels in enumerate(self.model.widths):
            hidden_BHWC = Convolution(channels, name=f"down_{i}")(squeeze(hidden_BHWC))
            hidden_BHWC = nn.leaky_relu(hidden_BHWC, SLOPE)
        return ProjectionHead(self.classes, name="verdict")(
            hidden_BHWC.reshape(len(x), -1), class_B
        )


@register("model", "conv_gan")
@dataclass(frozen=True, kw_only=True)
class ConvAdversaries:
    """`channels` at the finest of `stages`, doubling at each coarser; z has `latent` dimensions."""

    channels: int = 16
    stages: int = 2
    latent: int = 32

    reads: ClassVar[str] = "adversaries"

    def __post_init__(self):
        if min(self.channels, self.stages, self.latent) < 1:
            raise LabError(f"{self}: give channels, stages and latent of 1 or more")

    @property
    def widths(self) -> list[int]:
        """Channels of each stage, the finest first."""
        return [self.channels << stage for stage in range(self.stages)]

    def network(self, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return Pair(Convolutional(self, outputs, shape), ConvolutionalDiscriminator(self, outputs))

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
        generator = _generator(spec.outputs * EMBEDDING, weights, last, biases + colours)
        head = float(convolution(sizes[0], KERNEL, inputs, colours))
        generator = dataclasses.replace(generator, forward={"matmul": flops, "head": head})
        weights, flops, biases, first, inputs = 0, 0.0, 0, 0.0, colours
        for size, channels in zip(sizes[1:], self.widths, strict=True):
            once = convolution(size, KERNEL, 4 * inputs, channels)
            weights += KERNEL**2 * 4 * inputs * channels
            flops, first, inputs = flops + once, first or once, channels
            biases += channels
        return generator, _discriminator(spec.outputs, low, weights, flops, biases, first)

    def cost(self, spec: Spec) -> Cost:
        return _both(*self.costs(spec))

    def sized(self, n: float, spec: Spec) -> ConvAdversaries:
        """The number of channels that brings these stages nearest to n parameters of both."""

        def member(channels: int) -> ConvAdversaries:
            return dataclasses.replace(self, channels=channels)

        return member(nearest(lambda channels: member(channels).cost(spec).parameters, n, 1 << 14))


def _generator(embedding: int, matrices: int, head: int, other: int) -> Cost:
    """Cost of a generator of dense layers."""
    return Cost(
        N={"embedding": embedding, "matmul": matrices, "head": head, "other": other},
        forward={"matmul": 2.0 * matrices, "head": 2.0 * head},
    )


def _discriminator(
    classes: int, width: int, weights: int, flops: float, biases: int, first: float
) -> Cost:
    """Cost of a discriminator whose last features are `width` numbers."""
    return Cost(
        N={"embedding": classes * width, "matmul": weights, "head": width, "other": biases + 1},
        forward={"matmul": flops, "head": 2.0 * dense(width, 1)},
        input_gradient=first,
    )


def _both(generator: Cost, discriminator: Cost) -> Cost:
    return Cost(
        N={group: count + discriminator.N[group] for group, count in generator.N.items()},
        forward={
            part: flops + discriminator.forward[part] for part, flops in generator.forward.items()
        },
        input_gradient=discriminator.input_gradient,
    )
