"""`run` registers the texts before it trains, and every record says under which it was trained."""

import dataclasses
import json

import pytest

from scaling_lab import Store, experiment
from scaling_lab.engine import runner
from scaling_lab.engine.recorder import Recorder
from scaling_lab.engine.rows import Rows
from scaling_lab.registration import log, texts
from scaling_lab.storage.objects import mirror, pull


class Said(runner.Listener):
    """Remembers what is said, and the log as it is when training begins."""

    def __init__(self, folder):
        self.folder, self.lines, self.first = folder, [], None

    def begin(self, plan, runs, flops):
        self.first = log.read(self.folder)

    def say(self, line):
        self.lines.append(line)


@pytest.fixture(scope="module")
def tiny(root):
    return experiment.load(str(root / "tests" / "tiny_experiment.py"))


def amended(tiny, prediction):
    return dataclasses.replace(tiny, text={**tiny.text, "prediction": prediction})


def test_records_carry_the_digest_that_was_current(tiny, tmp_path):
    folder = tmp_path / tiny.name
    heard = Said(folder)
    runner.run(tiny, tmp_path, limit=1, width=1, workers=1, listener=heard)
    assert len(heard.first.entries) == 1  # before anything was trained
    assert heard.first.last.recorded == 0
    assert heard.first.last.commit
    (first,) = log.read(folder).entries
    assert first.digest == texts.of(json.loads((folder / "experiment.json").read_text())).digest
    runner.run(amended(tiny, "It does not."), tmp_path, limit=1, width=1, workers=1)
    second = log.read(folder).last
    assert (second.recorded, second.texts.prediction) == (1, "It does not.")
    rows = Store(folder, tiny.name).runs()
    assert set(rows["registered"]) == {first.digest, second.digest}
    runner.run(amended(tiny, "Perhaps."), tmp_path, limit=0)
    assert log.read(folder).last.recorded == 2


def test_a_broken_chain_is_told_and_training_goes_on(tiny, tmp_path):
    folder = tmp_path / tiny.name
    folder.mkdir()
    (folder / log.REGISTERED).write_bytes(b'{"sequence": 1, "prev')
    heard = Said(folder)
    assert runner.run(tiny, tmp_path, limit=1, width=1, listener=heard).recorded == {"done": 1}
    (line,) = [line for line in heard.lines if "registered.jsonl" in line]
    assert line.endswith("registered.jsonl is broken at line 1: it is not a registration")
    assert len(log.read(folder).entries) == 1


def row(name):
    run = {"experiment": "e", "run": name, "fingerprint": "f", "status": "done"}
    return Rows([run], [{**run, "step": 1}])


SAID = texts.of({"question": "?", "prediction": "!", "claims": []})


def test_a_log_that_is_removed_during_training_is_put_back(tmp_path):
    here = Recorder(Store(tmp_path / "e"), "{}", lambda: None, print)
    here.register(SAID, None, None)
    here.record(row("a"))
    kept = (tmp_path / "e" / log.REGISTERED).read_bytes()
    for path in sorted((tmp_path / "e").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    here.record(row("b"))
    assert (tmp_path / "e" / log.REGISTERED).read_bytes() == kept


def test_the_log_is_published(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "here"))
    folder = mirror.opened(f"{bucket}/registered") / "e"
    here = Recorder(Store(folder), "{}", lambda: None, print)
    here.register(SAID, "c0ffee", False)
    here.record(row("a"))
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "there"))
    folder = mirror.opened(f"{bucket}/registered") / "e"
    pull.tables(folder)
    assert log.read(folder).last.digest == SAID.digest
    assert list(Store(folder).runs()["registered"]) == [SAID.digest]
