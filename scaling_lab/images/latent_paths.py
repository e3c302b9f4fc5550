"""Interpolations and principal components of a latent space, laid out for display."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

ROWS = 4  # interpolations shown


def rows(flat: jax.Array) -> jax.Array:
    """Reshape images (ROWS * columns, ...) to (ROWS, columns, ...)."""
    return flat.reshape(ROWS, -1, *flat.shape[1:])


def principal_components(points: jax.Array | np.ndarray) -> np.ndarray:
    """Points (count, K) projected on their first two principal components, (count, 2)."""
    centred = np.asarray(points, np.float64) - np.asarray(points).mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    components = left[:, :2] * sizes[:2]
    return np.pad(components, [(0, 0), (0, 2 - components.shape[1])])


def interpolate(ends: jax.Array, count: int) -> jax.Array:
    """ROWS straight lines of `count` points between successive pairs of ends: (ROWS * count, K).

    ends: (points, K), repeated if there are fewer than 2 ROWS.
    """
    first, last = jnp.resize(ends, (ROWS, 2, 1, ends.shape[1])).swapaxes(0, 1)
    weight = jnp.linspace(0, 1, count)[None, :, None]
    return ((1 - weight) * first + weight * last).reshape(-1, ends.shape[1])
