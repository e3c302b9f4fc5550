"""Variational autoencoders: the bound and its parts, what a pixel becomes, bad input."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import MLP, Digits, LabError, Recipe, Run, Stdlib, config
from scaling_lab.data import Spec, Split, Splits
from scaling_lab.engine.training import program
from scaling_lab.images import likelihood as pictures
from scaling_lab.learners.vae import Vae, drawn
from scaling_lab.models.vae import MLPVAE, ConvVAE


def bound(**fields):
    """A learner of a few pictures, its fresh state and its traced numbers."""
    run = Run(
        learner=Vae(eval_examples=100, **fields),
        data=Digits(),
        model=MLPVAE(width=16, depth=1, latent=3),
        recipe=Recipe(batch_size=16),
        D=100,
        steps=10,
    )
    learner = run.learner.bind(run)
    traced = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    traced["data"] = program.load(run)
    return run, learner, jax.jit(learner.init)(jax.random.key(0), traced), traced


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_the_loss_is_its_parts_and_the_bound_rises_with_draws(likelihood):
    found = {}
    for samples in (1, 64):
        _, learner, state, traced = bound(likelihood=likelihood, samples=samples)
        found[samples] = jax.jit(learner.evaluate)(state, traced)
        parts = found[samples]["test_reconstruction"] + found[samples]["test_kl"]
        assert float(found[samples]["test_loss"]) == pytest.approx(float(parts), rel=1e-6)
    assert found[64]["test_bound"] < found[1]["test_bound"]
    assert found[64]["test_bound"] <= found[64]["test_loss"]
    bits = float(found[1]["test_loss"]) / (64 * np.log(2))
    assert float(found[1]["test_bits_per_dim"]) == pytest.approx(bits, rel=1e-5)


def test_many_draws_find_the_probability_of_a_picture():
    """Two latents on a fine grid: the bound of many draws is the integral."""
    run = Run(
        learner=Vae(samples=4_000, eval_examples=3, binarise="fixed"),
        data=Digits(),
        model=MLPVAE(width=8, depth=1, latent=2),
        D=100,
        steps=1,
    )
    learner = run.learner.bind(run)
    traced = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    traced["data"] = program.load(run)
    state = jax.jit(learner.init)(jax.random.key(3), traced)
    # Draws from the prior: from a narrow posterior as it begins few would find all that counts.
    blind = jax.tree.map(jnp.zeros_like, state.params["posterior"])
    state = state._replace(params={**state.params, "posterior": blind})
    got = float(jax.jit(learner.evaluate)(state, traced)["test_bound"])
    network = run.model.network(1, (8, 8))
    at = jnp.linspace(-5, 5, 101)
    z = jnp.stack(jnp.meshgrid(at, at), -1).reshape(-1, 2)
    out = network.apply({"params": state.params}, z, method="decode")[..., 0]
    x = jnp.asarray(traced["data"]["test"].x[0], jnp.float32)
    seen = jnp.einsum("gij,bij->gb", out, x) - jax.nn.softplus(out).sum((1, 2))[:, None]
    prior = pictures.normal(z)[:, None] + 2 * np.log(0.1)
    wanted = -float(jax.scipy.special.logsumexp(seen + prior, axis=0).mean())
    assert got == pytest.approx(wanted, abs=0.05)


def test_evaluation_has_the_same_noise_each_time():
    _, learner, state, traced = bound(likelihood="normal", samples=2)
    evaluate = jax.jit(learner.evaluate)
    other = {**traced, "seed": jnp.asarray(7)}
    first, second = evaluate(state, traced), evaluate(state, other)
    assert jax.device_get(first) == jax.device_get(second)


def test_a_uniform_density_costs_log_levels_a_pixel():
    """Of dequantised pixels a density of 1 on [0, 1) says exactly log2(levels) bits a dimension."""
    spec = Digits.spec
    assert pictures.bits(jnp.asarray(pictures.discrete(spec)), spec) == pytest.approx(np.log2(17))
    x = jnp.arange(17).repeat(50).reshape(-1, 1)
    u = pictures.dequantised(x, jax.random.key(0), 17)
    assert (u >= 0).all()
    assert (u < 1).all()
    np.testing.assert_array_equal(np.floor(np.asarray(u) * 17 + 1e-4), x)


def test_a_normal_pixel_costs_its_density_and_its_levels():
    """A decoder that says nothing: mean 0, and a deviation of a tenth of a level + 1."""
    _, learner, state, traced = bound(likelihood="normal", samples=1)
    silent = state._replace(params=jax.tree.map(jnp.zeros_like, state.params))
    found = jax.jit(learner.evaluate)(silent, traced)
    split = traced["data"]["test"]
    x = (np.asarray(split.x)[np.asarray(split.known)] + 0.5) / 17  # noise within a level: its mean
    square = (x**2 + 1 / (12 * 17**2)).sum((1, 2)).mean()
    deviation = 0.1 / 17 + 1
    normal = square / (2 * deviation**2) + 64 * np.log(deviation * np.sqrt(2 * np.pi))
    wanted = 64 * np.log(17) + normal
    assert float(found["test_reconstruction"]) == pytest.approx(wanted, abs=0.1)
    assert float(found["test_kl"]) == pytest.approx(0, abs=1e-5)


def test_pixels_drawn_once_are_as_often_white_as_they_are_bright():
    grey = np.full((20_000, 1, 1), 4, np.uint8)
    white = drawn(grey, 17)
    assert white.mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(white, drawn(grey, 17))
    assert drawn(grey * 0, 17).max() == 0
    assert drawn(grey * 4, 17).min() == 1


def test_fixed_pixels_are_the_same_at_each_step():
    _, learner, state, traced = bound(binarise="fixed")
    assert set(np.unique(traced["data"]["train"])) == {0, 1}
    _, metrics = jax.jit(learner.step)(state, jax.random.key(0), traced)
    assert np.isfinite(metrics["loss"])


def test_the_weight_of_the_kl_rises_to_one():
    _, learner, state, traced = bound()
    step = jax.jit(learner.step)

    def loss(anneal, done):
        at = (
            state._replace(step=jnp.asarray(done)),
            jax.random.key(0),
            traced | {"learner.anneal": anneal},
        )
        return float(step(*at)[1]["loss"])

    whole, half, quarter = (loss(anneal, 0) for anneal in (0.0, 2.0, 4.0))
    assert whole - half == pytest.approx(2 * (half - quarter), rel=1e-3)
    assert whole > half
    assert loss(4.0, 2) < loss(0.0, 2)
    assert loss(4.0, 3) == loss(0.0, 3)


def source(*, x):
    spec = Spec(shape=(8, 8), outputs=2, examples=len(x), unit="images", levels=17)
    split = Split(x, np.zeros(len(x), np.int32))
    return SimpleNamespace(spec=spec, load=lambda: Splits(split, split, split))


def test_pixels_out_of_range_are_counted_and_named():
    x = np.zeros((50, 8, 8), np.uint8)
    x[[7, 9]] = 40
    with pytest.raises(LabError, match=r"2 of 50 train images.*outside 0 to 16.*index 7"):
        pictures.load(source(x=x))
    with pytest.raises(LabError, match="have dtype float32"):
        pictures.load(source(x=x.astype(np.float32)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"likelihood": "bernouli"}, "bernoulli"),
        ({"binarise": "once"}, "fixed"),
        ({"samples": 0}, "samples and eval_examples of 1 or more"),
        ({"anneal": -1.0}, "0 or more"),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(LabError, match=message):
        Vae(**fields)


def test_a_model_of_another_kind_is_refused():
    run, *_ = bound()
    with pytest.raises(LabError, match="gives its model autoencoder and MLP reads array"):
        run.learner.spec(replace(run, model=MLP()))
    with pytest.raises(LabError, match="learns images"):
        run.learner.spec(replace(run, data=Stdlib()))
    with pytest.raises(LabError, match="sides are multiples of 16"):
        ConvVAE(stages=4).cost(Digits.spec)


def test_pictures_that_fill_up_a_batch_count_for_nothing():
    x = np.arange(7, dtype=np.uint8)[:, None, None]
    split = pictures.eval_examples(x, largest=3)
    assert split.x.shape == (3, 3, 1, 1)

    def each(batch):
        grey = 100.0 + batch.x[:, 0, 0]
        return jnp.stack([grey, 2.0 * grey])

    np.testing.assert_allclose(pictures.mean(each, split), [103.0, 206.0])
