"""A record counts only if its defaults and data are today's, beside its fingerprint."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from scaling_lab import Digits, Mnist, Wikitext2, config, grid, identity, registry
from scaling_lab.data import Spec
from scaling_lab.data.numerals import Numerals
from scaling_lab.plan import state_of
from scaling_lab.storage import file_digests

OLD = {"status": "done", "code": None, "data_digest": None, "git_dirty": None}
OLD |= {"parent_content": None}
NONE = Path("none")  # results


def record(run, **changes):
    text = json.dumps(config.to_dict(run))
    return OLD | {"fingerprint": config.fingerprint(run), "config": text} | changes


def test_a_record_of_another_default_is_stale(small):
    now = identity.of(small)
    assert state_of(record(small), now, NONE) == "done"
    values = config.to_dict(small)
    values["recipe"]["momentum"] = 0.8  # the default of then: it is not in the fingerprint
    before = record(small, config=json.dumps(values))
    assert state_of(before, now, NONE) == "stale"
    assert state_of(before | {"status": "failed"}, now, NONE) == "missing"
    for text in (None, "[1]", "{", "7"):  # nothing that could tell
        assert state_of(record(small, config=text), now, NONE) == "done"
    values["recipe"] |= {"momentum": 0.9}
    del values["recipe"]["accumulate"], values["data_seed"]  # fields that are newer than the record
    assert state_of(record(small, config=json.dumps(values)), now, NONE) == "done"


def test_a_record_of_other_data_is_stale_and_one_that_does_not_tell_is_valid(small):
    now = identity.of(small)
    assert now.data == identity.data_digest(Digits())
    assert state_of(record(small, data_digest=now.data), now, NONE) == "done"
    assert state_of(record(small, data_digest="another"), now, NONE) == "stale"
    assert state_of(record(small, data_digest="another"), now._replace(data=None), NONE) == "done"
    assert now.other_data({"data_digest": "another"}) == [
        ("content of the data", "another", now.data)
    ]


def test_a_changed_corpus_file_changes_the_digest_and_its_time_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_DATA", str(tmp_path))
    assert identity.data_digest(Wikitext2()) is None  # not here: nothing is downloaded
    folder = tmp_path / "wikitext2"
    folder.mkdir()
    for name in ("valid", "test"):
        (folder / f"{name}.txt").write_text(f"{name} = \n")
    first = identity.data_digest(Wikitext2())
    assert first is not None
    os.utime(folder / "test.txt", ns=(1, 1))
    assert identity.data_digest(Wikitext2()) == first
    (folder / "test.txt").write_text("tess = \n")
    assert identity.data_digest(Wikitext2()) not in (first, None)


def test_bytes_of_files_are_read_once_for_each_state_of_them(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "a.txt"
    file.write_text("one")
    first = file_digests.digest([file])
    monkeypatch.setattr(file_digests.hashlib, "file_digest", None)
    assert file_digests.digest([file]) == first
    assert file_digests.digest([file, tmp_path / "gone"]) is None


def test_data_that_are_known_otherwise_have_no_digest_of_files():
    assert identity.data_digest(Mnist()) == Mnist.content
    assert identity.data_digest(Numerals()) is None  # made by its own module
    assert identity.data_digest(None) is None


def test_every_source_with_files_of_its_own_has_a_digest():
    for name in registry.found("data"):
        cls = registry.get("data", name)
        if any(field.metadata.get("place") for field in cls.__dataclass_fields__.values()):
            assert isinstance(vars(cls)["numerics"], property)  # its content is in the fingerprint
        elif hasattr(cls, "files") or hasattr(cls, "content"):
            continue
        else:
            assert Path(cls().location()).is_file()


def test_lines_tell_other_code_uncommitted_code_and_unknown_code(small):
    now = identity.of(small)
    assert now.code is not None
    rows = [
        record(small, code=now.code, git_dirty=False),
        record(small, code="other", git_dirty=True),
        record(small),
    ]
    assert identity.doubts([(row, now) for row in rows]) == [
        "1 of 3 runs were trained by other code than today's",
        "1 of 3 runs were trained by code that was not committed",
        "1 of 3 runs do not say by which code they were trained",
    ]
    assert identity.doubts([(record(small), now)]) == []


def test_runs_share_what_is_computed_of_their_data(small):
    with registry.scratch():

        @registry.register("data", "counted")
        @dataclass(frozen=True)
        class Counted:
            origin: ClassVar[str] = "here"
            licence: ClassVar[str] = "none"
            spec: ClassVar[Spec] = Spec(shape=(8, 8), outputs=10, examples=1_000, unit="images")
            asked: ClassVar[list[int]] = []

            def location(self):
                self.asked.append(1)

        cells = grid.cells(replace(small, data=Counted()), grid.axis("seed", [0, 1, 2]))
        found = identity.identities(cells)
    assert len({mark.fingerprint for mark in found.values()}) == 3
    assert len(Counted.asked) == 1
