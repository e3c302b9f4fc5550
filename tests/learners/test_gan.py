"""GANs: the two losses, the penalty, the classes, the average, and the distance of images."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import Digits, LabError, config, registry
from scaling_lab.engine.training import program
from scaling_lab.images import feature_distance
from scaling_lab.shuffle import minibatch


@pytest.fixture(scope="module")
def given():
    """A small run, its learner, its numbers with data, and a state after a few steps."""
    run = registry.get("learner", "gan").example()
    learner = run.learner.bind(run)
    traced = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    traced["data"] = program.load(run)
    state, step = jax.jit(learner.init)(jax.random.key(0), traced), jax.jit(learner.step)
    for at in range(20):
        state, _ = step(state, jax.random.key(at), traced)
    return run, learner, traced, state


def test_the_classifier_is_good_and_always_the_same():
    first, second = (
        feature_distance.trained_classifier(Digits()),
        feature_distance.trained_classifier(Digits()),
    )
    assert first.error < 0.05
    jax.tree.map(np.testing.assert_array_equal, first.params, second.params)


def test_features_are_what_the_last_layer_reads():
    found, x = feature_distance.trained_classifier(Digits()), Digits().load().test.x[:50]
    seen = feature_distance.features(found.params, jnp.asarray(x), Digits.spec)
    head = found.params["head"]
    ours = (seen @ head["kernel"] + head["bias"].reshape(1, -1)).argmax(-1)
    assert np.mean(ours != Digits().load().test.y[:50]) < 0.1


def test_frechet_distance_of_normal_laws():
    """|m - m'|^2 + tr(S + S' - 2 (S S')^1/2), by scipy's root of a matrix in double precision."""
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    a = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
    b = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) + 1
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root: Any = sqrtm(one @ two)
    wanted = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(one + two - 2 * np.real(root))
    got = feature_distance.frechet(jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32))
    assert float(got) == pytest.approx(wanted, rel=1e-4)
    assert float(feature_distance.frechet(jnp.asarray(a), jnp.asarray(a))) == pytest.approx(
        0, abs=1e-3
    )


def test_frechet_distance_of_features_that_hardly_vary():
    """Half of 64 features are nearly silent, as a classifier's are; the distance is still small."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(32, 64)) * np.logspace(0, -3, 64)

    def features(count):
        return np.maximum(0, 3 * rng.normal(size=(count, 32)) @ mix).astype(np.float32)

    a, b = features(2_000), features(2_000)
    assert float(feature_distance.frechet(jnp.asarray(a), jnp.asarray(a))) == pytest.approx(
        0, abs=2e-3
    )
    one, two = (
        (x.astype(np.float64) - x.mean(0, dtype=np.float64)) / np.sqrt(1_999) for x in (a, b)
    )
    overlap = np.linalg.svd(np.linalg.qr(one).R @ np.linalg.qr(two).R.T, compute_uv=False).sum()
    means = np.sum((a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)) ** 2)
    wanted = means + (one**2).sum() + (two**2).sum() - 2 * overlap
    assert float(feature_distance.frechet(jnp.asarray(a), jnp.asarray(b))) == pytest.approx(
        wanted, rel=1e-2
    )


def test_splits_that_are_too_small_to_judge_are_named(given, monkeypatch):
    _, learner, *_ = given
    splits = Digits().load()
    few = splits._replace(valid=type(splits.valid)(*(part[:3] for part in splits.valid)))
    monkeypatch.setattr(Digits, "load", lambda self: few)
    with pytest.raises(
        LabError, match="the valid split of Digits has 3 images; a distance needs more than"
    ):
        learner.data()


def test_precision_and_recall_of_clusters_that_are_known():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 20
    real = jnp.asarray(np.concatenate([left, right]))
    made = jnp.asarray(rng.normal(size=(200, 2)))
    precision = feature_distance.coverage(made, real, feature_distance.neighbour_radii(real))
    recall = feature_distance.coverage(real, made, feature_distance.neighbour_radii(made))
    assert precision > 0.9
    assert 0.45 < recall <= 0.5
    near = np.sort(np.linalg.norm(np.asarray(real)[:, None] - np.asarray(real), axis=-1), axis=1)
    wanted = near[:, feature_distance.NEIGHBOUR] ** 2
    np.testing.assert_allclose(feature_distance.neighbour_radii(real), wanted, rtol=1e-2, atol=1e-3)


