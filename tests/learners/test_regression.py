"""Regression on a population: its risk in closed form, and what it refuses."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import MLP, Digits, LabError, populations, registry
from scaling_lab.learners import regression
from scaling_lab.learners.regression import Regression


def test_the_risk_is_that_of_many_examples():
    population = jax.tree.map(jnp.asarray, populations.power_law(16, 0.5, 1.0, 0.5))
    weight = jnp.linspace(-1.0, 1.0, 16)
    x, y = regression.drawn(population, jnp.arange(40_000))
    squares = np.asarray((x @ weight - y) ** 2, "float64")
    expected = float(regression.expected_error(population, weight))
    assert abs(squares.mean() - expected) < 4 * squares.std() / 200


def test_no_other_model_and_no_dataset():
    run = Regression.example()
    with pytest.raises(LabError, match="MLP does not say that it is one; take top_features"):
        Regression().spec(replace(run, model=MLP()))
    with pytest.raises(LabError, match="Digits is a dataset; take power_law"):
        Regression().spec(replace(run, data=Digits()))
    with pytest.raises(LabError, match=r"noise -1\.0; it is a deviation, give 0 or more"):
        registry.get("data", "power_law")(noise=-1.0)
