"""One writer: by file lock where there is one, by heartbeat where there is none."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from scaling_lab import LabError
from scaling_lab.errors import Unwritable
from scaling_lab.storage.locks import holder, lease, lock
from scaling_lab.storage.locks.lease import FileSlot, Lease, ObjectSlot
from scaling_lab.storage.objects import buckets, mirror
from scaling_lab.storage.objects.buckets import Bucket, Changed

# A process that holds a lock until it is told to go on, and then records if it may.
HOLDING = """
import errno, fcntl, sys
from pathlib import Path
from scaling_lab import LabError
from scaling_lab.storage.locks import holder, lease, lock
from scaling_lab.storage.objects import mirror

lease.HEARTBEAT, lease.STALE, lease.SETTLE = 0.1, 30.0, 0.1
{setup}
try:
    with lock.held(mirror.opened(sys.argv[1]), say=print) as held:
        print("holds", flush=True)
        sys.stdin.readline()
        held.check()
        print("records", flush=True)
except LabError as error:
    print(error, flush=True)
    sys.exit(2)
"""
NO_LOCKS = """
def flock(file, how):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
"""
UNREACHED = "fcntl.flock = lambda file, how: None"
IMPATIENT = "lease.STALE = 1.0"
ELSEWHERE = "holder.machine = lambda: 'another machine'"


@pytest.fixture
def holding():
    """Starts processes that hold the lock of a folder."""
    started = []

    def start(place, *setup, **env):
        code = HOLDING.format(setup="\n".join(setup))
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT", 0.1)
    monkeypatch.setattr(lease, "STALE", 1.0)


@pytest.fixture(params=["file", "object"])
def slot(request, tmp_path):
    """Makes slots of one place."""
    if request.param == "file":
        return lambda: FileSlot(tmp_path / "lock")
    url = request.getfixturevalue("bucket")
    key = f"{request.node.name}/lock"
    return lambda: ObjectSlot(Bucket("s3", url.removeprefix("s3://")), key)


@pytest.fixture
def leased(slot, monkeypatch):
    """Makes leases on one place, each as of a machine of its own."""
    made = []

    def take(name, said=None, **changes):
        monkeypatch.setattr(holder, "machine", lambda: name)
        one = Lease(slot(), "the results", lambda: lost.append(name))
        one.mine = replace(one.mine, machine=name, **changes)
        one.acquire((said if said is not None else []).append)
        made.append(one)
        return one

    lost = take.lost = []
    yield take
    for one in made:
        one.released.set()


def test_a_lock_that_is_freed_can_be_taken_again(leased, slot):
    leased("one").release()
    assert slot().read()[0] is None
    leased("two").check()


def test_a_living_holder_is_not_disturbed_whatever_its_clock_says(leased, monkeypatch):
    monkeypatch.setattr(lease, "STALE", 30.0)
    leased("one", since="2001-01-01T00:00:00+00:00", seen="2001-01-01T00:00:00+00:00")
    said = []
    with pytest.raises(LabError, match=r"the results is in use by process \d+ on .* since 2001"):
        leased("two", said)
    assert "waiting for its next heartbeat" in said[0]


def test_a_stale_lock_is_taken_over_and_its_first_holder_records_nothing_more(leased, slot):
    first = leased("one")
    first.check()
    first.released.set()  # its heart stops
    first.thread.join()
    said = []
    second = leased("two", said)
    assert f"took over the lock of the results from {first.mine}" in said[-1]
    assert "last renewed it at" in said[-1]
    first.released.clear()  # it wakes up
    with pytest.raises(LabError, match="took over the lock of the results while this one was"):
        first.check()
    assert leased.lost == ["one"]
    first.release()
    second.check()
    assert slot().read()[0].token == second.mine.token


def test_a_waiting_process_that_was_suspended_asks_again(tmp_path, monkeypatch):
    slot = FileSlot(tmp_path / "lock")
    old = holder.Holder(machine="another machine")
    slot.write(old, None)
    real, reads = slot.read, []

    def read():
        """The record; after the second reading this process is suspended, and its holder renews."""
        found = real()
        reads.append(found)
        if len(reads) == 2:
            FileSlot(slot.path).write(replace(old, beat=1), old.token)
            monkeypatch.setattr(lease, "_clock", lambda: 1e9)
            monkeypatch.setattr(lease.time, "monotonic", lambda: 1e9)
        return found

    monkeypatch.setattr(slot, "read", read)
    with pytest.raises(LabError, match="is in use by"):
        Lease(slot, "the results", lambda: None).acquire(lambda line: None)


def test_a_holder_learns_of_the_loss_by_its_own_heartbeat(leased, slot):
    leased("one")
    old, tag = slot().read()
    while True:  # between two heartbeats
        try:
            slot().write(holder.Holder(), tag)
            break
        except Changed:
            old, tag = slot().read()
    until = time.monotonic() + 10
    while not leased.lost and time.monotonic() < until:
        time.sleep(0.02)
    assert leased.lost == ["one"]
    assert old is not None


@pytest.mark.parametrize("setup", [NO_LOCKS, UNREACHED], ids=["no locks", "unreached"])
@pytest.mark.parametrize("far", [[], [ELSEWHERE]], ids=["here", "elsewhere"])
def test_a_second_writer_is_refused_where_file_locks_do_not_reach(tmp_path, holding, setup, far):
    first = holding(tmp_path / "e", setup)
    assert first.stdout.readline() == "holds\n"
    second = holding(tmp_path / "e", setup, *far)
    out, _ = second.communicate()
    assert second.returncode == 2
    assert f"{tmp_path}/e is in use by process {first.pid} on " in out
    out, _ = first.communicate("\n")
    assert out == "records\n"


def test_a_killed_holder_on_this_machine_is_followed_at_once(tmp_path, holding):
    first = holding(tmp_path / "e")
    assert first.stdout.readline() == "holds\n"
    assert lock.holder(tmp_path / "e").pid == first.pid
    first.kill()
    first.wait()
    assert lock.holder(tmp_path / "e") is None
    said = []
    with lock.held(tmp_path / "e", say=said.append):
        assert lock.holder(tmp_path / "e").pid == os.getpid()
    assert said == []
    assert lock.holder(tmp_path / "e") is None


def test_a_suspended_holder_of_a_bucket_finds_that_it_lost_the_lock(bucket, tmp_path, holding):
    first = holding(f"{bucket}/stopped", IMPATIENT, SCALING_LAB_CACHE=str(tmp_path / "first"))
    assert first.stdout.readline() == "holds\n"
    first.send_signal(signal.SIGSTOP)
    second = holding(
        f"{bucket}/stopped", IMPATIENT, ELSEWHERE, SCALING_LAB_CACHE=str(tmp_path / "second")
    )
    lines = [second.stdout.readline() for _ in range(3)]
    assert "waiting for its next heartbeat" in lines[0]
    assert f"took over the lock of s3://lab/stopped from process {first.pid} on " in lines[1]
    assert lines[2] == "holds\n"
    first.send_signal(signal.SIGCONT)
    out, _ = first.communicate("\n")
    assert first.returncode == 2
    assert out.startswith("another process took over the lock of s3://lab/stopped while this one")
    assert f"process {second.pid} on" in out
    out, _ = second.communicate("\n")
    assert out == "records\n"


def test_a_killed_holder_of_a_bucket_is_followed_at_once_on_its_machine(bucket, tmp_path, holding):
    first = holding(f"{bucket}/killed", SCALING_LAB_CACHE=str(tmp_path / "first"))
    assert first.stdout.readline() == "holds\n"
    first.kill()
    first.wait()
    second = holding(f"{bucket}/killed", SCALING_LAB_CACHE=str(tmp_path / "second"))
    out, _ = second.communicate("\n")
    first_line, *rest = out.splitlines()
    assert f"took over the lock of s3://lab/killed from process {first.pid} on" in first_line
    assert rest == ["holds", "records"]


def test_two_writers_of_a_bucket_on_one_machine(bucket, tmp_path, holding, monkeypatch):
    """Also with one mirror for both, and status tells of the holder from another mirror."""
    caches = [{"SCALING_LAB_CACHE": str(tmp_path / name)} for name in ("one", "one", "two")]
    first = holding(f"{bucket}/both", **caches[0])
    assert first.stdout.readline() == "holds\n"
    for cache in caches[1:]:
        second = holding(f"{bucket}/both", **cache)
        out, _ = second.communicate()
        assert out.startswith(f"s3://lab/both is in use by process {first.pid} on ")
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "three"))
    assert lock.holder(mirror.opened(f"{bucket}/both")).pid == first.pid


def test_a_lock_whose_folder_is_deleted_is_made_again(tmp_path, holding):
    first = holding(tmp_path / "e")
    assert first.stdout.readline() == "holds\n"
    shutil.rmtree(tmp_path / "e")
    until = time.monotonic() + 10
    while not (tmp_path / "e" / ".work" / "lock").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert lock.holder(tmp_path / "e").pid == first.pid
    out, _ = holding(tmp_path / "e").communicate()
    assert out.startswith(f"{tmp_path}/e is in use by process {first.pid} on ")
    out, _ = first.communicate("\n")
    assert out == "records\n"


def test_a_bucket_that_can_only_be_read_is_told_apart(bucket, tmp_path, monkeypatch):
    class ReadOnly:
        def get(self, bucket, key):
            return None

        def put(self, bucket, key, data, tag):
            raise RuntimeError("An error occurred (AccessDenied) when calling PutObject")

    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(buckets, "_api", lambda *_: ReadOnly())
    folder = mirror.opened(f"{bucket}/closed")
    with (
        pytest.raises(Unwritable, match=r"cannot write s3://lab/closed/\.work/lock"),
        lock.held(folder),
    ):
        pass
    assert lock.holder(folder) is None


def test_a_lock_that_fails_otherwise_is_one_line(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(LabError, match=r"cannot lock .*: Input/output error; give a folder"),
        lock.held(tmp_path),
    ):
        pass


def test_a_suspended_holder_records_nothing_after_its_successor_has_finished(leased):
    first = leased("one")
    first.released.set()  # its heart stops
    first.thread.join()
    leased("two").release()
    first.released.clear()
    with pytest.raises(LabError, match="took over the lock"):
        first.check()
