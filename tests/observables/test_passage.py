"""First passages of a loss that is known at every step."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import LabError, Recipe, config, observables
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import train
from scaling_lab.observables import passage
from scaling_lab.protocols import BoundLearner

TARGETS = (2.0, 1.0, 0.5, 0.01)


def known(direction="min"):
    """A learner whose validation metric after n steps is 10 / sqrt(n), or minus that."""
    sign = 1.0 if direction == "min" else -1.0

    def step(state, key, traced):
        return state + 1, {"loss": jnp.zeros(())}

    def evaluate(state, traced):
        value = sign * 10 / jnp.sqrt(jnp.maximum(state, 1e-9))
        return {"valid_loss": value, "test_loss": 2 * value}

    return BoundLearner(
        lambda key, traced: jnp.zeros(()), step, evaluate, lambda s: s, dict, direction=direction
    )


@pytest.mark.parametrize("direction", ["min", "max"])
def test_passages_are_where_the_loss_crosses(direction):
    sign = 1.0 if direction == "min" else -1.0
    learner = passage.watched(known(direction), examples=32)
    traced = {"recipe.targets": jnp.asarray([sign * target for target in TARGETS])}
    state = learner.init(jax.random.key(0), traced)

    def body(at, state):
        return learner.step(state, jax.random.key(0), {**traced, "step": at})[0]

    state = jax.lax.fori_loop(0, 2_000, body, state)
    found = learner.evaluate(state, traced)
    exact = [(10 / target) ** 2 for target in TARGETS[:3]]
    np.testing.assert_allclose(found["valid_steps_to"][:3], exact, rtol=0.01)
    np.testing.assert_allclose(found["test_steps_to"][:3], [4 * n for n in exact], rtol=0.01)
    np.testing.assert_allclose(found["valid_examples_to"], 32 * found["valid_steps_to"])
    assert np.isnan(found["valid_steps_to"][3])


def test_evaluations_are_an_eighth_of_an_octave_apart_at_most():
    steps = np.arange(1, 100_000)
    due = steps[np.asarray(jax.vmap(passage.due)(jnp.asarray(steps, jnp.int32)))]
    assert due[:15].tolist() == [*range(1, 16)]
    assert max(b / a for a, b in itertools.pairwise(due[due >= 8])) <= 2 ** (1 / 5)
    assert len(due) < 16 * 17


@pytest.fixture
def aimed(small):
    recipe = dataclasses.replace(small.recipe, targets=(100.0, 0.002))
    return dataclasses.replace(small, recipe=recipe, steps=60)


def test_targets_share_a_program_and_name_their_columns(aimed):
    other = dataclasses.replace(aimed.recipe, targets=(50.0, 0.001))
    other = dataclasses.replace(aimed, recipe=other)
    assert config.program_key(other) == config.program_key(aimed)
    assert config.fingerprint(other) != config.fingerprint(aimed)
    assert config.from_dict(config.to_dict(other)) == other
    data = program.load(aimed)
    built = program.build(aimed, 2, data)
    first, second = train(built, data, [aimed, other])
    names = set(first.curve[-1])
    assert {"valid_steps_to_100", "test_examples_to_100"} <= names
    assert set(observables.names(aimed, ["valid_loss", "test_loss"])) >= {
        name for name in names if "_to_" in name
    }
    assert first.curve[-1]["valid_steps_to_100"] == 1
    assert second.curve[-1]["valid_steps_to_50"] == 1
    assert "valid_steps_to_0.001" not in second.curve[-1]  # never reached: null in the table


@pytest.mark.parametrize("targets", [(1.0, 1.0), (float("nan"),)])
def test_bad_targets_are_one_line(targets):
    with pytest.raises(LabError, match="give finite losses, each once"):
        Recipe(targets=targets)
