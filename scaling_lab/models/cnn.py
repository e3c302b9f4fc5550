"""Convolutional network: 3x3 convolutions that double their channels as the image halves.

Each of `stages` has `convolutions` ReLU convolutions; all but the last are followed by 2x2 mean
pooling. Then come the mean over the image and a linear head.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
from flax import linen as nn

from ..counting import Cost, convolution, dense, nearest
from ..data import Spec
from ..errors import LabError
from ..layers.convolution import KERNEL, Convolution, images_last
from ..registry import register


class Network(nn.Module):
    """x_BHW or x_BHWC -> logits_BV."""

    channels: int
    stages: int
    convolutions: int
    remat: bool
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        hidden = x[..., None] if x.ndim == 3 else x
        last = self.images_last(hidden.shape)
        if last:
            hidden = hidden.transpose(3, 1, 2, 0)
        for stage in range(self.stages):
            if stage:  # of height and width, which are axes 1 and 2 either way
                hidden = nn.avg_pool(hidden, (2, 2), strides=(2, 2))
            for i in range(self.convolutions):
                kind = nn.remat(Convolution) if self.remat else Convolution
                features = self.channels << stage
                conv = kind(features, images_last=last, name=f"conv_{stage}_{i}")
                hidden = nn.relu(conv(hidden))
        mean = hidden.mean(axis=(1, 2))
        return nn.Dense(self.outputs, name="head")(mean.T if last else mean)

    def images_last(self, shape_BHWC: tuple[int, ...]) -> bool:
        """Whether to compute on x_CHWB, which is a matter of speed."""
        images, height, width, inputs = shape_BHWC
        # Alone in its stage, the first convolution leaves a quarter of its pixels to the second.
        second = self.channels if self.convolutions > 1 else self.channels // 4
        read = images * height * width * max(inputs, second)
        return images_last(max(inputs, self.channels), read)


@register("model", "cnn")
@dataclass(frozen=True, kw_only=True)
class CNN:
    """`channels` in the first of `stages`, each of `convolutions` 3x3 convolutions.

    remat: recompute activations in the backward pass, to save memory.
    """

    channels: int = 16
    stages: int = 2
    convolutions: int = 2
    remat: bool = False

    def __post_init__(self):
        if min(self.channels, self.stages, self.convolutions) < 1:
            raise LabError(f"{self}: give channels, stages and convolutions of 1 or more")

    def network(self, outputs: int) -> nn.Module:
        return Network(self.channels, self.stages, self.convolutions, self.remat, outputs)

    def cost(self, spec: Spec) -> Cost:
        if len(spec.shape) not in (2, 3) or min(spec.shape[:2]) >> (self.stages - 1) < 1:
            raise LabError(
                f"a CNN of {self.stages} stages needs images of at least "
                f"{1 << (self.stages - 1)} pixels a side and this data has shape {spec.shape}; "
                "give fewer stages or larger images"
            )
        size = (spec.shape[0], spec.shape[1])
        inputs = spec.shape[2] if len(spec.shape) == 3 else 1
        weights, other, flops, first = 0, spec.outputs, 0.0, 0.0
        for stage in range(self.stages):
            channels = self.channels << stage
            for _ in range(self.convolutions):
                once = convolution(size, KERNEL, inputs, channels)
                weights += KERNEL**2 * inputs * channels
                other += channels
                flops, first, inputs = flops + once, first or once, channels
            size = (size[0] // 2, size[1] // 2)
        head = dense(inputs, spec.outputs)
        return Cost(
            N={"embedding": 0, "matmul": weights, "head": head // 2, "other": other},
            forward={"matmul": flops, "head": float(head)},
            input_gradient=first,
        )

    def sized(self, n: float, spec: Spec) -> CNN:
        """The number of channels that brings these stages nearest to n parameters."""

        def member(channels: int) -> CNN:
            return dataclasses.replace(self, channels=channels)

        return member(nearest(lambda channels: member(channels).cost(spec).parameters, n, 1 << 14))
