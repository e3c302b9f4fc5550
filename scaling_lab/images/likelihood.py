"""Likelihoods of images: checking pixels, dequantisation, and losses in bits a dimension.

A pixel is an integer from 0 to levels - 1. Uniform dequantisation turns a density over the reals
into a bound on the probability of an image (Theis, van den Oord & Bethge 2016): with noise U from
[0, 1) and u = (x + U) / levels,

    -log P(x) <= E_U[-log p(u)] + dimensions * log(levels)          bits = nats / (dimensions ln 2)

A density over all reals is learnt after a logit (Dinh et al. 2017):

    y = logit(margin + (1 - 2 margin) u)            -log p(u) = -log p(y) - log |dy/du|
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .. import models
from ..config import Run
from ..data import Spec, Split, Splits, order
from ..errors import LabError
from ..protocols import Data, Tree
from ..shuffle import evaluation_batches

BATCH = 500  # images evaluated at a time


class EvalExamples(NamedTuple):
    """A split in batches of equal size: images x (batches, size, ...), known (batches, size),
    False for padding, and the number of each batch.
    """

    x: Tree
    known: Tree
    number: Tree


def expect(run: Run, kind: str, learner: str) -> Spec:
    """The data's spec. Raises LabError unless the data are images and the model is of that kind."""
    models.expect(run.model, kind, learner)
    if run.data is None or len(run.data.spec.shape) not in (2, 3):
        raise LabError(
            f"learner {learner} learns images; give it a source of images, such as Digits()"
        )
    return run.data.spec


def load(data: Data) -> Splits[Split]:
    """The source's splits. Raises LabError unless pixels are integers from 0 to levels - 1."""
    splits, levels = data.load(), data.spec.levels
    for name, split in zip(Splits._fields, splits, strict=True):
        if split.x.dtype.kind not in "ui":
            raise LabError(
                f"the {name} images of {type(data).__name__} have dtype {split.x.dtype}; "
                f"give integers from 0 to {levels - 1}"
            )
        if split.x.dtype == np.uint8 and levels == 256:
            continue  # always in range; do not read a whole memory map to find out
        wrong = (split.x < 0) | (split.x >= levels)
        if wrong.any():
            bad = wrong.reshape(len(wrong), -1).any(1)
            raise LabError(
                f"{bad.sum():,} of {len(bad):,} {name} images of {type(data).__name__} have "
                f"values outside 0 to {levels - 1}, the first at index {int(bad.argmax())}; "
                "correct the values, or set 'levels' in the source's spec"
            )
    return splits


def chosen(x: np.ndarray, most: int) -> np.ndarray:
    """The first `most` examples of a split in the fixed shuffled order; all if there are fewer."""
    return x[order(len(x))[:most]]


def eval_examples(x: np.ndarray, largest: int = BATCH) -> EvalExamples:
    """A split in equal batches of at most `largest` images; padding is marked not `known`."""
    index, known = evaluation_batches(len(x), largest, math.prod(x.shape[1:]))
    return EvalExamples(x[index], known, np.arange(len(index), dtype=np.int32))


def mean(each: Callable[[EvalExamples], jax.Array], split: EvalExamples) -> jax.Array:
    """Mean over a split's images of `each`, which maps a batch to values (..., images)."""

    def total(batch: EvalExamples) -> jax.Array:
        values = each(batch)
        known = batch.known.reshape((1,) * (values.ndim - 1) + batch.known.shape)
        return (values * known).sum(-1)

    return lax.map(total, split).sum(0) / split.known.sum()


def losses(
    each: Callable[[EvalExamples], jax.Array], splits: Mapping[str, EvalExamples], spec: Spec
) -> dict[str, jax.Array]:
    """Loss and bits a dimension of both held-out splits; `each` gives nats, one an image."""
    metrics = {}
    for name in ("valid", "test"):
        metrics[f"{name}_loss"] = loss = mean(each, splits[name])
        metrics[f"{name}_bits_per_dim"] = bits(loss, spec)
    return metrics


def dequantised(x: jax.Array, key: jax.Array, levels: int) -> jax.Array:
    """Integer pixels from 0 to levels - 1, with uniform noise, as reals in [0, 1)."""
    return (x.astype(jnp.float32) + jax.random.uniform(key, x.shape)) / levels


def logit(u: jax.Array, margin: float | jax.Array) -> tuple[jax.Array, jax.Array]:
    """The logit of u in [0, 1], and log |dy/du| of each image, summed over its pixels."""
    scale = 1.0 - 2.0 * margin
    low, high = jnp.log(margin + scale * u), jnp.log(margin + scale * (1.0 - u))
    return low - high, (jnp.log(scale) - low - high).sum(tuple(range(1, u.ndim)))


def expit(y: jax.Array, margin: float | jax.Array) -> jax.Array:
    """The inverse of `logit`, clipped to [0, 1]."""
    return ((jax.nn.sigmoid(y) - margin) / (1.0 - 2.0 * margin)).clip(0.0, 1.0)


def discrete(spec: Spec) -> float:
    """Nats to add to -log p(u) for the bound on -log P(x): dimensions * log(levels)."""
    return prod(spec.shape) * math.log(spec.levels)


def bits(nats: jax.Array, spec: Spec) -> jax.Array:
    """Convert nats an image to bits a dimension."""
    return nats / (prod(spec.shape) * math.log(2.0))


def normal(
    x: jax.Array, mean: float | jax.Array = 0.0, log_deviation: float | jax.Array = 0.0
) -> jax.Array:
    """Log density of independent Gaussians, summed over all axes but the first."""
    scaled = (x - mean) * jnp.exp(-log_deviation)
    each = -0.5 * (scaled**2 + math.log(2.0 * math.pi)) - log_deviation
    return each.sum(tuple(range(1, x.ndim)))
