"""Results on Google Cloud Storage, against a stand-in for it at loopback."""

import importlib.util
import sys
from pathlib import Path

import pytest

from scaling_lab import LabError
from scaling_lab.storage.locks.lock import held
from scaling_lab.storage.objects import buckets, mirror, pull
from scaling_lab.storage.objects.buckets import Bucket, Changed
from scaling_lab.storage.records import Store


@pytest.fixture(scope="module")
def google():
    """The stand-in's server; gs:// URLs lead to it."""
    spec = importlib.util.spec_from_file_location(
        "google_store", Path(__file__).with_name("google_store.py")
    )
    stand_in = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_in)
    with stand_in.serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        yield server


def rows(name):
    mark = {"experiment": "e", "run": name, "fingerprint": f"{name}f"}
    return [{**mark, "status": "done"}], [{**mark, "step": 1}]


def test_objects_are_put_listed_read_and_deleted(google):
    bucket = Bucket("gs", "lab")
    bucket.put("a/b/one", b"1" * 1000)
    bucket.put("a/two", b"22")
    assert bucket.read("a/b/one") == b"1" * 1000
    assert {name: stamp.size for name, stamp in bucket.listing("a").items()} == {
        "b/one": 1000,
        "two": 2,
    }
    bucket.delete("a/two")
    bucket.delete("a/two")
    assert set(bucket.listing("a")) == {"b/one"}
    with pytest.raises(FileNotFoundError):
        bucket.read("a/two")


def test_of_two_conditional_puts_one_wins(google):
    bucket = Bucket("gs", "lab")
    assert bucket.read_tagged("lock") is None
    tag = bucket.put_tagged("lock", b"one", None)
    assert bucket.read_tagged("lock") == (b"one", tag)
    for old in (None, "999"):
        with pytest.raises(Changed):
            bucket.put_tagged("lock", b"two", old)
    assert bucket.put_tagged("lock", b"two", tag) != tag


def test_a_store_and_its_lock(google, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "first"))
    folder = mirror.opened("gs://lab/results/e")
    with held(folder) as lock:
        for name in "ab":
            lock.check()
            Store(folder).append(*rows(name))
        Store(folder).compact()
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "second"))
    folder = mirror.opened("gs://lab/results/e")
    pull.tables(folder)
    assert list(Store(folder).runs()["run"]) == ["a", "b"]
    assert len(list((folder / "runs").iterdir())) == 1


def test_without_the_extra_a_lock_tells_what_to_install(google, monkeypatch):
    buckets._api.cache_clear()
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(LabError, match=r"pip install 'scaling-lab\[gs\]'"):
        Bucket("gs", "lab").read_tagged("lock")
    buckets._api.cache_clear()
