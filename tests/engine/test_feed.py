"""Streamed training = resident training, bit for bit, wherever chunks are cut and runs resumed."""

import dataclasses
import threading
from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
import pytest

from scaling_lab import MLP, Digits, LabError, Recipe, Run, Supervised, registry
from scaling_lab.data import Splits
from scaling_lab.engine import cost_check, ensemble, widths
from scaling_lab.engine.training import feed, program, trainer
from scaling_lab.engine.training.checkpoint import Checkpointer
from scaling_lab.engine.training.trainer import train
from scaling_lab.grid import GridPoint
from scaling_lab.plan import PlannedRun
from scaling_lab.stream import MappedRecords

DIGITS = Digits().load()


class Counted:
    """Digits that remember which have been read; those from `lost` on cannot be."""

    def __init__(self):
        self.places, self.lost = [], len(DIGITS.train.x)

    def __len__(self):
        return len(DIGITS.train.x)

    def read(self, places):
        self.places += [*places]
        if places.max() >= self.lost:
            raise LabError("digits-3.bin cannot be read: it is gone; restore an intact copy")
        return DIGITS.train.x[places], DIGITS.train.y[places]


RECORDS = Counted()


@dataclass(frozen=True, kw_only=True)
class StreamedDigits(Digits):
    """Digits, streamed."""

    streams: ClassVar[bool] = True

    def load(self):
        return Splits(RECORDS, DIGITS.valid, DIGITS.test)


@pytest.fixture(scope="module", autouse=True)
def _registered():
    with registry.scratch():
        registry.register("data", "streamed_digits")(StreamedDigits)
        yield


@pytest.fixture(scope="module")
def base():
    recipe = Recipe(batch_size=32, schedule="wsd", warmup=5, decay=0.25)
    model = MLP(depth=1, width=8)
    return Run(learner=Supervised(), data=Digits(), model=model, recipe=recipe, D=300, steps=200)


@pytest.fixture(scope="module")
def runs(base):
    """Three budgets of one trunk."""
    return [dataclasses.replace(base, steps=steps) for steps in (50, 100, 200)]


@pytest.fixture(scope="module")
def resident(base, runs):
    data = program.load(base)
    return train(program.build(base, 1, data), data, runs)


@pytest.fixture(params=[1, 7, 32, 256])
def chunk(request, monkeypatch):
    """Batches in a chunk: one, a number that divides no budget, and more than the run has."""
    monkeypatch.setattr(feed, "MOST_BATCHES", request.param)
    return request.param


def streamed(runs):
    return [dataclasses.replace(run, data=StreamedDigits()) for run in runs]


def built(runs, width=1):
    data = program.load(runs[0])
    assert "train" not in data
    return program.build(runs[0], width, data), data


def test_streamed_is_resident(runs, resident, chunk):
    """With branches: each starts again from the trunk's position in the stream."""
    runs = streamed(runs)
    for expected, found in zip(resident, train(*built(runs), runs), strict=True):
        assert found.curve == expected.curve


def test_a_data_seed_streams_the_subset_that_it_takes_of_resident_data(base):
    run = dataclasses.replace(base, data_seed=2, steps=30)
    data = program.load(run)
    (expected,) = train(program.build(run, 1, data), data, [run])
    (found,) = train(*built(streamed([run])), streamed([run]))
    assert found.curve == expected.curve


def test_runs_of_one_order_train_together(runs, monkeypatch):
    monkeypatch.setattr(feed, "MOST_BATCHES", 7)
    rates = [dataclasses.replace(runs[0].recipe, learning_rate=rate) for rate in (1e-3, 1e-2)]
    resident = [dataclasses.replace(runs[2], recipe=recipe) for recipe in rates]
    data = program.load(resident[0])
    expected = train(program.build(resident[0], 2, data), data, resident)
    found = train(*built(streamed(resident), 2), streamed(resident))
    assert [one.curve for one in found] == [one.curve for one in expected]


def test_runs_of_other_orders_do_not_train_together(base):
    pair = streamed([base, dataclasses.replace(base, seed=1)])
    with pytest.raises(LabError, match="must share its order"):
        train(*built(pair, 2), pair)