def test_the_average_follows_the_generator(given):
    _, learner, traced, state = given
    after, _ = jax.jit(learner.step)(state, jax.random.key(0), traced)
    decay = (1 + 20) / (10 + 20)  # of step 20: a short memory at first
    wanted = jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new, state.average, after.generator
    )
    jax.tree.map(
        lambda got, wanted: np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6),
        after.average,
        wanted,
    )
    off = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), after.average, after.generator)
    assert max(jax.tree.leaves(off)) > 1e-3


def test_a_class_changes_what_is_made_only_where_it_is_told(given):
    run, _, _, state = given
    z, classes = jnp.ones((10, run.model.latent)), jnp.arange(10)

    def made(run, params):
        network = run.model.network(run.learner.spec(run).outputs, run.data.spec.shape)
        return network.apply({"params": {"generator": params}}, z, classes, method="make")

    assert np.asarray(made(run, state.generator)).std(0).max() > 0
    plain = replace(run, learner=replace(run.learner, conditional=False))
    assert plain.learner.spec(plain).outputs == 1
    assert run.learner.cost(run).N["embedding"] == 10 * plain.learner.cost(plain).N["embedding"]


def test_a_penalty_flattens_the_discriminator(given):
    run, learner, traced, state = given
    step, network = jax.jit(learner.step), run.model.network(10, (8, 8))
    x, y = (part[:200] for part in traced["data"]["train"])
    x = x.astype(np.float32) / 8 - 1

    @jax.jit
    def slope(params):
        def said(x):
            return network.apply(
                {"params": {"discriminator": params}}, x, y, method="discriminate"
            ).sum()

        return jnp.mean(jnp.sum(jax.grad(said)(x) ** 2, (1, 2)))

    found = {}
    for penalty in (0.0, 10.0):
        after = state
        numbers = {**traced, "learner.penalty": jnp.asarray(penalty)}
        for at in range(60):
            after, _ = step(after, jax.random.key(at), numbers)
        found[penalty] = float(slope(after.discriminator))
    assert found[10.0] < found[0.0] / 2


@pytest.mark.parametrize("loss", ["non_saturating", "hinge"])
def test_the_losses_are_their_formulas_and_the_penalty_is_half_a_square(given, loss):
    """At a learning rate of 0 both players' losses are of the same parameters."""
    run, _, traced, state = given
    run = replace(run, learner=replace(run.learner, loss=loss))
    step = jax.jit(run.learner.bind(run).step)
    traced = traced | {"recipe.learning_rate": jnp.asarray(0.0)}
    network, size = run.model.network(10, (8, 8)), run.recipe.batch_size
    index = minibatch(state.step, size, traced["seed"], traced["D"])
    x, y = (part[index] for part in traced["data"]["train"])
    x = x.astype(jnp.float32) / 8 - 1

    @jax.jit
    def verdicts():
        def discriminate(x):
            params = {"params": {"discriminator": state.discriminator}}
            return network.apply(params, x, y, method="discriminate")

        def made(key):
            z = jax.random.normal(key, (size, run.model.latent))
            return network.apply({"params": {"generator": state.generator}}, z, y, method="make")

        slopes = jax.grad(lambda x: discriminate(x).sum())(x)
        one, two = jax.random.split(jax.random.key(0))
        made_logits = [discriminate(made(key)) for key in (one, two)]
        return discriminate(x), *made_logits, (slopes**2).sum((1, 2))

    yes, no, other, squares = (np.asarray(v, np.float64) for v in verdicts())
    if loss == "hinge":
        wanted = np.maximum(0, 1 - yes).mean() + np.maximum(0, 1 + no).mean() - other.mean()
    else:
        wanted = sum(np.logaddexp(0, v).mean() for v in (-yes, no, -other))
    found = [
        float(step(state, jax.random.key(0), traced | {"learner.penalty": p})[1]["loss"])
        for p in (jnp.asarray(0.0), jnp.asarray(3.0))
    ]
    assert found[0] == pytest.approx(wanted, rel=1e-4)
    assert found[1] - found[0] == pytest.approx(1.5 * squares.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loss": "hing"}, "hinge"),
        ({"average": 1.0}, "average from 0 to below 1"),
        ({"penalty": -1.0}, "penalty of 0 or more"),
        ({"eval_examples": 3}, "more than 3"),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(LabError, match=message):
        registry.get("learner", "gan")(**fields)
