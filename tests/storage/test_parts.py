"""What is not a part of the experiment's tables is neither read, nor merged, nor deleted."""

import hashlib
import io
import json
import os
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scaling_lab import LabError
from scaling_lab.storage import parts
from scaling_lab.storage.records import Store
from scaling_lab.storage.schema import SCHEMA

NEEDED = parts.NEEDED["runs"]


def rows(*names, experiment="e", status="done", steps=2, **more):
    runs = [
        {"experiment": experiment, "run": n, "fingerprint": "f", "status": status, **more}
        for n in names
    ]
    curves = [
        {"experiment": experiment, "run": n, "fingerprint": "f", "step": s}
        for n in names
        for s in range(steps)
    ]
    return runs, curves


def put(folder, kind, data, stem="00000000000000ff-00000000"):
    """Write bytes as a part whose name holds their digest."""
    path = folder / kind / f"{stem}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def parquet(table, **metadata):
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), sink)
    return sink.getvalue()


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.parquet")}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "e")
    store.append(*rows("a", "b"))
    store.append(*rows("c"))
    return store


def reasons(found):
    return [reason for _, reason in found]


def untouched_by_compaction(store):
    """The runs and curves after compaction, which must leave the ignored files alone."""
    ignored = {path: path.read_bytes() for path, _ in store.survey().ignored}
    for _ in range(2):
        store.append(*rows("c"))
        store.compact()
        assert {path: path.read_bytes() for path in ignored} == ignored
    return sorted(store.runs()["run"]), len(store.curves())


def test_parts_of_another_experiment_are_neither_read_nor_merged_nor_deleted(store, tmp_path):
    other = Store(tmp_path / "other")
    other.append(*rows("a", "x", experiment="other", status="failed"))
    for path, data in files(other.folder).items():
        (store.folder / path.parent.name / path.name).write_bytes(data)
    assert list(store.runs()["run"]) == ["a", "b", "c"]
    assert set(store.runs()["status"]) == {"done"}
    assert len(store.curves()) == 6
    found = store.survey()
    assert found.damaged == []
    assert reasons(found.ignored) == [
        "2 rows of experiment other",
        "4 rows of experiment other",
    ]
    assert untouched_by_compaction(store) == (["a", "b", "c"], 6)


def test_rows_of_another_experiment_beside_ours_and_rows_without_a_run_are_left_out(store):
    runs, curves = rows("d")
    foreign = rows("a", "z", experiment="other\n", status="failed")[0]
    nameless = [{"experiment": "e", "run": name, "fingerprint": "f"} for name in (None, "")]
    store.append([*runs, *foreign, *nameless], curves)
    assert list(store.runs()["run"]) == ["a", "b", "c", "d"]
    assert set(store.runs()["status"]) == {"done"}
    assert reasons(store.survey().ignored) == [
        "2 rows without a run, 2 rows of experiment 'other\\n'"
    ]
    assert untouched_by_compaction(store) == (["a", "b", "c", "d"], 8)


def test_a_part_of_foreign_rows_hides_none_of_ours(store):
    ours = sorted(parts.stem(path) for path in (store.folder / "runs").iterdir())
    table = pa.table({name: ["other"] for name in NEEDED})
    put(store.folder, "runs", parquet(table, replaces=json.dumps(ours)))
    assert list(store.runs()["run"]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": [1], "b": ["x"]}, "it has no column experiment, run, fingerprint, status"),
        ({"experiment": ["e"], "run": ["x"], "status": ["done"]}, "it has no column fingerprint"),
        (
            {name: ["e"] for name in NEEDED} | {"N": ["many"]},
            "its column N is string, not int64",
        ),
        (
            {name: ["e"] for name in NEEDED} | {"status": [1]},
            "its column status is int64, not string",
        ),
    ],
)
def test_a_part_with_foreign_columns_is_not_read(store, columns, said):
    put(store.folder, "runs", parquet(pa.table(columns)))
    assert list(store.runs()["run"]) == ["a", "b", "c"]
    assert reasons(store.survey().ignored) == [said]
    assert untouched_by_compaction(store) == (["a", "b", "c"], 6)


def test_files_that_are_not_named_as_parts_are_left_alone(store):
    whole = next((store.folder / "runs").iterdir())
    (store.folder / "runs" / "a copy.parquet").write_bytes(whole.read_bytes())
    (store.folder / "runs" / "fits.parquet").mkdir()
    (store.folder / "runs" / "notes.txt").write_text("mine")
    assert len(store.runs()) == 3
    assert reasons(store.set_aside().ignored) == ["its name is not that of a part"] * 2
    assert (store.folder / "runs" / "fits.parquet").is_dir()


def test_the_folder_may_be_renamed_if_its_definition_names_the_experiment(store, tmp_path):
    (store.folder / "experiment.json").write_text('{"name": "e"}')
    moved = store.folder.rename(tmp_path / "copy")
    assert len(Store(moved).runs()) == 3
    assert len(Store(moved, "copy").runs()) == 0


