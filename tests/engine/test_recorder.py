"""What has been computed is recorded, also if the results folder is removed meanwhile."""

import json
import shutil

import pytest

from scaling_lab import LabError, Store, experiment
from scaling_lab.engine import recorder, runner
from scaling_lab.engine.recorder import Recorder
from scaling_lab.engine.rows import Rows
from scaling_lab.storage.objects import mirror, pull


class Removing(runner.Listener):
    """Removes a folder when a number of runs have ended; remembers what is said."""

    def __init__(self, folder, at):
        self.folder, self.at, self.ends, self.said = folder, at, 0, []

    def ended(self, run, status, reason):
        self.ends += 1
        while self.ends == self.at and self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)  # a thread may write there meanwhile

    def say(self, line):
        self.said.append(line)


@pytest.fixture(scope="module")
def tiny(root):
    return experiment.load(str(root / "tests" / "tiny_experiment.py"))


@pytest.mark.parametrize(("at", "where"), [(1, "."), (2, ".."), (3, "runs"), (4, ".")])
def test_a_folder_that_is_removed_during_training_loses_nothing(tiny, tmp_path, at, where):
    results = tmp_path / "results"
    folder = results / tiny.name
    listener = Removing((folder / where).resolve(), at)
    summary = runner.run(tiny, results, limit=4, width=1, workers=1, listener=listener)
    assert summary.recorded == {"done": 4}
    store = Store(folder, tiny.name)
    assert len(store.runs()) == 4
    assert set(store.curves()["run"]) == set(store.runs()["run"])
    assert json.loads((folder / "experiment.json").read_text())["name"] == tiny.name
    (line,) = [line for line in listener.said if "removed or changed during training" in line]
    assert "\n" not in line
    assert runner.run(tiny, results, limit=0, width=1).recorded == {}
    assert store.survey().damaged == []


def rows(*names, status="done"):
    keys = [{"experiment": "e", "run": name, "fingerprint": "f"} for name in names]
    return Rows([key | {"status": status} for key in keys], [key | {"step": 1} for key in keys])


def test_parts_are_merged_as_they_add_up_and_a_full_disk_leaves_them(tmp_path, monkeypatch):
    said = []
    here = Recorder(Store(tmp_path / "e"), "{}", lambda: None, said.append)
    monkeypatch.setattr(recorder, "COMPACT_EVERY", 3)
    for at in range(7):
        here.record(rows(f"r{at}"))
    assert len(list((tmp_path / "e" / "runs").iterdir())) == 2

    def full(store):
        raise LabError("cannot write: no space")

    monkeypatch.setattr(Store, "compact", full)
    here.end()
    assert len(here.store.runs()) == 7
    assert said == ["the parts of the tables stay unmerged: cannot write: no space"]


def test_a_mirror_that_is_deleted_doubles_nothing_and_hides_nothing(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "here"))
    folder = mirror.opened(f"{bucket}/deleted") / "e"
    for name in "abc":
        Recorder(Store(folder), "{}", lambda: None, print).record(rows(name, status="failed"))
    here = Recorder(Store(folder), "{}", lambda: None, print)
    here.record(rows("d"))
    shutil.rmtree(folder)
    here.record(rows("a"))
    here.end()
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "there"))
    pull.tables(there := mirror.opened(f"{bucket}/deleted") / "e")
    found = Store(there).survey().rows
    assert {name: row["status"] for name, row in found.items()} == {
        **dict.fromkeys("bc", "failed"),
        **dict.fromkeys("ad", "done"),
    }
