"""Data that change or vanish while runs on them train: what is in memory counts."""

import pytest

from scaling_lab import LabError, Language, Recipe, Run, Store, Text, Transformer, axis, grid
from scaling_lab.engine import runner
from scaling_lab.engine.training import program
from scaling_lab.experiment import Experiment


@pytest.fixture
def notes(tmp_path, own_cache):
    path = tmp_path / "notes.txt"
    path.write_text("It rained again, and we read.\n" * 500)
    return path


@pytest.fixture
def reading(notes):
    """An experiment of two runs on the notes; their parameters are kept."""
    base = Run(
        learner=Language(context=8),
        data=Text(path=str(notes)),
        model=Transformer(depth=1, width=16),
        recipe=Recipe(batch_size=4),
        D=64,
        steps=4,
    )
    return Experiment(
        name="e50_reading",
        file=notes.with_name("e50_reading.py"),
        text=dict.fromkeys(["title", "question", "prediction", "cost", "command"], "?"),
        base=base,
        grid=axis("seed", [0, 1]),
        keep=lambda point: True,
    )


class Meanwhile(runner.Listener):
    """Does something when the first run is recorded."""

    def __init__(self, act):
        self.act = act

    def ended(self, run, status, reason):
        self.act()


@pytest.mark.parametrize(
    "act",
    [lambda notes: notes.unlink(missing_ok=True), lambda notes: notes.write_text("x" * 9_000)],
    ids=["gone", "changed"],
)
def test_data_in_memory_outlast_their_files(reading, notes, tmp_path, act):
    listener = Meanwhile(lambda: act(notes))
    summary = runner.run(reading, tmp_path, width=1, workers=1, listener=listener)
    assert summary.recorded == {"done": 2}
    marks = set(Store(tmp_path / "e50_reading").runs()["fingerprint"])
    kept = (tmp_path / "e50_reading" / "parameters").glob("*.npz")
    assert {path.stem for path in kept} == marks


def test_data_that_changed_after_the_plan_are_not_trained_on(reading, notes, tmp_path, monkeypatch):
    real = program.load

    def late(run, placement=None):
        notes.write_text("x" * 9_000)
        return real(run, placement)

    monkeypatch.setattr(program, "load", late)
    with pytest.raises(LabError, match="the data have changed since the runs were planned"):
        runner.run(reading, tmp_path, width=1, workers=1)
    assert not (tmp_path / "e50_reading" / "runs").exists()
    monkeypatch.setattr(program, "load", real)
    cells = grid.cells(reading.base, reading.grid)  # now planned on the new text
    assert runner.run(reading, tmp_path, cells=cells, width=1).recorded == {"done": 2}
