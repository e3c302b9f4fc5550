"""Half the height and width for four times the channels, and back; lossless."""

from __future__ import annotations

import jax


def squeeze(x_BHWC: jax.Array) -> jax.Array:
    """(B, H, W, C) -> (B, H/2, W/2, 4C): the channels of each 2x2 square are concatenated."""
    batch, height, width, channels = x_BHWC.shape
    x = x_BHWC.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // 2, width // 2, 4 * channels)


def unsqueeze(x_BHWC: jax.Array) -> jax.Array:
    """(B, H, W, 4C) -> (B, 2H, 2W, C): the inverse of `squeeze`."""
    batch, height, width, channels = x_BHWC.shape
    x = x_BHWC.reshape(batch, height, width, 2, 2, channels // 4)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, channels // 4)
