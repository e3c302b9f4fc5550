"""Named optimisers and schedules, from optax, with traced numbers.

An optimiser is built inside the traced step from the traced numbers, so a new learning rate or
weight decay needs no compile. `OPTIMIZERS` and `SCHEDULES` implement the names that `recipe` lists.
`traced` maps the dotted path of each traced field of a run to a scalar. A schedule is a function of
optimiser updates; traced["updates"] is their number in the whole run (the program adds it). If
it is missing, each step is one update. traced["multipliers"], which is no number, holds what the
model's parametrisation multiplies updates by (the program adds it where there is such).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import PartitionSpec

from .errors import LabError
from .observables import Observed, noise_scale, sharpness
from .protocols import Params, Traced, Tree

if TYPE_CHECKING:
    from .recipe import Recipe

Rate = Callable[[Any], jax.Array]


def constant(step: jax.Array, traced: Traced) -> jax.Array:
    """1 at every step."""
    return jnp.ones_like(step, jnp.float32)


def cosine(step: jax.Array, traced: Traced) -> jax.Array:
    """Half a cosine from 1 to `final` (Loshchilov & Hutter 2017, without restarts)."""
    final = traced["recipe.final"]
    progress = _progress(step, traced["recipe.warmup"], _updates(traced))
    wave = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
    return final + (1.0 - final) * wave


def linear(step: jax.Array, traced: Traced) -> jax.Array:
    """A straight line from 1 to `final`."""
    fall = _progress(step, traced["recipe.warmup"], _updates(traced))
    return 1.0 - (1.0 - traced["recipe.final"]) * fall


def wsd(step: jax.Array, traced: Traced) -> jax.Array:
    """Warm-up, stable, decay (Hu 2024): 1, then a straight line over the last `decay` of steps."""
    begin = stable_steps(_updates(traced), traced["recipe.decay"])
    return 1.0 - (1.0 - traced["recipe.final"]) * _progress(step, begin, _updates(traced))


SCHEDULES: dict[str, Callable[[jax.Array, Traced], jax.Array]] = {
    "constant": constant,
    "cosine": cosine,
    "linear": linear,
    "wsd": wsd,
}


def stable_steps(steps: int | jax.Array, decay: float | jax.Array) -> Any:
    """Steps before the decay of warm-up-stable-decay; the same on the host and in a program."""
    array = jnp if isinstance(steps, jax.Array) else np
    return steps - array.round(array.float32(steps) * array.float32(decay)).astype(array.int32)


def learning_rate(schedule: str, traced: Traced) -> Rate:
    """Step -> learning rate: linear warm-up times the named schedule times the peak."""

    def rate(step: jax.Array) -> jax.Array:
        rise = jnp.minimum(1.0, (step + 1) / jnp.maximum(traced["recipe.warmup"], 1))
        return traced["recipe.learning_rate"] * rise * SCHEDULES[schedule](step, traced)

    return rate


Scale = tuple[optax.GradientTransformation, ...]  # by path, or empty where nothing is scaled


def _sgd(rate: Rate, traced: Traced, scale: Scale) -> optax.GradientTransformation:
    return optax.chain(*scale, optax.identity(), optax.scale_by_learning_rate(rate))


def _momentum(rate: Rate, traced: Traced, scale: Scale) -> optax.GradientTransformation:
    decay = optax.add_decayed_weights(traced["recipe.weight_decay"])
    return optax.chain(*scale, decay, optax.sgd(rate, momentum=traced["recipe.momentum"]))


def _adam(rate: Rate, traced: Traced, scale: Scale) -> optax.GradientTransformation:
    return optax.chain(_by_moments(traced), *scale, optax.scale_by_learning_rate(rate))


def _adamw(rate: Rate, traced: Traced, scale: Scale) -> optax.GradientTransformation:
    decay = optax.add_decayed_weights(traced["recipe.weight_decay"])
    return optax.chain(_by_moments(traced), *scale, decay, optax.scale_by_learning_rate(rate))


def _lion(rate: Rate, traced: Traced, scale: Scale) -> optax.GradientTransformation:
    sign = optax.scale_by_lion(b1=traced["recipe.momentum"], b2=traced["recipe.second"])
    decay = optax.add_decayed_weights(traced["recipe.weight_decay"])
    return optax.chain(sign, *scale, decay, optax.scale_by_learning_rate(rate))


def _by_moments(traced: Traced) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=traced["recipe.momentum"], b2=traced["recipe.second"])


OPTIMIZERS: dict[str, Callable[[Rate, Traced, Scale], optax.GradientTransformation]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "adam": _adam,
    "adamw": _adamw,
    "lion": _lion,
}
NOT_NORMALISED = ("sgd", "momentum")  # their updates are as large as the gradient


def optimizer(recipe: Recipe, traced: Traced) -> optax.GradientTransformation:
    """The optax transformation of a recipe's static choices with these traced numbers.

    Updates are scaled by path if traced["multipliers"] says how (`parametrization.Table`); the
    shrinking by weight decay is not.
    """
    scale: Scale = ()
    if (table := traced.get("multipliers")) is not None:
        kind = "sgd" if recipe.optimizer in NOT_NORMALISED else "adam"
        scale = (optax.stateless(lambda updates, params: table.scaled(updates, kind)),)
    rate = learning_rate(recipe.schedule, traced)
    update = OPTIMIZERS[recipe.optimizer](rate, traced, scale)
    if recipe.clip:
        return optax.chain(optax.clip_by_global_norm(recipe.clip), update)
    return update


def gradient(
    loss: Callable[[Params, Tree], jax.Array], recipe: Recipe
) -> Callable[[Params, Tree], tuple[jax.Array, Params]]:
    """(params, batch) -> mean loss and its gradient over a batch, a tree of leading axis B.

    The batch is sharded over the devices if they share one, and taken in `recipe.accumulate`
    parts, whose means are averaged.
    """
    whole = jax.value_and_grad(loss)
    if recipe.accumulate == 1:
        return lambda params, batch: whole(params, split_batch(batch))

    def accumulated(params: Params, batch: Tree) -> tuple[jax.Array, Params]:
        total, _ = _summed(whole, params, batch, recipe.accumulate, lambda before, part: None)
        return jax.tree.map(lambda leaf: leaf / recipe.accumulate, total)

    return accumulated


def gradient_and_norms(
    loss: Callable[[Params, Tree], jax.Array], recipe: Recipe
) -> Callable[[Params, Tree], tuple[jax.Array, Params, noise_scale.Norms]]:
    """As `gradient`, with the squared norms that the noise scale is estimated from."""
    whole, squared = jax.value_and_grad(loss), noise_scale.squared

    def measured(params: Params, batch: Tree) -> tuple[jax.Array, Params, noise_scale.Norms]:
        total, (parts, before) = _summed(
            whole,
            params,
            batch,
            recipe.accumulate,
            lambda before, part: (squared(part[1]), squared(before[1])),
        )
        value, slope = jax.tree.map(lambda leaf: leaf / recipe.accumulate, total)
        return (
            value,
            slope,
            noise_scale.Norms(parts, squared(total[1]), before[recipe.accumulate // 2]),
        )

    return measured


def _summed(
    whole: Callable[[Params, Tree], Tree],
    params: Params,
    batch: Tree,
    parts: int,
    told: Callable[[Tree, Tree], Tree],
) -> tuple[Tree, Tree]:
    """The sum of whole(params, part) over the parts of a batch, and told(sum before, part) of each.

    Part i takes every parts-th example, so that each device keeps its own in every part.
    """
    chunks = jax.tree.map(
        lambda leaf: leaf.reshape(-1, parts, *leaf.shape[1:]).swapaxes(0, 1), batch
    )

    def add(total: Tree, chunk: Tree) -> tuple[Tree, Tree]:
        found = whole(params, split_batch(chunk))
        return jax.tree.map(jnp.add, total, found), told(total, found)

    first = jax.tree.map(lambda leaf: leaf[0], chunks)
    zero = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(whole, params, first)
    )
    return jax.lax.scan(add, zero, chunks)


def require_defaults(recipe: Recipe) -> None:
    """Raise LabError unless precision and accumulate have their defaults.

    For learners that support no others.
    """
    if recipe.precision != "float32" or recipe.accumulate != 1:
        raise LabError(
            "this learner computes in float32 and takes each minibatch whole; "
            "leave precision and accumulate at their defaults"
        )


def require_no_gradients(recipe: Recipe) -> None:
    """Raise LabError if the recipe asks for what only gradients tell.

    For learners that count, which support no other precision and no parts of a minibatch either.
    """
    require_defaults(recipe)
    if recipe.noise_decay or recipe.power_iterations:
        raise LabError(
            "this learner counts and has no gradients; leave noise_decay and power_iterations 0"
        )


def cast_to_precision(recipe: Recipe, tree: Tree) -> Tree:
    """Parameters and inputs in the precision that the recipe computes in."""
    if recipe.precision == "float32":
        return tree
    return jax.tree.map(lambda leaf: leaf.astype(jnp.dtype(recipe.precision)), tree)


def split_batch(tree: Tree) -> Tree:
    """Shard the leading axis over the devices of a program whose devices share each batch.

    A learner calls it on the examples of a step. Under any other placement it does nothing.
    """
    if "batch" not in jax.sharding.get_abstract_mesh().axis_names:
        return tree
    return jax.lax.with_sharding_constraint(tree, PartitionSpec("batch"))


def moving_average(average: Params, params: Params, updates: jax.Array, decay: jax.Array) -> Params:
    """An exponential moving average of the parameters after one more update.

        average <- d * average + (1 - d) * params,    d = min(decay, (1 + updates) / (10 + updates))

    updates: those done before this one. The decay is smaller at first, so that the initial
    parameters are soon forgotten, as in TensorFlow's ExponentialMovingAverage and in diffusers.
    """
    decay = jnp.minimum(decay, (1.0 + updates) / (10.0 + updates))
    return jax.tree.map(lambda old, new: decay * old + (1.0 - decay) * new, average, params)


class TrainState(NamedTuple):
    """Parameters, optimiser state, updates done; the average of the parameters, if any.

    observed: what the recipe asks to be measured, if anything (see `observables`).
    """

    params: Params
    opt_state: optax.OptState
    step: jax.Array
    average: Params | None = None
    observed: Observed | None = None


def eval_params(state: TrainState) -> Params:
    """The parameters that are evaluated and kept: the average, if there is one."""
    return state.params if state.average is None else state.average


def with_params(state: TrainState, params: Params) -> TrainState:
    """The state with these parameters: the inverse of `eval_params`."""
    return state._replace(params=params, average=None if state.average is None else params)


def init_state(params: Params, recipe: Recipe, traced: Traced) -> TrainState:
    """The state before the first update."""
    opt_state = optimizer(recipe, traced).init(params)
    average = jax.tree.map(jnp.copy, params) if recipe.ema_decay else None
    observed = None
    if recipe.noise_decay or recipe.power_iterations:
        observed = Observed(
            noise_scale.begin() if recipe.noise_decay else None,
            sharpness.begin(params, traced["seed"]) if recipe.power_iterations else None,
        )
    return TrainState(params, opt_state, jnp.zeros((), jnp.int32), average, observed)


def apply_step(
    state: TrainState,
    loss: Callable[[Params, Tree], jax.Array],
    batch: Tree,
    recipe: Recipe,
    traced: Traced,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """One optimiser update on `loss(params, batch)`, a mean over the minibatch; and the loss.

    batch: a tree of arrays with the minibatch as their leading axis, often indices into the data.
    """
    if state.observed is None:
        (value, slope), observed = gradient(loss, recipe)(state.params, batch), None
    else:
        value, slope, observed = _observed(state, loss, batch, recipe, traced)
    update = optimizer(recipe, traced).update
    updates, opt_state = update(slope, state.opt_state, state.params)
    params = cast(Params, optax.apply_updates(state.params, updates))
    state = state._replace(observed=observed)
    return updated(state, params, opt_state, traced), {"loss": value}


def updated(
    state: TrainState, params: Params, opt_state: optax.OptState, traced: Traced
) -> TrainState:
    """The state after one more update, which gave these parameters."""
    average = state.average
    if average is not None:
        average = moving_average(average, params, state.step, traced["recipe.ema_decay"])
    return state._replace(params=params, opt_state=opt_state, step=state.step + 1, average=average)


def stability_threshold(recipe: Recipe, traced: Traced, step: jax.Array) -> jax.Array:
    """The largest eigenvalue of the Hessian along which descent is stable; NaN if unknown.

    2 / eta for gradient descent, (2 + 2 beta) / eta - decay for heavy-ball momentum (Cohen et al.
    2021, appendix B), whose weight decay adds to every eigenvalue.
    """
    if recipe.optimizer not in sharpness.DESCENT:
        return jnp.full((), jnp.nan)
    rate = learning_rate(recipe.schedule, traced)(step)
    if recipe.optimizer == "sgd":
        return 2.0 / rate
    return (2.0 + 2.0 * traced["recipe.momentum"]) / rate - traced["recipe.weight_decay"]


def _observed(
    state: TrainState,
    loss: Callable[[Params, Tree], jax.Array],
    batch: Tree,
    recipe: Recipe,
    traced: Traced,
) -> tuple[jax.Array, Params, Observed]:
    """The loss of a minibatch, its gradient, and what is measured beside them."""
    assert state.observed is not None
    noise, sharp = state.observed
    if noise is None:
        value, slope = gradient(loss, recipe)(state.params, batch)
    else:
        value, slope, norms = gradient_and_norms(loss, recipe)(state.params, batch)
        decay = traced["recipe.noise_decay"]
        noise = noise_scale.update(noise, norms, recipe.batch_size, decay)
    if sharp is not None:
        sharp = sharpness.update(
            sharp,
            lambda params: gradient(loss, recipe)(params, batch)[1],
            state.params,
            state.step,
            traced["recipe.power_iterations"],
            stability_threshold(recipe, traced, state.step),
        )
    return value, slope, Observed(noise, sharp)


def _updates(traced: Traced) -> jax.Array:
    """Optimiser updates of the whole run."""
    return traced.get("updates", traced["steps"])


def _progress(step: jax.Array, begin: jax.Array, end: jax.Array) -> jax.Array:
    return jnp.clip((step - begin) / jnp.maximum(end - begin, 1), 0.0, 1.0)
