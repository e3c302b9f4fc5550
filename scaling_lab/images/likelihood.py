"""Pictures as something to be learnt whole: checked, dequantised, measured in bits a dimension.

A pixel is one of the numbers 0 to levels - 1. A density over real numbers becomes a bound on the
probability of those by uniform dequantisation (Theis, van den Oord & Bethge 2016): with noise U
from [0, 1) and u = (x + U) / levels,

    -log P(x) <= E_U[-log p(u)] + dimensions * log(levels)          bits = nats / (dimensions ln 2)

A density that is learnt on all real numbers takes u through a logit first (Dinh 2017):

    y = logit(margin + (1 - 2 margin) u)            -log p(u) = -log p(y) - log |dy/du|
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .. import models
from ..config import Run
from ..data import Spec, Split, Splits, order
from ..errors import LabError
from ..shuffle import evaluation_batches

BATCH = 500  # pictures that are evaluated at a time


class EvalExamples(NamedTuple):
    """A split in batches of equal size: pictures, whether each counts, and the batch's number.

    Arrays of the host, and in a program of the device.
    """

    x: Any
    known: Any
    number: Any


def expect(run: Run, kind: str, learner: str) -> Spec:
    """The data's spec. Raises LabError unless there are pictures and a model of that kind."""
    models.expect(run.model, kind, learner)
    if run.data is None or len(run.data.spec.shape) not in (2, 3):
        raise LabError(
            f"learner {learner} learns pictures; give it a source of pictures, such as Digits()"
        )
    return run.data.spec


def load(data: Any) -> Splits[Split]:
    """The source's pictures. Raises LabError where a pixel is not a whole number in its range."""
    splits, levels = data.load(), data.spec.levels
    for name, split in zip(Splits._fields, splits, strict=True):
        if split.x.dtype.kind not in "ui":
            raise LabError(
                f"the {name} pictures of {type(data).__name__} hold {split.x.dtype} numbers; "
                f"give whole numbers from 0 to {levels - 1}"
            )
        if split.x.dtype == np.uint8 and levels == 256:
            continue  # nothing can leave the range, and a memory map need not be read through
        wrong = (split.x < 0) | (split.x >= levels)
        if wrong.any():
            bad = wrong.reshape(len(wrong), -1).any(1)
            raise LabError(
                f"{bad.sum():,} of {len(bad):,} {name} pictures of {type(data).__name__} have "
                f"values outside 0 to {levels - 1}, the first is number {int(bad.argmax())}; "
                "mend them, or say in the source's spec how many levels there are"
            )
    return splits


def chosen(x: np.ndarray, most: int) -> np.ndarray:
    """At most so many examples of a split, the same ones always: the first in the fixed order."""
    return x[order(len(x))[:most]]


def eval_examples(x: np.ndarray, largest: int = BATCH) -> EvalExamples:
    """A split in equal batches of at most `largest` images; padding is marked not `known`."""
    index, known = evaluation_batches(len(x), largest)
    return EvalExamples(x[index], known, np.arange(len(index), dtype=np.int32))


def mean(each: Callable[[EvalExamples], jax.Array], split: EvalExamples) -> jax.Array:
    """The mean over a split's pictures of what `each` gives of a batch: (..., pictures)."""

    def total(batch: EvalExamples) -> jax.Array:
        found = each(batch)
        known = batch.known.reshape((1,) * (found.ndim - 1) + batch.known.shape)
        return (found * known).sum(-1)

    return lax.map(total, split).sum(0) / split.known.sum()


def losses(
    each: Callable[[EvalExamples], jax.Array], splits: Mapping[str, EvalExamples], spec: Spec
) -> dict[str, jax.Array]:
    """Loss and bits a dimension of both held-out splits; `each` gives the nats of pictures."""
    found = {}
    for name in ("valid", "test"):
        found[f"{name}_loss"] = loss = mean(each, splits[name])
        found[f"{name}_bits_per_dim"] = bits(loss, spec)
    return found


def dequantised(x: jax.Array, key: jax.Array, levels: int) -> jax.Array:
    """Real numbers in [0, 1) of pixels 0 to levels - 1."""
    return (x.astype(jnp.float32) + jax.random.uniform(key, x.shape)) / levels


def logit(u: jax.Array, margin: Any) -> tuple[jax.Array, jax.Array]:
    """The logit of numbers from 0 to 1, and log |dy/du| of each picture, summed over its pixels."""
    room = 1.0 - 2.0 * margin
    low, high = jnp.log(margin + room * u), jnp.log(margin + room * (1.0 - u))
    return low - high, (jnp.log(room) - low - high).sum(tuple(range(1, u.ndim)))


def expit(y: jax.Array, margin: Any) -> jax.Array:
    """Back from a logit: numbers from 0 to 1."""
    return ((jax.nn.sigmoid(y) - margin) / (1.0 - 2.0 * margin)).clip(0.0, 1.0)


def discrete(spec: Spec) -> float:
    """Nats to add to a density of dequantised pictures: dimensions * log(levels)."""
    return prod(spec.shape) * math.log(spec.levels)


def bits(nats: jax.Array, spec: Spec) -> jax.Array:
    """Nats a picture as bits a dimension."""
    return nats / (prod(spec.shape) * math.log(2.0))


def normal(x: jax.Array, mean: Any = 0.0, log_deviation: Any = 0.0) -> jax.Array:
    """Log density of independent normal laws, summed over all axes but the first."""
    scaled = (x - mean) * jnp.exp(-log_deviation)
    each = -0.5 * (scaled**2 + math.log(2.0 * math.pi)) - log_deviation
    return each.sum(tuple(range(1, x.ndim)))