def test_runs_without_their_curves_are_trained_again(store):
    (_, second) = parts.listed(store.folder, "curves")
    second.unlink()
    found = store.survey()
    assert set(found.rows) == {"a", "b"} == set(store.runs()["run"])
    assert reasons(found.damaged) == ["without its curves (their part is missing)"]
    store.compact()
    assert store.survey() == found
    store.set_aside()
    assert store.survey().damaged == []
    assert [path.name.startswith("runs-") for path in (store.folder / "damaged").iterdir()] == [
        True
    ]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: put(f, "runs", b"text, with the right digest"), "not a Parquet file"),
        (lambda f: put(f, "curves", b"PAR1 and PAR1"), "not a Parquet file"),
        (
            lambda f: put(f, "runs", parquet(pa.table({"run": ["x"]}), replaces="no JSON")),
            "not a Parquet file of this laboratory",
        ),
        (
            lambda f: put(f, "runs", parquet(pa.table({"run": ["x"]}), replaces="7")),
            "its metadata name no parts",
        ),
        (
            lambda f: put(f, "runs", parquet(pa.table({"run": ["x"]}), replaces=b"\xff\xfe")),
            "not a Parquet file of this laboratory",
        ),
        (
            lambda f: put(
                f, "runs", parquet(pa.table({"run": ["x"]}), **{"scaling_lab.schema": "old"})
            ),
            "not a Parquet file of this laboratory",
        ),
        (
            lambda f: (f / "runs" / f"{'0' * 16}-00-{'0' * 16}.parquet").mkdir(),
            "not a file",
        ),
        (
            lambda f: (f / "curves" / f"{'0' * 16}-00-{'0' * 16}.parquet").symlink_to("nowhere"),
            "not a file",
        ),
        (
            lambda f: os.mkfifo(f / "runs" / f"{'0' * 16}-00-{'0' * 16}.parquet"),
            "not a file",
        ),
    ],
    ids=["text", "PAR1", "replaces", "number", "bytes", "schema", "folder", "link", "pipe"],
)
def test_what_is_no_part_is_named_and_set_aside(store, make, said):
    make(store.folder)
    (damage,) = store.damaged()
    assert said in damage.reason
    assert "\n" not in damage.reason
    assert len(store.runs()) == 3
    assert len(store.curves()) == 6
    make_again = [store.set_aside(), make(store.folder), store.set_aside()]
    assert len(make_again) == 3
    assert store.damaged() == []
    assert len(list((store.folder / "damaged").iterdir())) == 2  # the second did not replace it


@pytest.mark.parametrize("seed", range(4))
def test_a_part_with_any_byte_changed_under_a_right_digest_is_read_or_set_aside(store, seed):
    random = np.random.default_rng(seed)
    for path, data in list(files(store.folder).items()) * 4:
        changed = np.frombuffer(data, np.uint8).copy()
        changed[random.integers(len(data), size=random.integers(1, 4))] = random.integers(256)
        put(store.folder, path.parent.name, changed.tobytes())
    for read in (store.survey, store.tables, store.set_aside, store.compact):
        read()
    assert store.damaged() == []
    assert {"a", "b", "c"} >= set(store.runs()["run"])


def test_a_part_of_a_newer_schema_is_an_error_of_one_line(store):
    path = put(store.folder, "runs", parquet(pa.table({"x": [1]}), **{"scaling_lab.schema": "99"}))
    for read in (store.runs, store.survey, store.compact, store.set_aside):
        with pytest.raises(LabError, match=rf"{path.name} was written by a newer .*schema 99"):
            read()


def test_parts_carry_the_schema_and_those_of_schema_1_are_read(store):
    for path in files(store.folder):
        metadata = pq.read_schema(path).metadata
        assert metadata[b"scaling_lab.schema"] == str(SCHEMA).encode()
    before = store.runs(config=True)
    for path in list(files(store.folder)):
        table = pq.ParquetFile(path).read(use_threads=False)
        path.unlink()
        put(store.folder, path.parent.name, parquet(table), parts.stem(path))
    assert store.runs(config=True).equals(before)


def test_the_clock_does_not_decide_which_row_is_newest(tmp_path, monkeypatch):
    store = Store(tmp_path / "e")
    for at, status in enumerate(("failed", "diverged", "done")):
        monkeypatch.setattr(time, "time_ns", lambda at=at: 10**18 - at * 10**12)
        store.append(*rows("a", status=status))
        assert list(store.runs()["status"]) == [status]
    store.compact()
    assert list(store.runs()["status"]) == ["done"]
    store.append(*rows("a", status="failed"))
    assert list(store.runs()["status"]) == ["failed"]
    store.compact()
    assert list(store.runs()["status"]) == ["failed"]
    assert store.survey().rows["a"]["status"] == "failed"


def test_the_curves_of_a_run_are_those_of_its_newest_row(tmp_path):
    """Also under an equal fingerprint, as when a file of the data has changed."""
    store = Store(tmp_path / "e")
    store.append(*rows("a", "b", steps=5))
    store.append(*rows("a", steps=2))
    for _ in range(2):
        curves = store.curves().groupby("run").size()
        assert curves.to_dict() == {"a": 2, "b": 5}
        assert len(store.tables()[1]) == 7
        store.compact()
    store.append(*rows("b", steps=3))
    store.compact()
    assert store.curves().groupby("run").size().to_dict() == {"a": 2, "b": 3}
    assert not {"sequence"} & {*store.runs(config=True), *store.curves(), *store.tables()[0]}


def test_new_parts_come_after_those_that_are_named_by_the_time(tmp_path):
    store = Store(tmp_path / "e")
    store.append(*rows("a", status="failed"))
    now = f"{time.time_ns() + 10**17:016x}-0badcafe"  # the clock was ahead
    for path in list(files(store.folder)):
        digest = path.stem.rsplit("-", 1)[1]
        path.rename(path.with_name(f"{now}-{digest}.parquet"))
    store.append(*rows("a"))
    assert list(store.runs()["status"]) == ["done"]


def test_sequences_beyond_sixteen_digits_stay_in_order(tmp_path):
    store = Store(tmp_path / "e")
    store.append(*rows("a", status="failed"))
    for path in list(files(store.folder)):
        digest = path.stem.rsplit("-", 1)[1]
        path.rename(path.with_name(f"{'f' * 16}-00000000-{digest}.parquet"))
    store.append(*rows("a"))
    assert list(store.runs()["status"]) == ["done"]
