"""A linear layer without bias, for tensors of any rank."""

from __future__ import annotations

import jax
from flax import linen as nn


class Linear(nn.Module):
    """x_...D -> y_...F = x W, with W_DF initialised normal of deviation `gain` / sqrt(D).

    The leading axes are flattened for the product. Otherwise the gradient of W contracts two axes,
    for which XLA on a CPU first copies transposed operands: a training step of a small Transformer
    then takes 1.4 to 1.9 times as long.
    """

    features: int
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", scaled_normal(self.gain), shape)
        return product(x, kernel)


def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x_...D, kernel_DF -> x_...F as a product of two matrices."""
    return (x.reshape(-1, x.shape[-1]) @ kernel).reshape(*x.shape[:-1], kernel.shape[-1])


def scaled_normal(gain: float) -> nn.initializers.Initializer:
    """Initialiser of a matrix (inputs, outputs): normal of deviation gain / sqrt(inputs)."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")
