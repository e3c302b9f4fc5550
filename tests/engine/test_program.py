"""One program for a block of the grid: vmapped = one by one, chunked = whole, compiles counted."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import MLP, Recipe, Run, axis, cells, optim, product, registry
from scaling_lab.counting import StepCost
from scaling_lab.engine.training import branching, program
from scaling_lab.engine.training.run_result import evaluations
from scaling_lab.engine.training.trainer import train
from scaling_lab.learners import BoundLearner


@pytest.fixture(scope="module")
def base():
    from scaling_lab import Digits, Supervised

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Falling:
    """A learner whose loss falls from 1 to 10^-7 after 10^5 steps."""

    def cost(self, run):
        return StepCost({}, {}, 0)

    def bind(self, run):
        def step(state, key, traced):
            return state + 1, {"loss": jnp.where(state < 100_000, 1.0, 1e-7)}

        zero = jnp.zeros(())
        return BoundLearner(
            lambda key, traced: zero, step, lambda *_: {}, lambda state: state, dict
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descent:
    """Descent to the bottom of a bowl, in so many optimiser updates a step."""

    updates: int = 1

    def cost(self, run):
        return StepCost({}, {}, 0, updates=self.updates)

    def bind(self, run):
        def loss(params, batch):
            return ((params["w"] - jnp.array([3.0, -2.0])) ** 2).sum()

        def init(key, traced):
            return optim.init_state({"w": jnp.zeros(2)}, run.recipe, traced)

        def step(state, key, traced):
            metrics = {}
            for _ in range(self.updates):
                state, metrics = optim.apply_step(
                    state, loss, jnp.zeros((1, 1)), run.recipe, traced
                )
            return state, metrics

        def evaluate(state, traced):
            return {"valid_loss": loss(state.params, None)}

        return BoundLearner(init, step, evaluate, lambda state: state.params, dict)


@pytest.fixture
def learner_run():
    """Runs of the two learners above."""
    with registry.scratch():
        registry.register("learner", "falling")(Falling)
        registry.register("learner", "descent")(Descent)
        yield lambda learner, **fields: Run(learner=learner, model=MLP(), **fields)


def test_a_late_small_loss_is_not_lost_in_the_sum_of_early_large_ones(learner_run):
    """Sums after 10^5 losses of 1 and after further 10^3 losses of 10^-7."""
    run = learner_run(Falling(), steps=101_000)
    built = program.build(run, 1, {})
    carry, traced = built.begin(), built.stack([run])
    sums = []
    for until in (100_000, 101_000):
        carry, row = built.advance(carry, traced, {}, until, fresh=not sums, evaluating=False)
        total, excess = jax.device_get(row.loss)
        sums.append(np.float64(total[0]) - np.float64(excess[0]))
    assert sums[1] - sums[0] == pytest.approx(1e-4, rel=1e-3)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear", "wsd"])
def test_schedules_count_updates(learner_run, schedule):
    """40 steps of two updates each are 80 steps of one."""
    recipe = Recipe(schedule=schedule, warmup=6, decay=0.3, learning_rate=0.1)
    once = learner_run(Descent(), steps=80, recipe=recipe)
    twice = learner_run(Descent(updates=2), steps=40, recipe=recipe)
    (a,), (b,) = (train(program.build(run, 1, {}), {}, [run]) for run in (once, twice))
    last = a.curve[-1]["valid_loss"]
    assert b.curve[-1]["valid_loss"] == pytest.approx(last, rel=1e-4)
    assert [row["step"] for row in a.curve] == [32, 45, 64, 80]
    assert [row["step"] for row in b.curve] == [16, 23, 32, 40]


def test_branches_count_updates(learner_run):
    recipe = Recipe(schedule="wsd", warmup=6, decay=0.3, learning_rate=0.1)
    runs = [learner_run(Descent(updates=3), steps=steps, recipe=recipe) for steps in (11, 20, 40)]
    assert [branching.fork(run) for run in runs] == [7, 14, 28]
    together = train(program.build(runs[0], 1, {}), {}, runs)
    for run, result in zip(runs, together, strict=True):
        (alone,) = train(program.build(run, 1, {}), {}, [run])
        assert result.curve == alone.curve


def test_a_run_that_diverges_leaves_the_others_alone(quad, data, runs, together):
    recipe = dataclasses.replace(runs[1].recipe, learning_rate=1e30)
    wild = [runs[0], dataclasses.replace(runs[1], recipe=recipe), *runs[2:]]
    outcomes = train(quad, data, wild)
    assert outcomes[1].status == "diverged"
    assert "is nan at step" in (outcomes[1].reason or "") or "inf" in (outcomes[1].reason or "")
    for at in (0, 2, 3):
        np.testing.assert_array_equal(table(outcomes[at]), table(together[at]))


def test_an_ensemble_need_not_be_full(quad, data, runs, together):
    (outcome,) = train(quad, data, runs[:1])
    np.testing.assert_array_equal(table(outcome), table(together[0]))


def test_evaluations_are_log_spaced_and_shared():
    assert evaluations(10) == (10,)
    long, short = evaluations(5_000), evaluations(1_000)
    assert short[:-1] == long[: len(short) - 1]
    assert long[-1] == 5_000
    ratios = np.diff(np.log(long[:-1]))
    np.testing.assert_allclose(ratios, np.log(2) / 2, atol=0.02)


def test_an_accelerators_zeros_are_made_there(quad):
    """As `begin` makes them elsewhere: no copy from the host."""
    with jax.transfer_guard("disallow"):
        zeros = quad.zeros_on_device()
    for a, b in zip(jax.tree.leaves(zeros), jax.tree.leaves(quad.begin()), strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a.dtype, a.sharding) == (b.dtype, b.sharding)
