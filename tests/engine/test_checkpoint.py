"""Resumed = uninterrupted, bit for bit; an unfinished checkpoint is never read."""

import dataclasses
import threading

import numpy as np
import pytest

from scaling_lab import MLP, Digits, Recipe, Run, Supervised
from scaling_lab.engine import program, trainer
from scaling_lab.engine.checkpoint import Checkpointer


@pytest.fixture(scope="module")
def base():
    recipe = Recipe(batch_size=32, schedule="wsd", warmup=5, decay=0.25)
    model = MLP(depth=1, width=8)
    return Run(learner=Supervised(), data=Digits(), model=model, recipe=recipe, D=300, steps=300)


@pytest.fixture(scope="module")
def data(base):
    return program.load(base)


@pytest.fixture(scope="module")
def built(base, data):
    return program.build(base, 1, data)


@pytest.fixture(scope="module")
def column(base):
    return [dataclasses.replace(base, steps=steps) for steps in (80, 160, 300)]


@pytest.fixture(scope="module")
def whole(built, data, column):
    return [outcome.curve for outcome in trainer.train(built, data, column)]


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    monkeypatch.setattr(trainer, "CHUNK_SECONDS", 0.0)  # a step a chunk: stops anywhere
    monkeypatch.setattr(trainer, "FIRST_CHUNK", 16)


@pytest.mark.parametrize("after", [1, 20, 61, 75, 100, 140, 200, 330])
def test_resumed_is_uninterrupted(built, data, column, whole, tmp_path, after):
    """Stopped on the trunk, at a fork, in the midst of a branch, near the end."""
    stop, seen = threading.Event(), []

    def progress(steps):
        seen.append(steps)
        if sum(seen) >= after:
            stop.set()

    checkpointer = Checkpointer(tmp_path, every=1e9, worth=0)
    with pytest.raises(trainer.Interrupted):
        trainer.train(
            built, data, column, stopping=stop.is_set, progress=progress, checkpointer=checkpointer
        )
    again = []
    resumed = trainer.train(
        built, data, column, progress=again.append, checkpointer=Checkpointer(tmp_path, every=1e9)
    )
    assert [outcome.curve for outcome in resumed] == whole
    if after > 20:
        assert sum(again) < 300 + 20 + 40 + 75  # what was saved was not trained again
    for outcome in resumed:
        steps = [row["step"] for row in outcome.curve]
        assert steps == sorted(set(steps))


def test_an_average_resumes_with_the_parameters_that_it_averages(data, column, whole, tmp_path):
    recipe = dataclasses.replace(column[0].recipe, ema_decay=0.95)
    runs = [dataclasses.replace(run, recipe=recipe) for run in column]
    built = program.build(runs[0], 1, data)
    stop, seen = threading.Event(), []

    def progress(steps):
        seen.append(steps)
        if sum(seen) >= 100:
            stop.set()

    uninterrupted = [outcome.curve for outcome in trainer.train(built, data, runs)]
    assert all(
        one["train_loss"] == pytest.approx(other["train_loss"])
        and one["valid_loss"] != other["valid_loss"]
        for curve, plain in zip(uninterrupted, whole, strict=True)
        for one, other in zip(curve, plain, strict=True)
    )
    checkpointer = Checkpointer(tmp_path, every=1e9, worth=0)
    with pytest.raises(trainer.Interrupted):
        trainer.train(
            built, data, runs, stopping=stop.is_set, progress=progress, checkpointer=checkpointer
        )
    resumed = trainer.train(built, data, runs, checkpointer=Checkpointer(tmp_path, every=1e9))
    assert [outcome.curve for outcome in resumed] == uninterrupted


def test_checkpoints_come_with_time_and_old_ones_go(built, data, column, tmp_path):
    places = set()

    def progress(steps):
        places.update(path.name for path in tmp_path.iterdir())
        assert len(list(tmp_path.glob("*/curves.json"))) <= 1

    trainer.train(
        built, data, column[-1:], progress=progress, checkpointer=Checkpointer(tmp_path, every=0.05)
    )
    assert len(places) > 1
    Checkpointer(tmp_path).forget()
    assert not tmp_path.exists()


def test_an_unfinished_checkpoint_is_not_read(built, data, tmp_path):
    checkpointer = Checkpointer(tmp_path)
    checkpointer.save(5, built.begin(), [["done", None, [], []]])
    (tmp_path / "000000000009" / "state").mkdir(parents=True)
    saved = checkpointer.restore(built.empty)
    assert saved is not None
    assert saved.curves == [["done", None, [], []]]
    checkpointer.save(10, built.begin(), [])
    assert [path.name for path in tmp_path.iterdir()] == ["000000000010"]
    np.testing.assert_equal(Checkpointer(tmp_path / "none").restore(built.empty), None)
