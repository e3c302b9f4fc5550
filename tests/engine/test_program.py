"""One program for a block of the grid: vmapped = one by one, chunked = whole, compiles counted."""

import dataclasses

import jax
import numpy as np
import pytest

from scaling_lab import axis, cells, product
from scaling_lab.engine import program
from scaling_lab.engine.trainer import evaluations, train


@pytest.fixture(scope="module")
def base():
    from scaling_lab import MLP, Digits, Recipe, Run, Supervised

    recipe = Recipe(batch_size=32, warmup=4)
    model = MLP(depth=1, width=8)
    return Run(learner=Supervised(), data=Digits(), model=model, recipe=recipe, D=200, steps=80)


@pytest.fixture(scope="module")
def data(base):
    return program.load(base)


@pytest.fixture(scope="module")
def single(base, data):
    return program.build(base, 1, data)


@pytest.fixture(scope="module")
def quad(base, data):
    return program.build(base, 4, data)


@pytest.fixture(scope="module")
def runs(base):
    grid = product(axis("D", [50, 300]), axis("learning_rate", [1e-3, 1e-2]))
    runs = [cell.run for cell in cells(base, grid)]
    runs[2] = dataclasses.replace(runs[2], steps=40, seed=5)
    return runs


@pytest.fixture(scope="module")
def together(quad, data, runs):
    return train(quad, data, runs)


def table(outcome):
    return np.array([[point[key] for key in sorted(point)] for point in outcome.curve])


def test_vmapped_is_one_by_one(single, data, runs, together):
    for run, outcome in zip(runs, together, strict=True):
        (alone,) = train(single, data, [run])
        assert tuple(p["step"] for p in outcome.curve) == evaluations(run.steps)
        np.testing.assert_allclose(table(alone), table(outcome), rtol=2e-3, atol=2e-4)


def test_a_program_learns(together):
    for outcome in together:
        assert outcome.curve[-1]["train_loss"] < outcome.curve[0]["train_loss"]


def test_chunked_is_whole(single, data, runs):
    """Any division into chunks gives the same state, to the last bit: scanned = looped."""
    traced = single.stack(runs[:1])

    def state(stops):
        carry, fresh = single.begin(), True
        for stop in stops:
            carry, row = single.advance(
                carry, traced, data, stop, fresh=fresh, evaluating=stop == stops[-1]
            )
            fresh = False
        return jax.device_get((carry, row))

    whole, pieces = state([30]), state([*range(1, 31)])
    jax.tree.map(np.testing.assert_array_equal, whole, pieces)


def test_a_program_is_a_plain_loop_over_steps(base, single, data):
    """The engine against a loop that calls the learner's functions itself."""
    run = dataclasses.replace(base, steps=10)
    learner = run.learner.bind(run)
    traced = {path: values[0] for path, values in single.stack([run]).items()} | {"data": data}
    root = jax.random.key(run.seed)
    state = jax.jit(learner.init)(jax.random.fold_in(root, 0), traced)
    step = jax.jit(learner.step)
    losses = []
    for at in range(run.steps):
        state, metrics = step(state, jax.random.fold_in(jax.random.fold_in(root, 1), at), traced)
        losses.append(float(metrics["loss"]))
    (outcome,) = train(single, data, [run])
    assert outcome.curve[-1]["train_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    expected = jax.device_get(jax.jit(learner.evaluate)(state, traced))
    for name, value in expected.items():
        assert outcome.curve[-1][name] == pytest.approx(float(value), rel=1e-4)


def test_a_late_small_loss_is_not_lost_in_the_sum_of_early_large_ones():
    """Sums of a float32 pair: 10^5 losses of 1, then losses of 10^-7."""
    import jax.numpy as jnp

    from scaling_lab.engine import program as module
    from scaling_lab.learners import BoundLearner

    def step(state, key, traced):
        return state + 1, {"loss": jnp.where(state < 100_000, 1.0, 1e-7)}

    learner = BoundLearner(
        lambda key, traced: jnp.zeros(()), step, lambda s, t: {}, lambda s: s, dict
    )
    lane, _ = module._lane(learner)

    @jax.jit
    def summed(until):
        zero = jnp.zeros(()), (jnp.zeros(()), jnp.zeros(()))
        yes, no = jnp.bool_(True), jnp.bool_(False)
        return lane(jnp.int32(0), *zero, {"seed": jnp.int32(0)}, {}, until, yes, no)[1]

    early, late = (
        np.float64(total) - np.float64(excess)
        for total, excess in (summed(jnp.int32(at)) for at in (100_000, 101_000))
    )
    assert late - early == pytest.approx(1e-4, rel=1e-3)


def test_a_lane_that_diverges_leaves_the_others_alone(quad, data, runs, together):
    recipe = dataclasses.replace(runs[1].recipe, learning_rate=1e30)
    wild = [runs[0], dataclasses.replace(runs[1], recipe=recipe), *runs[2:]]
    outcomes = train(quad, data, wild)
    assert outcomes[1].status == "diverged"
    assert "is nan at step" in (outcomes[1].reason or "") or "inf" in (outcomes[1].reason or "")
    for lane in (0, 2, 3):
        np.testing.assert_array_equal(table(outcomes[lane]), table(together[lane]))


def test_fewer_runs_than_lanes(quad, data, runs, together):
    (outcome,) = train(quad, data, runs[:1])
    np.testing.assert_array_equal(table(outcome), table(together[0]))


def test_evaluations_are_log_spaced_and_shared():
    assert evaluations(10) == (10,)
    long, short = evaluations(5_000), evaluations(1_000)
    assert short[:-1] == long[: len(short) - 1]
    assert long[-1] == 5_000
    ratios = np.diff(np.log(long[:-1]))
    np.testing.assert_allclose(ratios, np.log(2) / 2, atol=0.02)
