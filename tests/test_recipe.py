"""Optimisers, schedules, and the choices of a recipe that must not change what is learned."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import MLP, LabError, Recipe, config, optim
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import train


def numbers(recipe, steps=100):
    values = {f"recipe.{f.name}": getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
    return {k: v for k, v in values.items() if not isinstance(v, str)} | {"steps": steps}


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_every_optimiser_finds_the_bottom_of_a_bowl(name):
    recipe = Recipe(optimizer=name, schedule="linear", learning_rate=0.1, clip=1.0)
    update = optim.optimizer(recipe, numbers(recipe))
    params = {"w": jnp.array([3.0, -2.0])}

    @jax.jit
    def step(params, state):
        slope = jax.tree.map(lambda w: w, params)
        updates, state = update.update(slope, state, params)
        return jax.tree.map(jnp.add, params, updates), state

    state = update.init(params)
    for _ in range(100):
        params, state = step(params, state)
    assert float(jnp.abs(params["w"]).max()) < 0.5


@pytest.mark.parametrize("name", sorted(optim.SCHEDULES))
def test_every_schedule_rises_stays_below_its_peak_and_ends_as_told(name):
    recipe = Recipe(schedule=name, learning_rate=2.0, warmup=10, final=0.1)
    rate = optim.learning_rate(name, numbers(recipe))
    rates = np.array([float(rate(jnp.int32(step))) for step in range(101)])
    assert rates[0] == pytest.approx(0.2)
    assert (np.diff(rates[:10]) > 0).all()
    assert rates.max() <= 2.0 + 1e-6
    assert rates[100] == pytest.approx(2.0 if name == "constant" else 0.2)


def test_wsd_is_flat_until_it_falls():
    recipe = Recipe(schedule="wsd", learning_rate=1.0, decay=0.2)
    rate = optim.learning_rate("wsd", numbers(recipe))
    rates = [float(rate(jnp.int32(step))) for step in (0, 50, 80, 90, 100)]
    assert rates == pytest.approx([1, 1, 1, 0.5, 0])


def test_host_and_device_agree_where_the_decay_begins():
    for steps in (1, 7, 99, 12_345):
        for decay in (0.0, 0.1, 0.25, 1.0):
            inside = jax.jit(optim.stable_steps)(jnp.int32(steps), jnp.float32(decay))
            assert int(inside) == int(optim.stable_steps(steps, decay))


@pytest.fixture(scope="module")
def losses():
    """Recipe changes -> final validation loss of the same small run."""
    from scaling_lab import Digits, Run, Supervised

    data = None

    def losses(model=None, **changes):
        nonlocal data
        recipe = Recipe(batch_size=64, learning_rate=3e-3, **changes)
        model = model or MLP(depth=2, width=16)
        run = Run(learner=Supervised(), data=Digits(), model=model, recipe=recipe, D=500, steps=100)
        data = data or program.load(run)
        (outcome,) = train(program.build(run, 1, data), data, [run])
        return outcome.curve[-1]["valid_loss"]

    return losses


def test_accumulated_is_whole(losses):
    assert losses(accumulate=4) == pytest.approx(losses(), rel=2e-3)


def test_recomputed_is_kept(losses):
    assert losses(model=MLP(depth=2, width=16, remat=True)) == pytest.approx(losses(), rel=1e-4)


def test_half_precision_learns_as_much(losses):
    assert losses(precision="bfloat16") == pytest.approx(losses(), rel=0.05)


def test_parameters_stay_in_float32():
    run = config.registry.get("learner", "supervised").example()
    recipe = dataclasses.replace(run.recipe, precision="bfloat16")
    run = dataclasses.replace(run, recipe=recipe)
    data = program.load(run)
    empty = program.build(run, 1, data).empty
    assert {leaf.dtype for leaf in jax.tree.leaves(empty.state.params)} == {jnp.dtype("float32")}


def test_the_average_is_the_recurrence_of_the_parameters(small):
    """Every learner with a TrainState: the average is evaluated and kept, the raw ones go on."""
    decay, steps = 0.6, 5
    recipe = dataclasses.replace(small.recipe, ema_decay=decay)
    plain = small.learner.bind(small)
    averaged = small.learner.bind(dataclasses.replace(small, recipe=recipe))
    traced = {name: jnp.asarray(value) for name, value in config.traced_values(small).items()}
    given = {**traced, "data": plain.data()}
    state = plain.init(jax.random.key(0), given)
    other = averaged.init(jax.random.key(0), {**given, "recipe.ema_decay": decay})
    plain_step, averaged_step = jax.jit(plain.step), jax.jit(averaged.step)
    expected = jax.device_get(state.params)
    for step in range(steps):
        key = jax.random.key(step)
        state, _ = plain_step(state, key, given)
        other, _ = averaged_step(other, key, {**given, "recipe.ema_decay": decay})
        d = min(decay, (1 + step) / (10 + step))
        new = jax.device_get(state.params)
        expected = jax.tree.map(lambda old, new, d=d: d * old + (1 - d) * new, expected, new)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)
    jax.tree.map(close, other.params, state.params)
    jax.tree.map(close, averaged.params(other), expected)
    swapped = state._replace(params=averaged.params(other))
    found, same = averaged.evaluate(other, given), plain.evaluate(swapped, given)
    assert found["valid_loss"] == same["valid_loss"]
    assert found["valid_loss"] != plain.evaluate(state, given)["valid_loss"]


def test_a_decay_of_the_average_is_below_one():
    with pytest.raises(LabError, match=r"recipe\.ema_decay is 1\.0; give a number from 0 to below"):
        Recipe(ema_decay=1.0)