def test_only_runs_of_one_order_are_cut_together(base):
    def planned(run):
        return PlannedRun(GridPoint({}, run), "", "", "p", run.learner.cost(run))

    recipe = dataclasses.replace(base.recipe, learning_rate=1e-2)
    alike = [base, dataclasses.replace(base, recipe=recipe)]
    others = [dataclasses.replace(base, seed=1), dataclasses.replace(base, D=200)]
    cut = ensemble.cut([planned(run) for run in streamed([*alike, *others])], 4)
    assert sorted(len(together) for together in cut) == [1, 1, 2]
    (together,) = ensemble.cut([planned(run) for run in [*alike, *others]], 4)
    assert len(together) == 4


@pytest.mark.parametrize("stop", [1, 40, 90, 170])
def test_resumed_is_uninterrupted(base, resident, stop, tmp_path, monkeypatch):
    """Stopped anywhere: in the midst of a chunk, at its end, in the decay."""
    monkeypatch.setattr(feed, "MOST_BATCHES", 7)
    (run,) = streamed([base])
    (whole,) = train(*built([run]), [run])
    assert whole.curve == resident[2].curve
    place, stopped, taken = built([run]), threading.Event(), []

    def progress(steps):
        taken.append(steps)
        if sum(taken) >= stop:
            stopped.set()

    keep = Checkpointer(tmp_path, worth=0)
    with pytest.raises(trainer.Interrupted):
        train(*place, [run], stopping=stopped.is_set, progress=progress, checkpointer=keep)
    assert list(tmp_path.glob("*/curves.json"))
    (again,) = train(*place, [run], checkpointer=Checkpointer(tmp_path))
    assert again.curve == whole.curve


def test_nothing_beyond_D_and_beyond_the_last_step_is_read(base, chunk):
    run = dataclasses.replace(streamed([base])[0], D=100, steps=10)
    place = built([run])
    RECORDS.places.clear()
    train(*place, [run])
    assert max(RECORDS.places) < 100
    assert len(RECORDS.places) <= 10 * run.recipe.batch_size + 1  # and one for its shape


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_number_of_threads_changes_nothing(workers):
    records = MappedRecords([*zip(DIGITS.train.x, DIGITS.train.y, strict=True)], workers)
    for count in (1, 3, 100):
        places = np.arange(count) * 7 % 50
        for found, expected in zip(records.read(places), RECORDS.read(places), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_one_program_for_all_chunks_and_budgets(runs, chunk):
    """Chunks are data: shapes that differed would be refused by the compiled executable."""
    runs = streamed(runs)
    made, data = built(runs)
    leaves = jax.tree.leaves(feed.chunk_shapes(made.learner.stream(runs[0])))
    assert {leaf.shape[0] for leaf in leaves} == {chunk * 32}
    for at, steps in enumerate((3, 33, 64)):
        run = dataclasses.replace(runs[0], steps=steps, seed=at, D=17 + at)
        (result,) = train(made, data, [run])
        assert result.ended


def test_data_that_vanish_in_mid_run_end_it_with_their_name(base, monkeypatch):
    monkeypatch.setattr(feed, "MOST_BATCHES", 8)
    run = streamed([base])[0]
    place, seen = built([run]), []

    def progress(steps):
        seen.append(steps)
        monkeypatch.setattr(RECORDS, "lost", 0)

    with pytest.raises(LabError, match=r"digits-3\.bin cannot be read"):
        train(*place, [run], progress=progress)
    assert sum(seen) >= 8
    assert not [t for t in threading.enumerate() if t.name.startswith("feed")]


def test_D_must_be_within_the_stream(base):
    run = dataclasses.replace(streamed([base])[0], D=100_000)
    with pytest.raises(LabError, match="100,000 training examples of a stream of 1,197"):
        train(*built(streamed([base])), [run])


def test_a_learner_that_needs_resident_data_says_so(base):
    run = dataclasses.replace(registry.get("learner", "vae").example(), data=StreamedDigits())
    for call in (program.load, lambda run: cost_check.check([run])):
        with pytest.raises(LabError, match="learner vae needs its data in memory"):
            call(run)


def test_the_cost_of_a_streamed_run_is_checked(base):
    report = cost_check.check(streamed([base]))
    assert report.complete
    assert "valid_loss" in report.metrics


def test_a_width_is_measured_with_a_chunk(base):
    run = streamed([base])[0]
    made, data = built([run])
    whole = feed.with_first_chunk(run, made.learner, made.placement.put, data)
    assert widths.steps_per_second(made, whole, [run]) > 0
