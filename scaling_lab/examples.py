"""Examples of a population, drawn where they are needed: example i is a function of i alone.

So D, its nested subsets, `data_seed` and several epochs mean what they mean for a dataset, and
nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .populations import ENDLESS
from .shuffle import minibatch, subset

SEED = 20181127  # of every example of every population


def places(step: jax.Array, batch_size: int, traced: Any) -> jax.Array:
    """Where in the population the minibatch of a step lies, int32 (batch_size,).

    traced: a run's traced numbers.
    """
    index_B = minibatch(step, batch_size, traced["seed"], traced["D"])
    return subset(index_B, traced.get("data_seed"), ENDLESS)


def at(places_B: jax.Array, draw: Callable[[jax.Array], Any]) -> Any:
    """The examples at these places, leaves (B, ...); `draw` makes one from its key."""
    root = jax.random.key(SEED)
    return jax.vmap(lambda place: draw(jax.random.fold_in(root, place)))(places_B)


def item(key: jax.Array, tail: jax.Array) -> jax.Array:
    """An item, int32. tail: probability of it and all later ones, from the last to the first."""
    place = jnp.searchsorted(tail, fraction(jax.random.bits(key, (2,), jnp.uint32)))
    return (len(tail) - 1 - place).astype(jnp.int32)


def fraction(words: jax.Array) -> jax.Array:
    """A number from 0 to 1 of 64 bits, two uint32: float32, but as fine near 0 as float32 is.

    With the 23 bits of `jax.random.uniform` no item rarer than 1e-7 is drawn as it should be.
    """
    high, low = words.astype(jnp.float32)
    return high * 2.0**-32 + low * 2.0**-64
