"""Results in a folder and on an object store behave alike; what is published is whole."""

import _thread
import http.client
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import boto3
import pandas as pd
import pytest

from scaling_lab import LabError
from scaling_lab.analysis import table_files
from scaling_lab.storage import atomic, parameters
from scaling_lab.storage.objects import buckets, mirror, packed, pull
from scaling_lab.storage.objects.buckets import Bucket
from scaling_lab.storage.records import Store


def rows(*names, status="done"):
    runs = [
        {"experiment": "e", "run": n, "fingerprint": f"{n}f", "status": status, "N": 3}
        for n in names
    ]
    curves = [
        {"experiment": "e", "run": n, "fingerprint": f"{n}f", "step": s}
        for n in names
        for s in (1, 2)
    ]
    return runs, curves


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes this process work as on another machine: with another cache."""

    def switch(name):
        monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / name))

    switch("first")
    return switch


@pytest.fixture
def url(bucket, request):
    return f"{bucket}/{request.node.name.replace('[', '-').rstrip(']')}"


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path, machine):
    """The text of a results folder, as a user gives it."""
    return (
        request.getfixturevalue("url") if request.param == "bucket" else str(tmp_path / "results")
    )


@pytest.fixture
def reread(place, machine):
    """The store as another machine sees it."""

    def read():
        machine("second")
        folder = mirror.opened(place) / "e"
        pull.tables(folder)
        machine("first")
        return Store(folder)

    return read


@pytest.fixture
def store(place):
    return Store(mirror.opened(place) / "e")


def test_appended_rows_are_seen_from_everywhere(store, reread):
    store.append(*rows("a", "b"))
    store.append(*rows("c"))
    for seen in (store, reread()):
        assert list(seen.runs()["run"]) == ["a", "b", "c"]
        assert len(seen.curves()) == 6


def test_compaction_keeps_every_row_everywhere(store, reread):
    for name in "abc":
        store.append(*rows(name))
    before = reread().runs(), reread().curves()
    store.compact()
    seen = reread()
    assert len(list((seen.folder / "runs").iterdir())) == 1
    assert len(list((seen.folder / "curves").iterdir())) == 1
    for old, new in zip(before, (seen.runs(), seen.curves()), strict=True):
        pd.testing.assert_frame_equal(old, new)


def test_a_damaged_part_is_set_aside_everywhere(store, reread):
    store.append(*rows("a"))
    store.append(*rows("b"))
    part = sorted((store.folder / "curves").iterdir())[0]
    atomic.write_whole(part, part.read_bytes()[:-20])
    store.set_aside()
    seen = reread()
    assert list(seen.runs()["run"]) == ["b"]
    assert not seen.damaged()
    assert len(list((seen.folder / "damaged").iterdir())) == 2


def test_a_part_that_is_damaged_here_alone_is_fetched_again(url, machine):
    store = Store(mirror.opened(url) / "e")
    store.append(*rows("a"))
    part = next((store.folder / "runs").iterdir())
    part.write_bytes(part.read_bytes()[:-20])
    pull.tables(store.folder)
    assert not store.damaged()
    assert list(store.runs()["run"]) == ["a"]


def test_what_is_deleted_in_the_store_vanishes_and_what_changed_there_is_fetched(url, machine):
    folder = mirror.opened(url) / "e"
    atomic.write_whole(folder / "report.html", b"old")
    atomic.write_whole(folder / "baselines.csv", b"name,D,L")
    machine("second")
    other = mirror.opened(url) / "e"
    pull.tables(other)
    assert (other / "report.html").read_bytes() == b"old"
    atomic.write_whole(other / "report.html", b"new")
    atomic.remove(other / "baselines.csv")
    machine("first")
    os.utime(folder / "baselines.csv", (0, 0))  # written long before the listing
    pull.tables(folder)
    assert (folder / "report.html").read_bytes() == b"new"
    assert not (folder / "baselines.csv").exists()


def test_a_file_that_is_published_while_the_store_is_listed_stays(url, machine, monkeypatch):
    store = Store(mirror.opened(url) / "e")
    real, calls = Bucket.listing, []

    def listing(self, prefix):
        found = real(self, prefix)
        if not calls:
            calls.append(store.append(*rows("a")))
        return found

    monkeypatch.setattr(Bucket, "listing", listing)
    pull.tables(store.folder)
    assert list(store.runs()["run"]) == ["a"]


def test_parts_are_fetched_once(url, machine, monkeypatch):
    Store(mirror.opened(url) / "e").append(*rows("a"))
    machine("second")
    folder = mirror.opened(url) / "e"
    pull.tables(folder)
    monkeypatch.setattr(Bucket, "read", lambda self, key: pytest.fail(f"fetched {key} again"))
    pull.tables(folder)
    assert list(Store(folder).runs()["run"]) == ["a"]


def test_kept_parameters_are_fetched_when_they_are_read(url, machine):
    params = {"layer": {"kernel": [1.0, 2.0]}}
    parameters.save(mirror.opened(url) / "e", "f00", params)
    machine("second")
    folder = mirror.opened(url) / "e"
    pull.tables(folder)
    assert not parameters.path(folder, "f00").exists()
    assert parameters.kept(folder) == {"f00"}
    assert list(parameters.load(folder, "f00")["layer"]["kernel"]) == [1.0, 2.0]


def test_parameters_that_another_machine_trained_again_replace_those_kept_here(url, machine):
    for name, value in (("first", 0.0), ("second", 1.0)):
        machine(name)
        parameters.save(mirror.opened(url) / "e", "f00", {"a": [value, value]})
    machine("first")
    folder = mirror.opened(url) / "e"
    for _ in range(2):
        time.sleep(0.01)
        pull.tables(folder)
        assert list(parameters.load(folder, "f00")["a"]) == [1.0, 1.0]


def test_a_packed_folder_moves_to_another_machine_and_replaces_the_last(url, machine):
    ensemble = mirror.opened(url) / "e" / ".work" / "checkpoints" / "abc"
    for step in ("1", "2"):
        (ensemble / step / "state").mkdir(parents=True)
        (ensemble / step / "state" / "array").write_text(f"values at {step}")
        packed.publish(ensemble / step)
    machine("second")
    there = mirror.opened(url) / "e" / ".work" / "checkpoints" / "abc"
    packed.fetch(there)
    assert [path.name for path in there.iterdir()] == ["2"]
    assert (there / "2" / "state" / "array").read_text() == "values at 2"
    packed.drop(there.parent)
    machine("first")  # still has its own
    (ensemble / "3").mkdir()
    (ensemble / "3" / packed.UNPUBLISHED).touch()
    packed.fetch(ensemble)
    assert [path.name for path in ensemble.iterdir()] == ["3"]
    machine("third")
    packed.fetch(ensemble := mirror.opened(url) / "e" / ".work" / "checkpoints" / "abc")
    assert not ensemble.exists()


def test_names_that_leave_the_folder_are_not_fetched(url, machine, tmp_path):
    import boto3

    key = url.removeprefix("s3://lab/")
    client = boto3.client("s3")
    client.put_object(Bucket="lab", Key=f"{key}/e/../../../../evil", Body=b"x")
    client.put_object(Bucket="lab", Key=f"{key}/e/good.csv", Body=b"x")
    folder = mirror.opened(url) / "e"
    pull.tables(folder)
    assert (folder / "good.csv").exists()
    assert not [*tmp_path.rglob("evil")]
    with pytest.raises(LabError, match="plain names"):
        mirror.opened("s3://lab/../up")


def test_an_interrupt_while_bytes_are_sent_publishes_all_or_nothing(url, machine, monkeypatch):
    folder, real = mirror.opened(url) / "e", buckets._filesystem

    class Interrupting:
        """A file system whose streams are interrupted after the first half of what they write."""

        def open_output_stream(self, path):
            self.stream = real("s3", "lab", buckets.endpoint("s3")).open_output_stream(path)
            return self

        def write(self, data):
            self.stream.write(data[: len(data) // 2])
            _thread.interrupt_main()
            time.sleep(0.2)
            self.stream.write(data[len(data) // 2 :])

        def close(self):
            self.stream.close()

    monkeypatch.setattr(buckets, "_filesystem", lambda *_: Interrupting())
    # A job in the background inherits that it ignores Ctrl-C.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            atomic.write_whole(folder / "new.csv", b"a longer text")
    finally:
        signal.signal(signal.SIGINT, inherited)
    monkeypatch.undo()
    until = time.monotonic() + 10
    while not (found := Bucket("s3", "lab").listing(url.removeprefix("s3://lab/"))):
        assert time.monotonic() < until  # the thread that sends goes on
    assert {name: stamp.size for name, stamp in found.items()} == {"e/new.csv": 13}


def test_an_object_whose_parts_fail_midway_is_not_published(url, machine, monkeypatch):
    """A server in front of the store refuses the second part, again and again."""
    store = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])

    class Refusing(http.server.BaseHTTPRequestHandler):
        def _forwarded(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "partNumber=2" in self.path:
                self.send_response(500)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            there = http.client.HTTPConnection(store.netloc)
            there.request(self.command, self.path, body, dict(self.headers))
            answer = there.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            there.close()

        do_GET = do_PUT = do_POST = do_DELETE = _forwarded

        def log_message(self, *_):
            pass

    client = boto3.client("s3")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(buckets, "PAUSES", {"write": (0.0,)})
    file = mirror.opened(url) / "e" / "parameters" / "large.npz"
    try:
        with pytest.raises(LabError, match=r"cannot write s3://lab/.*/large\.npz") as raised:
            atomic.write_whole(file, bytes(32 << 20))
    finally:
        server.shutdown()
        server.server_close()
    assert "\n" not in str(raised.value)
    assert not file.exists()
    prefix = url.removeprefix("s3://lab/")
    assert not client.list_objects_v2(Bucket="lab", Prefix=prefix).get("Contents")
    assert not client.list_multipart_uploads(Bucket="lab", Prefix=prefix).get("Uploads")


KILLED = """
import os, signal, sys
from pathlib import Path
from scaling_lab.storage import atomic
from scaling_lab.storage.objects import mirror
from scaling_lab.storage.records import Store
sys.path.insert(0, {here!r})
from test_places import rows

