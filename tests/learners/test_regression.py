"""Regression on a population: what is drawn, what is refused, and its exact expectation."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import MLP, Digits, LabError, config, populations, registry
from scaling_lab.analysis import theory
from scaling_lab.learners import regression
from scaling_lab.learners.regression import Regression


def trained(run, seeds):
    """The risk after the run's steps, an array over seeds, each with examples of its own."""
    run = replace(run, data_seed=1)
    learner = run.learner.bind(run)
    fixed = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    data = jax.tree.map(jnp.asarray, learner.data())

    def one(seed):
        traced = fixed | {"data": data, "seed": seed, "data_seed": seed}
        state = learner.init(jax.random.key(seed), traced)
        state = jax.lax.fori_loop(
            0, run.steps, lambda _, s: learner.step(s, jax.random.key(0), traced)[0], state
        )
        return learner.evaluate(state, traced)["test_loss"]

    return np.asarray(jax.jit(jax.vmap(one))(jnp.arange(1, seeds + 1)), "float64")


def test_an_example_is_a_function_of_its_place():
    population = jax.tree.map(jnp.asarray, populations.power_law(16, 1.0, 1.0, 0.5))
    x, y = regression.examples(population, jnp.array([3, 7]))
    again, _ = regression.examples(population, jnp.array([7]))
    np.testing.assert_array_equal(x[1], again[0])
    assert not np.allclose(x[0], x[1])
    assert not np.allclose(y, x @ population.weight)


def test_the_risk_is_that_of_many_examples():
    population = jax.tree.map(jnp.asarray, populations.power_law(16, 0.5, 1.0, 0.5))
    weight = jnp.linspace(-1.0, 1.0, 16)
    x, y = regression.examples(population, jnp.arange(40_000))
    squares = np.asarray((x @ weight - y) ** 2, "float64")
    expected = float(regression.expected_error(population, weight))
    assert abs(squares.mean() - expected) < 4 * squares.std() / 200


def test_seeds_agree_with_the_exact_recursion():
    base = Regression.example()
    recipe = replace(base.recipe, batch_size=2, learning_rate=0.15)
    data = replace(base.data, a=0.5, b=1.0, noise=0.3)
    run = replace(base, recipe=recipe, data=data, D=240, steps=120)
    risks = trained(run, 400)
    settings = {"a": 0.5, "b": 1.0, "coordinates": 64, "noise": 0.3}
    at = {"N": 16, "steps": 120, "batch_size": 2, "learning_rate": 0.15, "epochs": 1}
    (expected,) = theory.values(
        "top_features", settings, {name: np.array([float(x)]) for name, x in at.items()}
    )
    assert abs(risks.mean() - expected) < 4 * risks.std(ddof=1) / 20
    assert risks.std(ddof=1) / 20 < 0.02 * (expected - 0.09)


def test_no_other_model_and_no_dataset():
    run = Regression.example()
    with pytest.raises(LabError, match="MLP does not say that it is one; take top_features"):
        Regression().spec(replace(run, model=MLP()))
    with pytest.raises(LabError, match="Digits is a dataset; take power_law"):
        Regression().spec(replace(run, data=Digits()))
    with pytest.raises(LabError, match=r"noise -1\.0; it is a deviation, give 0 or more"):
        registry.get("data", "power_law")(noise=-1.0)
