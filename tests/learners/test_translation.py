"""Learning to translate: which pairs are seen, which tokens count, and BLEU at the end."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from scaling_lab import (
    MLP,
    EncoderDecoder,
    LabError,
    Language,
    Numerals,
    Recipe,
    Run,
    Seq2Seq,
    Stdlib,
    Transformer,
    Translation,
    axis,
    cells,
    config,
)
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import Finish, train
from scaling_lab.learners.translation import after_begin, scored, translated
from scaling_lab.text.pairs import BEGIN, PAD


@pytest.fixture(scope="module")
def base(own_cache):
    return Run(
        learner=Translation(evaluation_pairs=10, beams=2),
        data=Numerals(),
        model=EncoderDecoder(width=8, depth=1),
        recipe=Recipe(batch_size=4),
        D=20,
        steps=4,
    )


def test_a_run_sees_its_first_pairs_alone(base, bound):
    """Changing what lies beyond the first D pairs changes no step; within them, all."""
    learner, data, traced = bound
    step = jax.jit(learner.step)
    state = learner.init(jax.random.key(0), traced)

    def losses(train):
        now, found = state, []
        for _ in range(base.D // base.recipe.batch_size):
            now, metrics = step(now, jax.random.key(1), traced | {"data": {**data, "train": train}})
            found.append(float(metrics["loss"]))
        return found

    for field in ("source", "target"):
        beyond, within = (np.array(data["train"][field]) for _ in range(2))
        beyond[base.D :], within[: base.D - 1] = 5, 5
        expected = losses(data["train"])
        assert losses({**data["train"], field: beyond}) == expected
        assert losses({**data["train"], field: within}) != expected


def test_the_loss_by_hand(base, bound):
    """Nats of every token of the first ten targets, ends among them and padding not."""
    learner, data, traced = bound
    state = learner.init(jax.random.key(0), traced)
    found = jax.jit(learner.evaluate)(state, traced)
    apply = jax.jit(base.model.network(base.data.spec.outputs).apply)
    for name, pairs in zip(("valid", "test"), base.data.load()[1:], strict=True):
        assert data[name]["source"].shape == (1, 10, base.data.spec.shape[0])
        source, target = pairs.source[:10].astype(int), pairs.target[:10].astype(int)
        before = np.concatenate([np.full((10, 1), BEGIN), target[:, :-1]], axis=1)
        logits = apply({"params": state.params}, source, before)
        each = np.asarray(optax.softmax_cross_entropy_with_integer_labels(logits, target))
        lengths = pairs.target_length[:10]
        total = sum(float(row[:length].sum()) for row, length in zip(each, lengths, strict=True))
        assert float(found[f"{name}_loss"]) == pytest.approx(total / lengths.sum(), rel=1e-4)


def test_the_target_is_moved_on_by_one():
    assert after_begin(jnp.array([[5, 6, 2, PAD]])).tolist() == [[BEGIN, 5, 6, 2]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "least"),
    [(EncoderDecoder(width=32, depth=1), 40), (Seq2Seq(width=48, depth=1), 12)],
    ids=["attention", "lstm"],
)
def test_it_learns_to_translate(base, model, least):
    """Four hundred steps on the names of numbers, as a trained run records it."""
    run = dataclasses.replace(
        base,
        learner=Translation(evaluation_pairs=100, beams=2),
        model=model,
        recipe=Recipe(batch_size=32, learning_rate=1e-2, warmup=20, clip=1.0),
        D=20_000,
        steps=400,
    )
    data = program.load(run)
    built = program.build(run, 1, data)
    finish = Finish(lambda run: True, lambda run, params: built.learner.final_metrics(params))
    (outcome,) = train(built, data, [run], finish=finish)
    untrained = built.learner.init(jax.random.key(0), config.traced_values(run)).params
    assert scored(run, untrained)["test_bleu"] < 5
    assert outcome.final["test_bleu"] > least
    assert outcome.curve[-1]["test_loss"] < 0.5 * outcome.curve[0]["test_loss"]


def test_sources_that_do_not_fit_are_named(base, bound):
    learner, data, traced = bound
    params = learner.init(jax.random.key(0), traced).params
    with pytest.raises(LabError, match="rows of 32 ids; pad or cut"):
        translated(base, params, np.ones((2, 40), int))
    assert translated(base, params, np.ones((0, 32), int)) == []
    assert len(translated(base, params, data["test"]["source"][0])) == 10
    silent = dataclasses.replace(base, learner=Translation(beams=0))
    assert silent.learner.bind(silent).final_metrics is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"D": 0}, "has 1 to 20000 training pairs"),
        ({"model": MLP()}, "gives its model pairs and MLP reads array"),
        ({"model": Transformer()}, "gives its model pairs and Transformer reads tokens"),
        ({"data": Stdlib()}, "reads sentence pairs; give it a source of them"),
        ({"learner": Language()}, "gives its model tokens and EncoderDecoder reads pairs"),
    ],
    ids=["D", "array", "tokens", "data", "learner"],
)
def test_what_cannot_be_is_named(base, change, said):
    with pytest.raises(LabError, match=said):
        cells(dataclasses.replace(base, **change), axis("seed", [0]))


def test_numbers_of_the_learner_that_cannot_be_are_named():
    for fields in ({"evaluation_pairs": 0}, {"beams": -1}):
        with pytest.raises(LabError, match="evaluate one pair or more, with 0 beams or more"):
            Translation(**fields)
