"""Sharpness: the largest eigenvalue of the Hessian of the training loss, by power iteration.

    v <- H v / |H v|,    sharpness = v . H v

Gradient descent of rate eta is stable along an eigenvector while its eigenvalue is below 2 / eta,
and full-batch descent settles there: at the edge of stability sharpness x eta / 2 = 1 (Cohen et al.
2021, "Gradient descent on neural networks typically occurs at the edge of stability").

The vector stays in the state, so that a few iterations a step follow the eigenvalue while the
parameters move; too few lag behind by some percent, always below, while they move fast. The first
step takes START of them, which gives the sharpness at initialisation.
The iteration finds the eigenvalue of largest magnitude, which is positive but for extreme cases;
the Rayleigh quotient is of second order in the error of the vector. A product with the Hessian is a
gradient of a gradient: some of our operations have no forward derivative.

The Hessian is that of the loss of a step, so the loss must be the same in every step: the batch is
all D examples, and nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ..errors import LabError
from ..protocols import Params, Traced, Tree
from ..registry import name_of

if TYPE_CHECKING:
    from ..config import Run
    from ..recipe import Recipe

START = 100  # power iterations before the first step
NAMES = ("sharpness", "sharpness_start", "sharpness_over_threshold")
DESCENT = ("sgd", "momentum")  # optimisers whose largest stable sharpness is known


class Sharpness(NamedTuple):
    """The unit vector, its Rayleigh quotient, that before the first step, and value / threshold."""

    vector: Params
    value: jax.Array
    start: jax.Array
    over: jax.Array


def names(recipe: Recipe) -> tuple[str, ...]:
    """Names of the metrics."""
    return NAMES if recipe.optimizer in DESCENT else NAMES[:2]


def check(run: Run) -> None:
    """Raise LabError unless a step of the run sees all D examples, each once."""
    seen, batch = run.learner.cost(run).examples, run.recipe.batch_size
    unit = max(1, seen // batch)  # of the learner's D in one example of a minibatch
    if run.data is None or not seen <= run.D < seen + unit:
        of = f"{seen:,} of D = {run.D:,}" if run.data is not None else "what it draws"
        raise LabError(
            f"sharpness needs full-batch descent and each step of {name_of(run.learner)} sees {of}:"
            f" it is stochastic; set batch_size to {max(1, run.D // unit)}, or leave "
            "power_iterations out"
        )


def refuse_random(run: Run, step: Callable[..., Tree], state: Tree, traced: Traced) -> None:
    """Raise LabError if the learner's step(state, key, traced) reads its random key.

    state, traced: shapes.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    counted = {"step": jax.ShapeDtypeStruct((), jnp.int32)}
    made = jax.make_jaxpr(step)(state, key, {**traced, **counted}).jaxpr
    own = made.invars[len(jax.tree.leaves(state))]
    if any(one is own for line in made.eqns for one in line.invars):
        raise LabError(
            f"sharpness needs a loss that is the same in every step and {name_of(run.learner)} "
            "draws random numbers: it is stochastic; leave power_iterations out"
        )


def begin(params: Params, seed: jax.Array) -> Sharpness:
    """Before the first step: a random direction."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    drawn = [
        jax.random.normal(key, leaf.shape, leaf.dtype)
        for key, leaf in zip(keys, leaves, strict=True)
    ]
    zero = jnp.zeros(())
    return Sharpness(_unit(jax.tree.unflatten(tree, drawn))[0], zero, zero, zero)


def update(
    old: Sharpness,
    slope: Callable[[Params], Params],
    params: Params,
    step: jax.Array,
    iterations: jax.Array,
    threshold: jax.Array,
) -> Sharpness:
    """The sharpness at the parameters from which a step is taken.

    slope: parameters -> gradient of the training loss. iterations: of this step, if it is not the
    first. threshold: the largest stable eigenvalue; NaN if the optimiser has none that is known.
    """

    def times(vector: Params) -> Params:
        return jax.grad(lambda at: _dot(slope(at), vector))(params)

    def iterate(_: jax.Array, carried: tuple[Params, jax.Array]) -> tuple[Params, jax.Array]:
        vector, _ = carried
        product = times(vector)
        value = _dot(vector, product)
        turned, size = _unit(product)
        # A Hessian of zeros turns nothing.
        vector = jax.tree.map(lambda a, b: jnp.where(size > 0, a, b), turned, vector)
        return vector, value

    count = jnp.where(step == 0, START, iterations)
    vector, value = lax.fori_loop(0, count, iterate, (old.vector, old.value))
    start = jnp.where(step == 0, value, old.start)
    return Sharpness(vector, value, start, value / threshold)


def metrics(found: Sharpness) -> dict[str, jax.Array]:
    """Sharpness now and before the first step, and over the largest that is stable."""
    return dict(zip(NAMES, (found.value, found.start, found.over), strict=True))


def _dot(a: Tree, b: Tree) -> jax.Array:
    parts = jax.tree.map(jnp.vdot, a, b)
    return sum(jax.tree.leaves(parts), jnp.zeros(()))


def _unit(tree: Tree) -> tuple[Tree, jax.Array]:
    """A tree of norm 1 along this one, and the norm that it had."""
    size = jnp.sqrt(_dot(tree, tree))
    return jax.tree.map(lambda leaf: leaf / jnp.where(size > 0, size, 1.0), tree), size
