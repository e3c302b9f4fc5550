"""Straight lines and principal planes of a latent space, and the rows in which they are shown."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

ROWS = 4  # of interpolations


def rows(flat: jax.Array) -> jax.Array:
    """Pictures (ROWS * columns, ...) as (ROWS, columns, ...)."""
    return flat.reshape(ROWS, -1, *flat.shape[1:])


def plane(points: Any) -> np.ndarray:
    """Points (count, K) in their two principal components."""
    centred = np.asarray(points, np.float64) - np.asarray(points).mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    components = left[:, :2] * sizes[:2]
    return np.pad(components, [(0, 0), (0, 2 - components.shape[1])])


def ways(ends: jax.Array, count: int) -> jax.Array:
    """Points (ROWS * count, K) on straight lines between the first of the ends (points, K), which
    come again where they are too few.
    """
    first, last = jnp.resize(ends, (ROWS, 2, 1, ends.shape[1])).swapaxes(0, 1)
    way = jnp.linspace(0, 1, count)[None, :, None]
    return ((1 - way) * first + way * last).reshape(-1, ends.shape[1])
