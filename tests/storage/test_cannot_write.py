"""What the error says when a file cannot be written: what is full, or where to write instead."""

import errno
import os
from types import SimpleNamespace

import pytest

from scaling_lab import LabError
from scaling_lab.errors import Unwritable
from scaling_lab.storage import atomic, cache, lock


def failing(number):
    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


def refusal(path):
    with pytest.raises(LabError) as error:
        atomic.write_whole(path / "e" / "table.csv", b"1")
    return error.value


@pytest.mark.parametrize(
    ("number", "favail", "said"),
    [
        (errno.ENOSPC, 9, "the disk is full (2.05 MB left); free some space and repeat the"),
        (errno.ENOSPC, 0, "has no inodes left; delete files and repeat the command"),
        (errno.EDQUOT, 9, "your disk quota is exceeded; delete files"),
    ],
)
def test_what_is_full_is_told(tmp_path, monkeypatch, number, favail, said):
    monkeypatch.setattr(os, "fsync", failing(number))
    free = SimpleNamespace(f_files=100, f_favail=favail, f_bavail=500, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: free)
    error = refusal(tmp_path)
    assert said in str(error)
    assert "--results" not in str(error)
    assert not isinstance(error, Unwritable)
    with pytest.raises(LabError, match=r"cannot write .*(full|inodes|quota)"):
        cache.prepare_once("data", {"key": str(tmp_path)}, failing(number))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_what_can_only_be_read_is_told_apart(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "fsync", failing(number))
    error = refusal(tmp_path)
    assert isinstance(error, Unwritable)
    assert str(error).endswith("; give a writable folder with --results")


def test_a_full_disk_is_told_when_the_lock_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "pwrite", failing(errno.ENOSPC))
    with pytest.raises(LabError, match="the disk is full"), lock.held(tmp_path / "e"):
        pass
