"""Learners of populations against their exact theories, and what they refuse."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import (
    BigramCounts,
    CircleSpline,
    Digits,
    KernelRegression,
    LabError,
    Memoriser,
    PowerLaw,
    RandomFeatures,
    Recipe,
    Regression,
    Table,
    Zipf,
    ZipfBigrams,
    config,
    examples,
    populations,
)
from scaling_lab.analysis import theory
from scaling_lab.learners import kernel_regression
from scaling_lab.models import circle_spline


def trained(run, seeds):
    """The evaluated loss after the run's steps, an array over seeds with data of their own."""
    run = replace(run, data_seed=1)
    learner = run.learner.bind(run)
    fixed = {path: jnp.asarray(value) for path, value in config.traced_values(run).items()}
    data = jax.tree.map(jnp.asarray, learner.data())

    def one(seed):
        traced = fixed | {"data": data, "seed": seed, "data_seed": seed}
        key = jax.random.key(seed)

        def step(at, state):
            return learner.step(state, jax.random.fold_in(key, at), traced)[0]

        state = jax.lax.fori_loop(0, run.steps, step, learner.init(key, traced))
        return learner.evaluate(state, traced)["test_loss"]

    return np.asarray(jax.jit(jax.vmap(one))(jnp.arange(1, seeds + 1)), "float64")


def regression(**recipe):
    base = Regression.example()
    return replace(base, recipe=replace(base.recipe, **recipe))


DRAWN = regression(batch_size=4, learning_rate=0.15)
TASKS = {
    "top_features": (
        replace(DRAWN, data=PowerLaw(coordinates=64, a=0.5, noise=0.3), D=400, steps=100),
        {"a": 0.5, "b": 1.0, "coordinates": 64, "noise": 0.3},
    ),
    "random_features": (
        replace(
            DRAWN,
            data=PowerLaw(coordinates=48, b=1.6),
            model=RandomFeatures(width=16, draw=3),
            D=400,
            steps=100,
        ),
        {"a": 1.0, "b": 1.6, "coordinates": 48},
    ),
    "hutter": (
        replace(Memoriser.example(), model=Table(rows=300)),
        {"a": 0.5, "items": 300},
    ),
    "quanta": (
        replace(Memoriser.example(), learner=Memoriser(threshold=5), data=Zipf(items=300, a=1.0)),
        {"a": 1.0, "items": 300, "threshold": 5},
    ),
    "zipf_bigrams": (
        BigramCounts.example(),
        {"contexts": 64, "vocabulary": 8, "a": 1.0, "strength": 1.0, "draw": 0},
    ),
    "laplace_circle": (KernelRegression.example(), {}),
}


@pytest.mark.parametrize("name", TASKS)
def test_seeds_agree_with_the_exact_curve(name):
    run, settings = TASKS[name]
    losses = trained(run, 400)
    at = {
        "N": run.learner.cost(run).parameters,
        "D": run.D,
        "steps": run.steps,
        "batch_size": run.recipe.batch_size,
        "learning_rate": run.recipe.learning_rate,
        "epochs": 1,
        "model.draw": getattr(run.model, "draw", 0),
    }
    columns = {key: np.array([float(value)]) for key, value in at.items()}
    (expected,) = theory.values(name, settings, columns)
    error = losses.std(ddof=1) / np.sqrt(len(losses))
    assert abs(losses.mean() - expected) < 4 * error
    assert error < 0.02 * (expected - theory.floor(name, settings))


def test_an_example_is_a_function_of_its_place():
    places = jnp.array([5, 9])
    both = examples.at(places, jax.random.uniform)
    np.testing.assert_array_equal(both[1:], examples.at(places[1:], jax.random.uniform))
    assert both[0] != both[1]


def test_rare_items_are_drawn_one_by_one():
    """Items of probability 1e-12, which a uniform number of 23 bits would never tell apart."""
    probability = np.append(1 - 1e-8, np.full(10_000, 1e-12))
    tail = jnp.asarray(populations.items(probability).tail, jnp.float32)
    words = jnp.array([[0, 2**31], [1, 0], [10, 0], [2**32 - 1, 2**32 - 1]], jnp.uint32)
    uniform = jax.vmap(examples.fraction)(words)
    np.testing.assert_allclose(uniform, [2.0**-33, 2.0**-32, 10 * 2.0**-32, 1.0], rtol=1e-6)
    item = len(tail) - 1 - np.searchsorted(np.asarray(tail), np.asarray(uniform))
    np.testing.assert_allclose(item, 10_000 - np.array([116, 232, 2328, 10_000]), atol=1)
    keys = jax.random.split(jax.random.key(0), 1_000)
    assert set(np.asarray(jax.vmap(lambda key: examples.item(key, tail))(keys))) == {0}


