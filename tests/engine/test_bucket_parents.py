"""Runs on an object store, from another machine: those that start from kept runs, and reruns."""

import pytest

from scaling_lab import Store, experiment, rerun
from scaling_lab.engine import runner, work
from scaling_lab.plan import make
from scaling_lab.storage import parameters
from scaling_lab.storage.objects import mirror, pull

pytestmark = pytest.mark.slow

TEXT = '''"""A title.

Question: ?
Prediction: .
Cost: .
Command: .
"""
from scaling_lab import MLP, Digits, Recipe, Run, Snapshots, Supervised, axis, parents, product

base = Run(
    learner=Supervised(), data=Digits(), model=MLP(depth=1), recipe=Recipe(batch_size=32), steps=20
)
'''
OLD = """
grid = product(axis("N", [700]), axis("D", [100]))
keep = "N > 0"
snapshots = Snapshots(first=10)
"""
NEW = "grid = product(parents('old', axes=['N'], step=10), axis('D', [50]))\n"


class Quiet:
    """A link that hears nothing."""

    def stopping(self):
        return False

    def began(self, names):
        pass

    def advance(self, flops):
        pass

    def say(self, line):
        pass


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Go on at a machine of that name, which has a cache of its own."""

    def at(name):
        monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / name))

    return at


@pytest.fixture
def old(tmp_path, bucket, machine):
    """The URL of results of an experiment that kept a snapshot."""
    (tmp_path / "old.py").write_text(TEXT + OLD)
    (tmp_path / "new.py").write_text(TEXT + NEW)
    url = f"{bucket}/{tmp_path.name}"
    machine("first")
    found = experiment.load(str(tmp_path / "old.py"))
    runner.run(found, mirror.opened(url), width=1)
    return url


def test_a_worker_fetches_the_snapshot_that_a_run_starts_from(old, machine, tmp_path):
    found = experiment.load(str(tmp_path / "new.py"))
    (cell,) = found.cells
    parent = cell.run.parent
    first = mirror.opened(old)
    content = parameters.content(first / "old", parent.fingerprint, parent.step)
    machine("worker")
    results = mirror.opened(old)
    assert results != first
    kept = parameters.path(results / "old", parent.fingerprint, parent.step)
    assert not kept.exists()
    plan = make("new", found.cells, Store(results / "new"))
    task = work.Task(experiment="new", file=str(found.file), runs=tuple(plan.runs), width=1)
    (row,) = work.train(task, str(results / "new"), Quiet()).runs
    assert (row["status"], row["parent_share"], row["parent_content"]) == ("done", 1.0, content)
    assert kept.exists()

    # Parameters that lie there from an earlier time are not those of the store.
    kept.write_bytes(b"outdated, and of another size")
    (row,) = work.train(task, str(results / "new"), Quiet()).runs
    assert row["parent_content"] == content


def test_a_run_is_trained_again_from_its_record_on_a_store(old, machine):
    machine("second")
    results = mirror.opened(old)
    folder = results / "old"
    pull.tables(folder)
    (name,) = Store(folder).runs()["run"]
    to = mirror.opened(f"{old}-again")
    found = rerun(Store(folder), name, to=to)
    assert found.differences == ()
    assert found.compared > 20
    machine("third")
    again = mirror.opened(f"{old}-again") / "old"
    pull.tables(again)
    assert list(Store(again).runs()["run"]) == [name]
