"""Resumed = uninterrupted, bit for bit; an unfinished checkpoint is never read."""

import dataclasses
import json
import shutil
import threading

import numpy as np
import pytest

from scaling_lab import MLP, Digits, Recipe, Run, Supervised
from scaling_lab.engine.training import program, trainer
from scaling_lab.engine.training.checkpoint import Checkpointer
from scaling_lab.storage.objects import mirror


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


def test_a_checkpoint_on_an_object_store_is_found_by_another_machine(
    built, tmp_path, bucket, monkeypatch
):
    def ensemble(machine):
        monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / machine))
        folder = mirror.opened(f"{bucket}/results/e/.work/checkpoints/abc")
        return Checkpointer(folder)

    first = ensemble("first")
    for step in (5, 10):
        first.save(step, built.begin(), [["done", None, [step], []]])
    second = ensemble("second")
    saved = second.restore(built.empty)
    assert saved is not None
    assert saved.curves == [["done", None, [10], []]]
    assert [path.name for path in second.folder.iterdir()] == ["000000000010"]
    second.forget()
    assert ensemble("third").restore(built.empty) is None


@pytest.fixture
def stopped(built, data, column, tmp_path):
    """The folder of an ensemble that was stopped on its trunk."""
    seen = []
    with pytest.raises(trainer.Interrupted):
        trainer.train(
            built,
            data,
            column,
            stopping=lambda: sum(seen) >= 40,
            progress=seen.append,
            checkpointer=Checkpointer(tmp_path / "one", every=1e9, worth=0),
        )
    return tmp_path / "one"


def damages(place):
    """Each file truncated, and with a bit turned; a file gone, one more, another's curves."""
    files = sorted(path for path in place.rglob("*") if path.is_file())
    for path in files:
        data = path.read_bytes()
        for at in {0, len(data) // 2, len(data) - 1} if data else ():
            turned = bytearray(data)
            turned[at] ^= 1
            yield path, bytes(turned)
        yield path, data[:-1] if data else b"x"
        yield path, b""
        yield path, None
    yield place / "state" / "d" / "more", b"1"
    kept = json.loads((place / "curves.json").read_text())
    for other in ([], {}, kept["curves"], kept | {"curves": []}, kept | {"of": ["two", "3"]}):
        yield place / "curves.json", json.dumps(other).encode()


def test_a_damaged_checkpoint_is_told_and_not_used(built, stopped, tmp_path):
    (place,) = stopped.iterdir()
    shutil.copytree(stopped, tmp_path / "intact")
    tried = 0
    for path, data in damages(place):
        before = path.read_bytes() if path.exists() else None
        if data == before:
            continue
        if data is None:
            path.unlink()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        said = []
        assert Checkpointer(stopped, say=said.append).restore(built.empty) is None, (path, data)
        unfinished = path.name == "curves.json" and data is None
        assert len(said) == (0 if unfinished else 1), (path, data)
        shutil.rmtree(stopped)
        shutil.copytree(tmp_path / "intact", stopped)
        tried += 1
    assert tried > 30
    assert Checkpointer(stopped, say=pytest.fail).restore(built.empty) is not None
    shutil.copytree(stopped, tmp_path / "two")  # another ensemble's
    said = []
    assert Checkpointer(tmp_path / "two", say=said.append).restore(built.empty) is None
    assert f"two/{place.name} is damaged" in said[0]


def test_training_goes_on_from_an_older_checkpoint_or_begins_again(
    built, data, column, whole, stopped
):
    (place,) = stopped.iterdir()
    newer = stopped / "000000000900"
    for older in (True, False):
        newer.mkdir(parents=True)
        (newer / "curves.json").write_text("{")
        if not older:
            shutil.rmtree(place)
        said, steps = [], []
        found = trainer.train(
            built,
            data,
            column,
            progress=steps.append,
            checkpointer=Checkpointer(stopped, every=1e9, say=said.append),
        )
        assert [outcome.curve for outcome in found] == whole
        assert len(said) == 1
        assert (sum(steps) < 300 + 20 + 40) == older