def test_the_loss_of_a_minibatch_is_the_share_unknown_when_its_examples_came():
    run = replace(Memoriser.example(), recipe=replace(Memoriser.example().recipe, batch_size=64))
    learner = run.learner.bind(run)
    data = jax.tree.map(jnp.asarray, learner.data())
    traced = {path: jnp.asarray(v) for path, v in config.traced_values(run).items()}
    traced |= {"data": data}
    state = learner.init(jax.random.key(0), traced)
    item = np.asarray(
        examples.at(
            examples.places(state.step, 64, traced), lambda key: examples.item(key, data.tail)
        )
    )
    seen, wrong = set(), 0
    for one in item:
        wrong += one in seen and one < 200
        seen.add(one)
    _, metrics = learner.step(state, jax.random.key(0), traced)
    assert metrics["loss"] == pytest.approx(1 - wrong / 64)


def test_the_spline_is_the_minimum_norm_interpolant():
    random = np.random.default_rng(0)
    points, values = random.uniform(0, 2 * np.pi, 9), random.standard_normal(9)
    at = np.linspace(0, 2 * np.pi, 50, endpoint=False)

    def kernel(x, y):
        return np.cosh(np.pi - np.abs(x[:, None] - y[None, :])) / np.cosh(np.pi)

    expected = kernel(at, points) @ np.linalg.solve(kernel(points, points), values)
    room = np.append(points, circle_spline.EMPTY).astype("float32")
    given = jnp.asarray(room), jnp.asarray(np.append(values, 7.0)[:, None], jnp.float32)
    found = jax.vmap(lambda x: circle_spline.interpolate(x, *given)[0])(
        jnp.asarray(at, jnp.float32)
    )
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_the_error_of_the_spline_is_the_kernels_posterior_variance():
    points = np.random.default_rng(1).uniform(0, 2 * np.pi, 12)
    at = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    across = np.cosh(np.pi - np.abs(at[:, None] - points[None, :])) / np.cosh(np.pi)
    among = np.cosh(np.pi - np.abs(points[:, None] - points[None, :])) / np.cosh(np.pi)
    variance = 1 - np.sum(across * np.linalg.solve(among, across.T).T, axis=1)
    given = jnp.asarray(np.append(points, [circle_spline.EMPTY] * 3), jnp.float32)
    assert float(kernel_regression.expected_error(given)) == pytest.approx(
        variance.mean(), rel=1e-3
    )
    assert float(kernel_regression.expected_error(jnp.full(3, circle_spline.EMPTY))) == 1.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Memoriser().spec(replace(Memoriser.example(), data=Digits())), "is a dataset"),
        (
            lambda: Memoriser().spec(replace(Memoriser.example(), data=PowerLaw())),
            "PowerLaw is of kind linear; take zipf",
        ),
        (
            lambda: Memoriser().cost(replace(Memoriser.example(), model=Table(rows=301))),
            "the table has 301 rows and the population 300 items",
        ),
        (
            lambda: BigramCounts().cost(replace(BigramCounts.example(), model=Table(rows=8))),
            "the table has 8 rows and the language 64 contexts",
        ),
        (
            lambda: Memoriser().bind(
                replace(Memoriser.example(), recipe=Recipe(power_iterations=1))
            ),
            "this learner counts and has no gradients; leave noise_decay and power_iterations 0",
        ),
        (lambda: Memoriser(threshold=0), "threshold 0; give 1 or more"),
        (lambda: BigramCounts(smoothing=0.0), r"smoothing 0\.0; give one above 0"),
        (lambda: ZipfBigrams(strength=0.0), "a strength above 0"),
        (lambda: Zipf(items=0), "zipf has 0 items"),
        (lambda: RandomFeatures(width=0), "random_features has width 0"),
        (lambda: CircleSpline(points=0), "circle_spline has 0 points"),
        (lambda: Table(rows=0), "table has 0 rows"),
        (lambda: PowerLaw(b=0.0, tail=True), "an infinite tail needs b above 0"),
    ],
)
def test_what_is_refused(make, said):
    with pytest.raises(LabError, match=said) as error:
        make()
    assert "\n" not in str(error.value)
