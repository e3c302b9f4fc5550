"""Flows: there and back, the determinant against autodiff's Jacobian, where the norms begin."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from scaling_lab import Flow, LabError, config, registry
from scaling_lab.engine.training import program
from scaling_lab.images import likelihood
from scaling_lab.layers.space_to_depth import squeeze, unsqueeze
from scaling_lab.models.glow import LOG_SCALE_RATE, Glow
from scaling_lab.optim import TrainState


def flow(model, shape, width=1.0):
    """A network whose every parameter is away from where it begins, and a batch so wide."""
    network = model.network(1, shape)
    x = width * (jax.random.uniform(jax.random.key(0), (5, *shape)) - 0.5)

    @jax.jit
    def moved(x):
        flat, shaped = ravel_pytree(network.init(jax.random.key(1), x))
        return shaped(flat + 0.03 * jax.random.normal(jax.random.key(2), flat.shape))

    return network, moved(x), x


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
    unit = likelihood.dequantised(traced["data"]["train"][:64], jax.random.key(5), 17)
    y, _ = likelihood.logit(unit, run.learner.margin)
    found = np.asarray(squeeze(y[..., None]))
    np.testing.assert_allclose(-norm["shift"], found.mean((0, 1, 2)), atol=0.1)
    np.testing.assert_allclose(
        np.exp(-LOG_SCALE_RATE * norm["scale"]), found.std((0, 1, 2)), rtol=0.05
    )
    other = init(jax.random.key(0), {**traced, "D": jnp.asarray(3)})
    assert not np.allclose(norm["shift"], other.params["flow_0_0"]["parts_0"]["shift"], atol=1e-3)


def test_the_loss_is_the_density_of_the_whole_way_from_pixels_to_latent():
    """discrete - log Normal(z) - log |det dz/du|, by autodiff's Jacobian of logit and network."""
    run = registry.get("learner", "flow").example()
    run = replace(run, model=Glow(levels=1, steps=2, width=4))
    network, variables, _ = flow(run.model, (8, 8), width=6.0)
    margin = run.learner.margin
    traced = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 17, (3, 8, 8)).astype(np.uint8)
    held = likelihood.eval_examples(pixels)
    evaluate = jax.jit(run.learner.bind(run).evaluate)
    state = TrainState(variables["params"], None, jnp.zeros((), jnp.int32))
    told = evaluate(state, traced | {"data": {"valid": held, "test": held}})["test_loss"]

    @jax.jit
    def whole(one):
        y, _ = likelihood.logit(one[None], margin)
        return network.apply(variables, y)[0][0]

    unit = likelihood.dequantised(jnp.asarray(pixels), jax.random.fold_in(jax.random.key(0), 0), 17)
    jacobians = jax.jit(jax.vmap(jax.jacobian(whole)))(unit).reshape(3, 64, 64)
    z = np.asarray(jax.vmap(whole)(unit), np.float64)
    normal = -(z**2 + np.log(2 * np.pi)).sum(1) / 2
    _, determinants = np.linalg.slogdet(np.asarray(jacobians, np.float64))
    wanted = 64 * np.log(17) - normal - determinants
    assert float(told) == pytest.approx(wanted.mean(), abs=0.05)
    y, _ = likelihood.logit(unit, margin)
    np.testing.assert_allclose(likelihood.expit(y, margin), unit, atol=1e-6)


def test_a_loss_of_pixels_that_are_any_is_a_bit_for_each_doubling_of_levels():
    """Uniform pixels cannot be told in less: 8 bits a dimension, and what noise and logit cost."""
    run = registry.get("learner", "flow").example()
    learner = run.learner.bind(run)
    traced = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    traced["data"] = program.load(run)
    state = jax.jit(learner.init)(jax.random.key(0), traced)
    noise = np.random.Generator(np.random.PCG64(1)).integers(0, 17, (100, 8, 8)).astype(np.uint8)
    traced["data"] |= {"test": likelihood.eval_examples(noise)}
    found = jax.jit(learner.evaluate)(state, traced)
    assert found["test_bits_per_dim"] > np.log2(17)


def test_margins_that_cannot_be_are_refused():
    with pytest.raises(LabError, match=r"give a margin from 1e-7 to below 0\.5"):
        Flow(margin=0.5)


def test_nothing_is_lost_in_squares():
    x = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))
    assert squeeze(x).shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(unsqueeze(squeeze(x)), x)
