"""The sharpness against the eigenvalues of a whole Hessian, and what it is refused for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from scaling_lab import (
    MLP,
    Digits,
    LabError,
    Recipe,
    Run,
    Supervised,
    config,
    observables,
    registry,
)
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import train

RECIPE = Recipe(
    optimizer="sgd", schedule="constant", batch_size=60, learning_rate=0.05, power_iterations=20
)


@pytest.fixture(scope="module")
def run():
    learner, model = Supervised(loss="squares"), MLP(width=4, depth=1, activation="tanh")
    return Run(learner=learner, data=Digits(), model=model, recipe=RECIPE, D=60, steps=96)


@pytest.fixture(scope="module")
def trained(run):
    data = program.load(run)
    (found,) = train(program.build(run, 1, data), data, [run])
    return found.curve


def hessian_at(run, steps):
    """Eigenvalues of the Hessian of the loss after so many steps, from a loop of our own."""
    x, y = run.data.load().train
    x, y = (jnp.asarray(part[: run.D]) for part in (x, y))
    x = (x.astype(jnp.float32) - run.data.spec.mean) / run.data.spec.std
    network = run.model.network(10)
    key = jax.random.fold_in(jax.random.key(run.seed), 0)
    flat, back = ravel_pytree(network.init(key, jnp.zeros((1, 8, 8)))["params"])

    def loss(flat):
        out = network.apply({"params": back(flat)}, x)
        return 0.5 * jnp.square(out - jax.nn.one_hot(y, 10)).sum(-1).mean()

    slope = jax.jit(jax.grad(loss))
    for _ in range(steps):
        flat = flat - run.recipe.learning_rate * slope(flat)
    return np.linalg.eigvalsh(np.asarray(jax.hessian(loss)(flat), "float64")), loss, flat


def test_it_is_the_largest_eigenvalue_of_the_hessian(run, trained):
    # The metric is that of the parameters from which the last step was taken.
    for row in (trained[0], trained[-1]):
        eigenvalues, _, _ = hessian_at(run, row["step"] - 1)
        assert row["sharpness"] == pytest.approx(eigenvalues[-1], rel=2e-3)
        ratio = row["sharpness"] * run.recipe.learning_rate / 2
        assert row["sharpness_over_threshold"] == pytest.approx(ratio, rel=1e-5)
    eigenvalues, _, _ = hessian_at(run, 0)
    assert trained[0]["sharpness_start"] == pytest.approx(eigenvalues[-1], rel=1e-3)


def test_lanczos_of_matfree_agrees(run, trained):
    decomp = pytest.importorskip("matfree.decomp")
    _, loss, flat = hessian_at(run, trained[-1]["step"] - 1)

    def product(vector):
        return jax.jvp(jax.grad(loss), (flat,), (vector,))[1]

    found = decomp.tridiag_sym(30)(product, jnp.ones_like(flat) / np.sqrt(flat.size))
    assert trained[-1]["sharpness"] == pytest.approx(
        float(jnp.linalg.eigvalsh(found.J_small)[-1]), rel=2e-3
    )


def test_measuring_changes_no_loss(run, trained):
    plain = dataclasses.replace(run, recipe=dataclasses.replace(RECIPE, power_iterations=0))
    data = program.load(plain)
    (found,) = train(program.build(plain, 1, data), data, [plain])
    for one, other in zip(found.curve, trained, strict=True):
        assert one["valid_loss"] == pytest.approx(other["valid_loss"], rel=1e-5)
    assert "sharpness" not in found.curve[0]


def test_minibatches_are_stochastic(run):
    other = dataclasses.replace(run, recipe=dataclasses.replace(RECIPE, batch_size=20))
    with pytest.raises(LabError, match=r"each step of supervised sees 20 of D = 60: it is stochas"):
        observables.bound(other)


def test_a_learner_that_draws_is_stochastic():
    run = registry.get("learner", "vae").example()
    recipe = dataclasses.replace(run.recipe, batch_size=run.D, power_iterations=1)
    run = dataclasses.replace(run, recipe=recipe)
    with pytest.raises(LabError, match="vae draws random numbers: it is stochastic"):
        program.build(run, 1, program.load(run))


def test_momentum_raises_the_threshold():
    from scaling_lab.optim import stability_threshold

    recipe = Recipe(optimizer="momentum", schedule="constant")
    run = dataclasses.replace(registry.get("learner", "supervised").example(), recipe=recipe)
    traced = {name: jnp.asarray(value) for name, value in config.traced_values(run).items()}
    found = stability_threshold(recipe, traced, jnp.int32(0))
    assert found == pytest.approx((2 + 2 * 0.9) / 1e-3, rel=1e-5)
    assert jnp.isnan(stability_threshold(Recipe(optimizer="adam"), traced, jnp.int32(0)))
