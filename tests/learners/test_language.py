"""Language modelling: which tokens are trained on and evaluated, and what D counts."""

import dataclasses
import math

import jax
import numpy as np
import optax
import pytest

from scaling_lab import (
    MLP,
    Digits,
    LabError,
    Language,
    Recipe,
    Run,
    Supervised,
    Text,
    Transformer,
    axis,
    cells,
    product,
)
from scaling_lab.data import order
from scaling_lab.engine import rows
from scaling_lab.learners.language import octaves
from scaling_lab.plan import PlannedRun

CONTEXT = 16


@pytest.fixture(scope="module")
def base(own_cache, tmp_path_factory):
    """A run on three thousand bytes, cut 90 / 5 / 5."""
    file = tmp_path_factory.mktemp("text") / "numbers.txt"
    file.write_text("".join(f"{i} times {i} is {i * i}.\n" for i in range(150)))
    return Run(
        learner=Language(context=CONTEXT, evaluation_tokens=80),
        data=Text(path=str(file)),
        model=Transformer(width=8, depth=1),
        recipe=Recipe(batch_size=3),
        D=320,
        steps=4,
    )


def test_a_run_sees_its_first_blocks_alone(base, bound):
    """Changing what lies beyond the first D // context blocks changes no step; within them, all."""
    learner, data, traced = bound
    step = jax.jit(learner.step)
    state = learner.init(jax.random.key(0), traced)
    blocks = base.D // CONTEXT

    def losses(train):
        now, found = state, []
        for _ in range(2 * blocks // base.recipe.batch_size):
            now, metrics = step(now, jax.random.key(1), traced | {"data": {**data, "train": train}})
            found.append(float(metrics["loss"]))
        return found

    beyond, within = data["train"].copy(), data["train"].copy()
    beyond[blocks:], within[: blocks - 1] = 1, 1
    assert losses(beyond) == losses(data["train"])
    assert losses(within) != losses(data["train"])


def test_blocks_hold_every_training_token_once_as_a_target(base, bound):
    _, data, _ = bound
    ids = base.data.load().train.ids
    count = (len(ids) - 1) // CONTEXT
    assert data["train"].shape == (count, CONTEXT + 1)
    back = np.argsort(order(count))
    np.testing.assert_array_equal(data["train"][back][:, 1:].ravel(), ids[1 : count * CONTEXT + 1])
    np.testing.assert_array_equal(data["train"][back][:, 0], ids[: count * CONTEXT : CONTEXT])


def test_the_metrics_by_hand(base, bound):
    learner, data, traced = bound
    state = learner.init(jax.random.key(0), traced)
    found = jax.jit(learner.evaluate)(state, traced)
    for name, tokens in zip(("valid", "test"), base.data.load()[1:], strict=True):
        count = (len(tokens.ids) - 1) // CONTEXT
        chosen = order(count)[:5]  # 80 tokens are 5 blocks
        blocks = np.stack([tokens.ids[i * CONTEXT :][: CONTEXT + 1] for i in chosen]).astype(int)
        assert data[name]["known"].sum() == 5
        network = base.model.network(256)
        logits = network.apply({"params": state.params}, blocks[:, :-1])
        each = optax.softmax_cross_entropy_with_integer_labels(logits, blocks[:, 1:])
        assert float(found[f"{name}_loss"]) == pytest.approx(float(each.mean()), rel=1e-5)
        bits = float(each.mean()) / math.log(2) * len(tokens.ids) / tokens.bytes
        assert float(found[f"{name}_bits_per_byte"]) == pytest.approx(bits, rel=1e-5)
    assert float(found["test_loss_at_4"]) == pytest.approx(float(each[:, 3:7].mean()), rel=1e-5)


def test_octaves_tile_the_positions():
    assert octaves(16) == [(1, 2), (2, 4), (4, 8), (8, 17)]
    for context in (2, 3, 100, 128):
        every = [at for begin, end in octaves(context) for at in range(begin, end)]
        assert every == list(range(1, context + 1))


def test_d_counts_tokens_in_grids_and_records(base):
    grid = product(axis("D", [320, 640]), axis("epochs", [3]))
    for cell in cells(base, grid):
        run = cell.run
        assert run.steps == math.ceil(3 * run.D / (3 * CONTEXT))
        planned = PlannedRun(cell, cell.name, "", "", run.learner.cost(run))
        row = rows.identity("test", planned)
        assert row["examples"] == run.steps * 3 * CONTEXT
        assert row["epochs"] == pytest.approx(row["examples"] / run.D)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"D": 15}, r"has 16 to 2[0-9]+ training tokens"),
        ({"model": MLP()}, "gives its model tokens and MLP reads array"),
        ({"data": Digits()}, "reads text; give it a source of text"),
        ({"learner": Supervised()}, "gives its model array and Transformer reads tokens"),
    ],
    ids=["D", "model", "data", "learner"],
)
def test_what_cannot_be_is_named(base, change, said):
    with pytest.raises(LabError, match=said):
        cells(dataclasses.replace(base, **change), axis("seed", [0]))


def test_too_little_text_is_named(base):
    long = dataclasses.replace(base, learner=Language(context=512))
    with pytest.raises(LabError, match=r"the valid split has .* needs 513"):
        long.learner.bind(long).data()
    with pytest.raises(LabError, match="context of 2 tokens or more"):
        Language(context=1)
