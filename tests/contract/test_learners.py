"""What every registered learner keeps to: pure, vmappable, counted, and it learns."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import LabError, config, protocols, registry
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import train

NAMES = registry.names("learner")


@pytest.fixture(scope="module", params=NAMES)
def run(request):
    return registry.get("learner", request.param).example()


@pytest.fixture(scope="module")
def data(run):
    return program.load(run)


@pytest.fixture(scope="module")
def learner(run):
    return run.learner.bind(run)


@pytest.fixture(scope="module")
def traced(run, data):
    values = config.traced_values(run)
    return {path: jnp.asarray(value) for path, value in values.items()} | {"data": data}


@pytest.fixture(scope="module")
def pair(run, data):
    return program.build(run, 2, data)


def test_it_has_the_members_of_the_protocol(run):
    assert isinstance(run.learner, protocols.Learner)


def test_a_run_is_plain_values(run):
    assert config.from_dict(config.to_dict(run)) == run


def test_cost_counts_the_parameters(run, learner, traced):
    state = jax.eval_shape(learner.init, jax.random.key(0), traced)
    leaves = jax.tree.leaves(learner.params(state))
    assert run.learner.cost(run).parameters == sum(leaf.size for leaf in leaves)
    assert run.learner.cost(run).total > 0
    assert run.learner.cost(run).examples > 0


def test_a_step_is_pure(learner, traced):
    state = learner.init(jax.random.key(0), traced)
    before = jax.device_get(state)
    first = learner.step(state, jax.random.key(1), traced)
    second = learner.step(state, jax.random.key(1), traced)
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(state), before)
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(first), jax.device_get(second))
    same = jax.tree.map(lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype), state, first[0])
    assert all(jax.tree.leaves(same))
    assert first[1]["loss"].shape == ()


def test_parameters_can_be_replaced(learner, traced):
    state = learner.init(jax.random.key(0), traced)
    others = jax.tree.map(lambda leaf: leaf + 1, learner.params(state))
    replaced = learner.with_params(state, others)
    jax.tree.map(np.testing.assert_array_equal, learner.params(replaced), others)
    same = jax.tree.map(lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype), state, replaced)
    assert all(jax.tree.leaves(same))


def test_another_subset_of_the_data_is_another_run(run, learner, traced):
    """It differs by its examples alone: the initial parameters are the same."""
    if run.data is None:
        pytest.skip("it acts in an environment")
    other = dataclasses.replace(run, data_seed=1)
    bound, given = other.learner.bind(other), {**traced, "data_seed": jnp.int32(1)}
    first = learner.step(learner.init(jax.random.key(0), traced), jax.random.key(1), traced)
    second = bound.step(bound.init(jax.random.key(0), given), jax.random.key(1), given)
    assert first[1]["loss"] != second[1]["loss"]


def test_the_average_of_the_parameters_is_what_is_kept(run, traced):
    recipe = dataclasses.replace(run.recipe, ema_decay=0.5)
    given = {**traced, "recipe.ema_decay": jnp.float32(0.5)}
    averaged = dataclasses.replace(run, recipe=recipe)
    if hasattr(run.learner, "average"):  # it has one of its own
        with pytest.raises(LabError, match=r"leave recipe\.ema_decay 0"):
            run.learner.bind(averaged)
        return
    learner = run.learner.bind(averaged)
    before = learner.init(jax.random.key(0), given)
    state, _ = learner.step(before, jax.random.key(1), given)
    kept = jax.tree.leaves(learner.params(state))
    ends = [jax.tree.leaves(s.params) for s in (before, state)]
    for average, old, new in zip(kept, *ends, strict=True):
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * new, rtol=1e-4, atol=1e-6)


def test_evaluation_is_scalars_and_holds_the_objective(learner, traced):
    metrics = learner.evaluate(learner.init(jax.random.key(0), traced), traced)
    assert learner.objective in metrics
    assert all(value.shape == () and np.isfinite(value) for value in metrics.values())


def test_evaluation_does_not_depend_on_the_batch_size(run, traced):
    """Recipes share the evaluation data, so whoever loads them must get the same."""
    recipe = dataclasses.replace(run.recipe, batch_size=run.recipe.batch_size // 2)
    other = run.learner.bind(dataclasses.replace(run, recipe=recipe))
    jax.tree.map(np.testing.assert_array_equal, other.data(), jax.device_get(traced["data"]))


def test_it_learns_and_seeds_differ(run, data, pair):
    outcomes = train(pair, data, [run, dataclasses.replace(run, seed=1)])
    objective, sign = run.learner.objective, {"min": 1, "max": -1}[run.learner.direction]
    for outcome in outcomes:
        assert outcome.status == "done"
        assert sign * outcome.curve[-1][objective] < sign * outcome.curve[0][objective]
    assert outcomes[0].curve != outcomes[1].curve


def test_together_is_one_by_one(run, data, pair):
    runs = [run, dataclasses.replace(run, seed=1)]
    together = train(pair, data, runs)
    single = program.build(run, 1, data)
    for one, outcome in zip(runs, together, strict=True):
        (alone,) = train(single, data, [one])
        # Later rows of a game drift apart: rounding flips an action, which changes the episode.
        assert alone.curve[0] == pytest.approx(outcome.curve[0], rel=1e-3, abs=1e-4)
        assert len(alone.curve) == len(outcome.curve)