def write_local(path, data):
    if path.parent.name == {kind!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, data)

real, atomic.write_local = atomic.write_local, write_local
Store(mirror.opened({url!r}) / "e").append(*rows("b"))
"""


@pytest.mark.parametrize(("kind", "names"), [("curves", ["a"]), ("runs", ["a", "b"])])
def test_a_kill_after_publishing_loses_and_doubles_nothing(url, machine, kind, names):
    store = Store(mirror.opened(url) / "e")
    store.append(*rows("a"))
    code = KILLED.format(url=url, kind=kind, here=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pull.tables(store.folder)
    assert list(store.runs()["run"]) == names
    store.append(*rows("b"))
    store.compact()
    pull.tables(store.folder)
    assert list(store.runs()["run"]) == ["a", "b"]
    assert len(store.curves()) == 4


def test_paths_and_urls_name_each_other(machine):
    for url in ("s3://bucket", "s3://bucket/a/b", "gs://bucket/results"):
        path = mirror.opened(url)
        assert mirror.address(path / "e") == f"{url}/e"
        assert mirror.opened(str(path)) == path
        assert mirror.opened(Path(url)) == path  # a Path has lost a slash
    assert mirror.opened("file:///data/results") == Path("/data/results")
    assert mirror.opened("results") == Path("results")
    assert mirror.address(Path("results/e")) == "results/e"
    assert mirror.published(mirror.opened("s3://b/e/.work/lock")) is None


def test_experiments_are_listed(place, store):
    store.append(*rows("a"))
    assert pull.experiments(mirror.opened(place)) == ["e"]


def test_a_missing_bucket_is_one_clear_line(bucket, machine, monkeypatch):
    folder = mirror.opened("s3://nowhere/e")
    with pytest.raises(LabError, match=r"^cannot write s3://nowhere/e/.*; check the bucket"):
        Bucket("s3", "nowhere").put_tagged("e/lock", b"", None)
    assert pull.experiments(folder) == []


def test_a_long_pull_tells_how_long_it_takes(url, machine, monkeypatch):
    folder = mirror.opened(url) / "e"
    for number in range(4):
        atomic.write_whole(folder / f"{number}.csv", bytes(1000))
    machine("second")
    monkeypatch.setattr(pull, "QUIET", 0.0)
    said = []
    pull.tables(mirror.opened(url) / "e", said.append)
    assert said[0].startswith(f"fetching {url}/e: 0.001 of 0.004 MB, about ")


def test_what_was_computed_waits_for_a_store_that_is_away(url, machine, monkeypatch):
    real, failures = buckets._filesystem, iter(range(5))

    def away(*place):
        if next(failures, None) is not None:
            raise OSError("AWS Error NETWORK_CONNECTION: Could not connect to server")
        return real(*place)

    waited = []
    monkeypatch.setattr(buckets, "_filesystem", away)
    monkeypatch.setattr(buckets.time, "sleep", waited.append)
    atomic.write_whole(mirror.opened(url) / "e" / "a.csv", b"1")
    assert waited == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_cache_below_a_folder_named_work_publishes(url, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / ".work" / "cache"))
    atomic.write_whole(mirror.opened(url) / "e" / "a.csv", b"1")
    assert set(Bucket("s3", "lab").listing(url.removeprefix("s3://lab/"))) == {"e/a.csv"}


def test_a_table_on_a_store_is_fetched_each_time(url, machine):
    for loss in ("2.5", "2.25"):
        atomic.write_whole(mirror.opened(url) / "points.csv", f"N,L\n1,{loss}\n".encode())
        machine("second")
        assert list(table_files.load(f"{url}/points.csv")["L"]) == [float(loss)]
        machine("first")
