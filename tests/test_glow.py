"""Flows: there and back, the determinant against autodiff's Jacobian, where the norms begin."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import config, program, registry
from scaling_lab.models.glow import HASTE, Glow
from scaling_lab.models.space import squeeze, unsqueeze


def flow(model, shape, seed=0):
    """A network whose every parameter is away from where it begins, and a batch."""
    network = model.network(1, shape)
    x = jax.random.uniform(jax.random.key(seed), (5, *shape)) - 0.5
    params = jax.jit(network.init)(jax.random.key(1), x)["params"]
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    moved = [
        leaf + 0.03 * jax.random.normal(key, leaf.shape)
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return network, {"params": jax.tree.unflatten(tree, moved)}, x


@pytest.mark.parametrize(
    ("model", "shape"),
    [(Glow(levels=2, steps=2, width=8), (8, 8)), (Glow(levels=1, steps=1, width=4), (4, 6, 3))],
    ids=["two levels", "colours"],
)
def test_there_and_back_again(model, shape):
    network, variables, x = flow(model, shape)
    there = jax.jit(network.apply)
    back = jax.jit(lambda variables, z: network.apply(variables, z, method="inverse"))
    z, _ = there(variables, x)
    assert z.shape == (5, np.prod(shape))
    np.testing.assert_allclose(back(variables, z), x, atol=1e-4)
    other = jax.random.normal(jax.random.key(9), z.shape)
    np.testing.assert_allclose(there(variables, back(variables, other))[0], other, atol=1e-3)


def test_the_determinant_is_that_of_the_jacobian():
    model = Glow(levels=2, steps=1, width=4)
    network, variables, x = flow(model, (4, 4))
    jacobian = jax.jit(jax.jacobian(lambda one: network.apply(variables, one[None])[0][0]))
    _, told = jax.jit(network.apply)(variables, x)
    for one, ours in zip(x[:3], told, strict=False):
        sign, wanted = np.linalg.slogdet(np.asarray(jacobian(one)).reshape(16, 16))
        assert abs(sign) == 1
        assert float(ours) == pytest.approx(wanted, abs=1e-4)


def test_the_norms_begin_with_the_moments_of_the_first_pictures():
    """At first couplings scale by one number and mixing rotates: each step's input is normal."""
    run = registry.get("learner", "flow").example()
    run = replace(run, model=Glow(levels=1, steps=1, width=4), D=64)
    learner = run.learner.bind(run)
    traced = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    traced["data"] = program.load(run)
    init = jax.jit(learner.init)
    state = init(jax.random.key(0), traced)
    norm = state.params["flow_0_0"]["parts_0"]
    x = traced["data"]["train"][:64].astype(np.float32) / 17 - 0.5 + 0.5 / 17
    found = np.asarray(squeeze(x[..., None]))
    np.testing.assert_allclose(-norm["shift"], found.mean((0, 1, 2)), atol=0.01)
    np.testing.assert_allclose(np.exp(-HASTE * norm["scale"]), found.std((0, 1, 2)), rtol=0.05)
    other = init(jax.random.key(0), {**traced, "D": jnp.asarray(3)})
    assert not np.allclose(norm["shift"], other.params["flow_0_0"]["parts_0"]["shift"], atol=1e-3)


def test_nothing_is_lost_in_squares():
    x = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))
    assert squeeze(x).shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(unsqueeze(squeeze(x)), x)
