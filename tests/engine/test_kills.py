"""Kills at random moments lose nothing and do nothing twice: a few of benchmarks/kills.py."""

import importlib
import os
import subprocess
import sys

import pandas as pd
import pytest


@pytest.fixture
def kills(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    monkeypatch.setenv("PYTHONPATH", str(root))
    yield importlib.import_module("kills")
    for name in ("kills", "victims"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_a_few_kills_lose_and_double_nothing(root):
    command = [sys.executable, str(root / "benchmarks" / "kills.py"), "local=3", "bucket=1"]
    done = subprocess.run(
        [*command, "--steps", "1000", "--seeds", "1"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("nothing") == 2
    assert "4 kills" in done.stdout


def row(run, **more):
    return {"experiment": "killed", "run": run, "fingerprint": run, "status": "done", **more}


class Killed:
    """Stands for a laboratory: each kill leaves the next of these records behind."""

    def __init__(self, records, found):
        self.records, self.found = iter(records), found

    def recorded(self):
        return next(self.records)

    def finish(self):
        pass

    def tables(self):
        return self.found


def test_what_is_lost_doubled_or_changed_is_told(kills, monkeypatch):
    runs = pd.DataFrame([row("a", best_test_loss=0.5), row("b", best_test_loss=0.25)])
    curves = pd.DataFrame([row("a", step=1), row("b", step=1)])
    whole, changed = (runs, curves), (runs.assign(best_test_loss=[0.5, 0.251]), curves)
    monkeypatch.setitem(kills.KILLS, "local", (lambda lab, most: 1, ()))
    cases = [
        ([{"a": 1}, {"a": 1, "b": 2}], whole, []),
        ([{"a": 1}, {}], whole, ["local, grid 1: 1 records lost, a among them"]),
        ([{"a": 1}, {"a": 2}], whole, ["local, grid 1: 1 runs trained twice, a among them"]),
        ([{"a": 1}, {"a": 1}], changed, ["local, grid 1: the table of runs differs"]),
        ([{"a": 1}, {"a": 1}], (runs, curves[:1]), ["local, grid 1: the table of curves differs"]),
    ]
    for records, found, problems in cases:
        tally = kills.series("local", 2, Killed(records, found), "home", whole)
        assert tally.kills == 2
        assert len(tally.problems) == len(problems), tally.problems
        for said, expected in zip(tally.problems, problems, strict=True):
            assert said.startswith(expected)
