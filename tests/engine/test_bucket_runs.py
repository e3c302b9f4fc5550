"""A grid on an object store, killed on one machine and finished on another, loses nothing."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from scaling_lab import experiment
from scaling_lab.engine import runner
from scaling_lab.storage.objects import mirror, pull
from scaling_lab.storage.objects.buckets import Bucket
from scaling_lab.storage.records import Store

pytestmark = pytest.mark.slow


@pytest.fixture
def command(root, tmp_path):
    """The command line on a machine of its own: with its own cache."""

    def call(machine, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "scaling_lab", *words],
            cwd=root,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SCALING_LAB_CACHE": str(tmp_path / machine)},
        )

    return call


def test_a_killed_grid_is_finished_elsewhere(root, tmp_path, bucket, command, monkeypatch):
    tiny, url = str(root / "tests" / "tiny_experiment.py"), f"{bucket}/killed"
    training = ("run", tiny, "--results", url, "--width", "1", "--workers", "1")
    first = command("first", *training)
    store = Bucket("s3", "lab")
    while len(store.listing("killed/tiny_experiment/runs")) < 3:
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    recorded = len(store.listing("killed/tiny_experiment/runs"))

    out, _ = (second := command("second", *training)).communicate(timeout=300)
    assert second.returncode == 0, out
    assert f"took over the lock of {url}/tiny_experiment from process {first.pid}" in out
    assert f"tiny_experiment: {12 - recorded} done" in out
    assert f"Tables in {url}/tiny_experiment" in out
    out, _ = command("third", "status", tiny, "--results", url).communicate(timeout=100)
    assert "12 done" in out
    out, _ = command("third", *training).communicate(timeout=100)
    assert "nothing to train" in out

    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "fourth"))
    folder = mirror.opened(url) / "tiny_experiment"
    pull.tables(folder)
    assert len(list((folder / "runs").iterdir())) == 1
    found = Store(folder).curves()
    assert not found.duplicated(["run", "step"]).any()
    loaded = experiment.load(tiny)
    runner.run(loaded, tmp_path / "plain", width=1)
    whole = Store(tmp_path / "plain" / "tiny_experiment").curves()
    ordered = [
        frame.sort_values(["run", "step"]).reset_index(drop=True) for frame in (found, whole)
    ]
    pd.testing.assert_frame_equal(*ordered)
