"""A convolution computed as one matrix product."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

KERNEL = 3


class Convolution(nn.Module):
    """x_BHWC -> x_BHWC: a SAME convolution as one matrix product over gathered neighbours.

    XLA's own convolution is ten times slower inside loops on a CPU, and slower still under vmap,
    which turns it into a grouped convolution; a matrix product stays a matrix product.
    """

    features: int
    side: int = KERNEL
    initializer: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x_BHWC: jax.Array) -> jax.Array:
        height, width, inputs = x_BHWC.shape[1:]
        shape = (self.side, self.side, inputs, self.features)
        kernel = self.param("kernel", self.initializer, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        reach = self.side // 2
        padded = jnp.pad(x_BHWC, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
        near = [
            padded[:, i : i + height, j : j + width]
            for i in range(self.side)
            for j in range(self.side)
        ]
        out = jnp.concatenate(near, axis=-1) @ kernel.reshape(-1, self.features)
        return out + bias.reshape(1, 1, 1, -1)
