"""Temporary files of dead processes are removed, those of living ones are not."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from scaling_lab import LabError
from scaling_lab.storage import atomic, leftovers

DYING = """
import os, signal, sys
from pathlib import Path
from scaling_lab.storage import atomic
os.replace = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
atomic.write_whole(Path(sys.argv[1]), b"whole")
"""


def made(path, age=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_what_a_killed_process_left_is_removed(tmp_path):
    for name in ("runs/a.parquet", "parameters/a.npz", ".work/widths.json", "report.html"):
        done = subprocess.run([sys.executable, "-c", DYING, str(tmp_path / name)])
        assert done.returncode == -signal.SIGKILL
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) == 4
    assert set(leftovers.clean(tmp_path)) == set(left)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_only_what_is_surely_dead_is_removed(tmp_path):
    host, ours = socket.gethostname(), os.getpid()
    alive = [
        made(tmp_path / "parameters" / f".a.npz.{host}.{ours}.00000000.tmp"),
        made(tmp_path / "parameters" / ".a.npz.elsewhere.1.00000000.tmp", age=60),
        made(tmp_path / "fits" / ".a.json.00000000.tmp", age=60),
        made(tmp_path / ".work" / "checkpoints" / "1" / ".a.00000000.tmp", age=1e6),
        made(tmp_path / "runs" / "a.tmp", age=1e6),
        made(tmp_path / ".mine.tmp", age=1e6),
    ]
    dead = [
        made(tmp_path / "parameters" / ".a.npz.elsewhere.1.00000001.tmp", age=1e4),
        made(tmp_path / "fits" / ".a.json.00000001.tmp", age=1e4),
        made(tmp_path / "runs" / ".a.parquet.elsewhere.1.00000001.tmp"),
        made(tmp_path / "curves" / ".a.parquet.00000001.tmp"),
    ]
    assert set(leftovers.clean(tmp_path)) == set(dead)
    assert all(path.exists() for path in alive)


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabError, match="cannot write"):
        atomic.write_whole(tmp_path / "a", b"x")
    monkeypatch.undo()

    def stopped(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_whole(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_removed_during_a_write_is_made_again(tmp_path, monkeypatch):
    real, removals = os.replace, [1, 2]

    def removed(*given):
        if removals and removals.pop():
            shutil.rmtree(tmp_path / "e")
        real(*given)

    monkeypatch.setattr(os, "replace", removed)
    atomic.write_whole(tmp_path / "e" / "runs" / "a", b"whole")
    assert (tmp_path / "e" / "runs" / "a").read_bytes() == b"whole"
    removals += [1] * 9
    with pytest.raises(LabError, match=r"cannot write .*No such file"):
        atomic.write_whole(tmp_path / "e" / "runs" / "b", b"whole")
