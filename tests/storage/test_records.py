"""Parts are atomic; damage is named and set aside; no row is lost or duplicated."""

import contextlib
import os
import threading
import time

import pandas as pd
import pytest

from scaling_lab import LabError
from scaling_lab.storage.records import Store
from scaling_lab.storage.schema import CURVE_COLUMNS, RUN_COLUMNS, dictionary


def rows(*names, status="done", mark="f0", **more):
    runs = [
        {"experiment": "e", "run": n, "fingerprint": f"{n}{mark}", "status": status, **more}
        for n in names
    ]
    curves = [
        {"experiment": "e", "run": n, "fingerprint": f"{n}{mark}", "step": s}
        for n in names
        for s in (1, 2)
    ]
    return runs, curves


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "e")
    store.append(*rows("a", "b", N=3, **{"model.width": 4}))
    store.append(*rows("c", N=5))
    return store


def test_tables_come_back_typed_and_missing_is_null(store):
    runs = store.runs()
    assert list(runs["run"]) == ["a", "b", "c"]
    assert list(runs["N"]) == [3, 3, 5]
    assert runs["model.width"].isna().tolist() == [False, False, True]
    assert runs["test_loss"].isna().all()
    assert len(store.curves()) == 6
    assert {c.name for c in RUN_COLUMNS} - {"config"} <= set(runs.columns)
    assert {c.name for c in CURVE_COLUMNS} <= set(store.curves().columns)


def test_an_empty_store_has_the_columns(tmp_path):
    store = Store(tmp_path / "none")
    assert "best_test_loss" in store.runs().columns
    assert len(store.curves()) == 0


def test_the_newest_row_of_a_run_counts(store):
    store.append(*rows("a", status="diverged", mark="f1"))
    runs = store.runs().set_index("run")
    assert runs.loc["a", "status"] == "diverged"
    assert set(store.curves().query("run == 'a'")["fingerprint"]) == {"af1"}


def test_a_truncated_part_is_named_and_set_aside(store):
    part = sorted((store.folder / "runs").glob("*.parquet"))[1]
    part.write_bytes(part.read_bytes()[:-40])
    (damage,) = store.damaged()
    assert damage.path == part
    assert "truncated" in damage.reason
    assert list(store.runs()["run"]) == ["a", "b"]
    assert len(store.curves()) == 4
    store.set_aside()
    assert not store.damaged()
    assert len(list((store.folder / "damaged").iterdir())) == 1


def test_an_altered_part_is_named(store):
    part = sorted((store.folder / "curves").glob("*.parquet"))[0]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))
    assert "altered" in store.damaged()[0].reason


def test_runs_whose_curves_are_damaged_are_missing_again(store):
    part = sorted((store.folder / "curves").glob("*.parquet"))[0]
    part.write_bytes(b"not parquet")
    store.set_aside()
    assert list(store.runs()["run"]) == ["c"]
    assert set(store.curves()["run"]) == {"c"}
    assert len(list((store.folder / "damaged").iterdir())) == 2


def test_a_column_whose_type_changed_stays_readable(store):
    store.append(*rows("d", **{"model.width": "wide"}))
    store.append(*rows("e", **{"model.width": 4.5}))
    runs = store.runs().set_index("run")
    assert runs.loc["d", "model.width"] == "wide"
    assert float(runs.loc["a", "model.width"]) == 4
    store.compact()
    assert len(store.runs()) == 5


def test_a_reader_is_right_while_a_writer_compacts(store):
    """A reader sees every row exactly once at any moment."""
    stop = threading.Event()

    def write():
        at = 0
        while not stop.is_set():
            store.append(*rows(f"w{at % 5}"))
            store.compact()
            at += 1
            time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            runs, curves = store.runs(), store.curves()
            assert {"a", "b", "c"} <= set(runs["run"])
            assert runs["run"].is_unique
            assert {"a", "b", "c"} <= set(curves["run"])
    finally:
        stop.set()
        writer.join()


def test_curves_without_their_runs_are_not_read(store):
    sorted((store.folder / "runs").glob("*.parquet"))[1].unlink()
    assert len(store.curves()) == 4


def test_compaction_keeps_every_row(store):
    before = store.runs(config=True), store.curves()
    store.compact()
    assert len(list((store.folder / "runs").iterdir())) == 1
    after = store.runs(config=True), store.curves()
    for old, new in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(old, new)


def test_a_crash_at_any_moment_of_compaction_loses_nothing(store, monkeypatch):
    before = store.runs(), store.curves()
    calls = {"left": 0}

    def dying(real):
        def call(*args, **kwargs):
            if calls["left"] == 0:
                raise KeyboardInterrupt
            calls["left"] -= 1
            return real(*args, **kwargs)

        return call

    monkeypatch.setattr(os, "replace", dying(os.replace))
    monkeypatch.setattr("pathlib.Path.unlink", dying(type(store.folder).unlink))
    for survives in range(7):
        calls["left"] = survives
        with contextlib.suppress(KeyboardInterrupt):
            store.compact()
        for old, new in zip(before, (store.runs(), store.curves()), strict=True):
            pd.testing.assert_frame_equal(old, new)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "e").write_text("a file in the way")
    with pytest.raises(LabError, match=r"cannot write .*--results"):
        Store(tmp_path / "e").append(*rows("a"))


def test_the_column_dictionary_is_up_to_date(root):
    assert (root / "results" / "README.md").read_text() == dictionary(), (
        "results/README.md is not what schema.py says; regenerate it with: make dictionary"
    )
