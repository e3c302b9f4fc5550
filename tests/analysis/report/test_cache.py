"""A report is made again when anything that it follows from has changed, and only then."""

import json
import os
import sys

import pytest

from scaling_lab.analysis.report import cache
from scaling_lab.storage.cache import cache_path
from scaling_lab.storage.records import Store

TINY = {"sizes": (1_000, 8_000), "data": (300, 2_000), "rates": (0.003,), "seeds": (0, 1, 2)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_experiment, definition):
    """A folder of too few scales to fit anything, quick to report."""
    made = tmp_path_factory.mktemp("results") / "e00_tiny"
    return make_experiment(made, {**definition, "name": "e00_tiny"}, **TINY)


def reported(folder):
    """The report, and whether anything was done for it."""
    steps = []
    made = cache.report([folder], progress=steps.append)
    return made, bool(steps)


def contents(folder):
    files = [path for kind in ("fits", "figures") for path in (folder / kind).glob("*")]
    return {path: path.read_bytes() for path in [*files, folder / "report.html"]}


def test_an_unchanged_report_is_left_as_it_is(folder):
    first, made = reported(folder)
    assert made
    before = contents(folder)
    second, made = reported(folder)
    assert not made
    assert contents(folder) == before
    assert second.page == first.page == folder / "report.html"
    assert second.closings == first.closings
    assert [(v.claim["name"], v.word, v.why, v.predicted) for v in second.verdicts] == [
        (v.claim["name"], v.word, v.why, v.predicted) for v in first.verdicts
    ]


def test_a_new_row_and_a_new_question_make_it_again(folder):
    reported(folder)
    rows = Store(folder).runs(config=True)
    row = {key: value for key, value in rows.iloc[0].to_dict().items() if value == value}
    Store(folder).append([row | {"run": "another", "seed": 7}], [])
    assert reported(folder)[1]
    path = folder / "experiment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"question": "Why not?"}))
    assert reported(folder)[1]
    assert "Why not?" in (folder / "report.html").read_text()


def test_a_missing_an_altered_and_a_foreign_file_make_it_again(folder):
    reported(folder)
    before = contents(folder)
    missing, altered = [path for path in before if path.suffix == ".png"][:2]
    missing.unlink()
    assert reported(folder)[1]
    assert contents(folder) == before
    altered.write_bytes(b"no picture")
    assert reported(folder)[1]
    assert contents(folder) == before
    foreign = folder / "fits" / "old.json"
    foreign.write_text("{}")
    assert reported(folder)[1]
    assert "fits/old.json" in (folder / "report.html").read_text()
    foreign.unlink()


def test_changed_code_makes_it_again(folder, tmp_path, monkeypatch):
    package = tmp_path / "mylab_of_this_test"
    (package / "figures").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cache, "plugins", lambda: {"mine": package.name})
    reported(folder)
    assert not reported(folder)[1]
    (package / "figures" / "_parts.py").write_text("WIDTH = 3\n")
    assert reported(folder)[1]
    assert package.name not in sys.modules


@pytest.mark.parametrize("text", ["", '{"inputs": 1, "page": 2}'])
def test_a_record_that_cannot_be_read_counts_for_nothing(folder, text):
    reported(folder)
    for record in cache_path("reports").iterdir():
        record.write_text(text)
    assert reported(folder)[1]


def test_where_nothing_can_be_kept_a_report_is_made_each_time(folder, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", os.devnull + "/cache")
    assert reported(folder)[1]
    assert reported(folder)[1]
