"""Pixels one after another: what a picture is reduced to, what it costs, bad input."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import LabError, config, registry
from scaling_lab.engine.training import program
from scaling_lab.learners.pixels import Pixels, rounded, shrunk


def test_areas_are_averaged_and_the_mean_is_kept():
    x = np.arange(2 * 28 * 28, dtype=np.float32).reshape(2, 28, 28)
    np.testing.assert_allclose(shrunk(x, 14), x.reshape(2, 14, 2, 14, 2).mean((2, 4)), rtol=1e-5)
    np.testing.assert_allclose(shrunk(x, 8).mean((1, 2)), x.mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(shrunk(x, 28), x)
    assert shrunk(np.ones((5, 6, 4, 3)), 2).shape == (5, 2, 2, 3)


def test_greys_are_ranges_of_equal_width():
    grey = np.arange(256, dtype=np.float32).reshape(256, 1, 1)
    np.testing.assert_array_equal(rounded(grey, 256, 16)[:, 0], np.arange(256) // 16)
    np.testing.assert_array_equal(rounded(grey[:17], 17, 17)[:, 0], np.arange(17))


def test_a_model_that_knows_nothing_pays_the_entropy_of_the_vocabulary():
    run = Pixels.example()
    learner = run.learner.bind(run)
    traced = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    traced["data"] = program.load(run)
    state = jax.jit(learner.init)(jax.random.key(0), traced)
    blank = state._replace(params=jax.tree.map(jnp.zeros_like, state.params))
    found = jax.jit(learner.evaluate)(blank, traced)
    assert float(found["test_loss"]) == pytest.approx(16 * np.log(9), rel=1e-5)
    assert float(found["test_bits_per_dim"]) == pytest.approx(np.log2(9), rel=1e-5)


def test_pictures_no_larger_than_they_are():
    run = Pixels.example()
    with pytest.raises(LabError, match="side is 16 and the images are 8x8"):
        Pixels(side=16).spec(run)
    with pytest.raises(LabError, match="levels 2 to 256"):
        Pixels(levels=1)
    with pytest.raises(LabError, match="gives its model tokens"):
        run.learner.spec(replace(run, model=registry.get("model", "mlp")()))
