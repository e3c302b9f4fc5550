"""Gradient descent with one optimiser: the state of a learner that has a loss, and its step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from . import optim
from .config import Recipe
from .learners import Traced


class State(NamedTuple):
    """Parameters, optimiser state and steps done."""

    params: Any
    momenta: Any
    step: jax.Array


def begin(params: Any, recipe: Recipe, traced: Traced) -> State:
    """Nothing done yet."""
    momenta = optim.optimizer(recipe, traced).init(params)
    return State(params, momenta, jnp.zeros((), jnp.int32))


def descend(
    state: State,
    loss: Callable[[Any, jax.Array], jax.Array],
    index: jax.Array,
    recipe: Recipe,
    traced: Traced,
) -> tuple[State, dict[str, jax.Array]]:
    """One step down the slope of `loss(params, index)`, the mean over a minibatch."""
    value, gradient = optim.gradient(loss, recipe)(state.params, index)
    update = optim.optimizer(recipe, traced).update
    updates, momenta = update(gradient, state.momenta, state.params)
    params = optax.apply_updates(state.params, updates)
    return State(params, momenta, state.step + 1), {"loss": value}
