"""The gradient noise scale, from the gradients of the parts of a minibatch.

    B_simple = tr(Sigma) / |G|^2

G is the gradient of the loss over all examples, Sigma the covariance over examples of the gradient
of one. With batches far below B_simple a step is mostly noise, far above it mostly signal
(McCandlish et al. 2018, "An empirical model of large-batch training", section 2.2 and appendix A).

A minibatch of B examples is taken in k parts of b = B / k, so the norms cost nothing but sums of
squares. Two estimators see them, both unbiased in numerator and denominator apart:

    parts         tr(Sigma) = b / (k - 1) sum_i |g_i - g|^2     |G|^2 = |g|^2 - tr(Sigma) / B
    two batches   one of c = B / 2 examples, half of the parts, beside those of b, the others:
                  tr(Sigma) = (|g_b|^2 - |g_c|^2) / (1/b - 1/c)
                  |G|^2 = (c |g_c|^2 - b |g_b|^2) / (c - b)

A ratio of averages is biased less than an average of ratios: numerator and denominator are averaged
over steps first, with one exponential decay.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..errors import LabError
from ..protocols import Tree
from ..recipe import Recipe

FEWEST_PARTS = 4  # half of two parts are no larger batch than one
NAMES = (
    *("noise_scale", "noise_scale_two_batches", "noise_scale_ratio"),
    *("gradient_variance", "gradient_square"),
)


class Norms(NamedTuple):
    """Squared norms of one minibatch: of each part's gradient, of the sum over all, over one half.

    parts: (k,). half: of the sum over the first half of the parts.
    """

    parts: jax.Array
    whole: jax.Array
    half: jax.Array


class Noise(NamedTuple):
    """Averages over steps: tr(Sigma) and |G|^2 by each of the two estimators, and the steps."""

    variance: jax.Array
    square: jax.Array
    variance_two: jax.Array
    square_two: jax.Array
    steps: jax.Array


def check(recipe: Recipe) -> None:
    """Raise LabError if the minibatch has too few parts to compare."""
    parts = recipe.accumulate
    if parts < FEWEST_PARTS or parts % 2:
        raise LabError(
            f"noise_decay compares the parts of a minibatch and accumulate is {parts}; give an "
            f"even number from {FEWEST_PARTS} on that divides batch_size {recipe.batch_size}"
        )


def begin() -> Noise:
    """Before the first step."""
    zero = jnp.zeros(())
    return Noise(zero, zero, zero, zero, jnp.zeros((), jnp.int32))


def squared(tree: Tree) -> jax.Array:
    """Sum of the squares of all numbers of a tree."""
    return sum((jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), jnp.zeros(()))


def update(noise: Noise, norms: Norms, batch_size: int, decay: jax.Array) -> Noise:
    """The averages after one more minibatch.

    decay: of the averages, smaller at first, as that of `optim.moving_average`.
    """
    k = len(norms.parts)
    b, c = batch_size / k, batch_size / 2
    whole, half, small = norms.whole / k**2, norms.half / (k / 2) ** 2, norms.parts[k // 2 :].mean()
    variance = b * (norms.parts.sum() - k * whole) / (k - 1)
    variance_two = (small - half) / (1 / b - 1 / c)
    square_two = (c * half - b * small) / (c - b)
    d = jnp.minimum(decay, (1.0 + noise.steps) / (10.0 + noise.steps))

    def averaged(old: jax.Array, new: jax.Array) -> jax.Array:
        # All begin at 0 with the same weights, which cancel in a ratio.
        return d * old + (1.0 - d) * new

    return Noise(
        averaged(noise.variance, variance),
        averaged(noise.square, whole - variance / batch_size),
        averaged(noise.variance_two, variance_two),
        averaged(noise.square_two, square_two),
        noise.steps + 1,
    )


def metrics(noise: Noise) -> dict[str, jax.Array]:
    """B_simple by both estimators, in examples of a minibatch, their ratio, parts of the first."""
    one, two = noise.variance / noise.square, noise.variance_two / noise.square_two
    found = (one, two, two / one, noise.variance, noise.square)
    return dict(zip(NAMES, found, strict=True))
