"""The noise scale against one that is known, and what it costs when it is off."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import LabError, Recipe, config, observables, optim
from scaling_lab.observables import noise_scale

BATCH, PARTS = 32, 8


@pytest.fixture(scope="module")
def examples():
    """Per-example gradients of a linear loss: the examples themselves."""
    random = np.random.default_rng(0)
    return jnp.asarray(random.normal(0.3, 1.0, (4_000, 5)) * [1, 2, 0.5, 1, 3], jnp.float32)


def loss(params, x):
    return jnp.mean(x @ params)


def test_both_estimators_find_a_known_noise_scale(examples):
    recipe = Recipe(batch_size=BATCH, accumulate=PARTS, noise_decay=0.9999)
    measured = optim.gradient_and_norms(loss, recipe)

    def step(noise, key):
        index = jax.random.randint(key, (BATCH,), 0, len(examples))
        _, _, norms = measured(jnp.zeros(5), examples[index])
        return noise_scale.update(noise, norms, BATCH, jnp.float32(recipe.noise_decay)), None

    keys = jax.random.split(jax.random.key(0), 20_000)
    noise, _ = jax.lax.scan(step, noise_scale.begin(), keys)
    found = noise_scale.metrics(noise)
    exact = float(examples.var(0).sum() / jnp.square(examples.mean(0)).sum())
    assert found["noise_scale"] == pytest.approx(exact, rel=0.05)
    assert found["noise_scale_two_batches"] == pytest.approx(exact, rel=0.1)
    assert found["gradient_variance"] == pytest.approx(float(examples.var(0).sum()), rel=0.02)


def test_the_gradient_that_is_measured_is_the_one_that_is_taken(examples):
    recipe = Recipe(batch_size=BATCH, accumulate=PARTS)
    batch = examples[:BATCH]
    value, slope = optim.gradient(loss, recipe)(jnp.ones(5), batch)
    again, same, norms = optim.gradient_and_norms(loss, recipe)(jnp.ones(5), batch)
    np.testing.assert_array_equal(value, again)
    np.testing.assert_array_equal(slope, same)
    parts = batch.reshape(-1, PARTS, 5).mean(0)  # part i takes every parts-th example
    np.testing.assert_allclose(norms.parts, jnp.square(parts).sum(1), rtol=1e-5)
    np.testing.assert_allclose(norms.half, jnp.square(parts[: PARTS // 2].sum(0)).sum(), rtol=1e-5)
    np.testing.assert_allclose(norms.whole, jnp.square(parts.sum(0)).sum(), rtol=1e-5)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_too_few_or_odd_parts_are_one_line(parts, small):
    recipe = Recipe(batch_size=10, accumulate=parts, noise_decay=0.9)
    run = dataclasses.replace(small, recipe=recipe)
    with pytest.raises(LabError, match=f"accumulate is {parts}; give an even number from 4 on"):
        observables.bound(run)


def test_a_batch_that_does_not_divide_is_one_line():
    with pytest.raises(LabError, match="accumulate is 4; give a divisor of batch_size 30"):
        Recipe(batch_size=30, accumulate=4, noise_decay=0.9)


def test_what_is_off_leaves_identity_and_program_as_they_were(small):
    given = {path for fields in small.fields for path in fields.given}
    assert not given & {f"recipe.{name}" for name in observables.OFF}
    assert not {f"recipe.{name}" for name in observables.OFF} & config.traced_values(small).keys()
    learner = small.learner.bind(small)
    assert observables.without(small) is small
    data = jax.tree.map(jnp.asarray, learner.data())
    numbers = {name: jnp.asarray(value) for name, value in config.traced_values(small).items()}
    state = learner.init(jax.random.key(0), {**numbers, "data": data})
    assert state.observed is None
