"""A report is made again when anything that it follows from has changed, and only then."""

import json
import os
import shutil
import sys

import pytest
from matplotlib.figure import Figure

from scaling_lab import plugins
from scaling_lab.analysis.fitting import solver
from scaling_lab.analysis.kept import keeping
from scaling_lab.analysis.report import cache
from scaling_lab.analysis.report.drawings import drawn
from scaling_lab.storage.cache import cache_path
from scaling_lab.storage.records import Store

TINY = {"sizes": (1_000, 8_000), "data": (300, 2_000), "rates": (0.003,), "seeds": (0, 1, 2)}
SMALL = {**TINY, "sizes": (1_000, 8_000, 63_000)}


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
    monkeypatch.setattr(plugins, "plugins", lambda: {"mine": package.name})
    reported(folder)
    assert not reported(folder)[1]
    (package / "figures" / "_parts.py").write_text("WIDTH = 3\n")
    assert reported(folder)[1]
    assert package.name not in sys.modules


@pytest.mark.parametrize("text", ["", '{"inputs": 1, "page": 2}'])
def test_a_record_that_cannot_be_read_counts_for_nothing(folder, text):
    reported(folder)
    before = contents(folder)
    for record in cache_path("reports").rglob("*.json"):
        record.write_text(text)
    assert reported(folder)[1]
    assert contents(folder) == before


def test_where_nothing_can_be_kept_a_report_is_made_each_time(folder, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", os.devnull + "/cache")
    assert reported(folder)[1]
    assert reported(folder)[1]


@pytest.fixture
def fitted(tmp_path, monkeypatch, make_experiment, definition):
    """A folder with a few laws and figures: three sizes at two amounts of data; an empty cache."""
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "cache"))
    made = tmp_path / "results" / "e00_small"
    return make_experiment(made, {**definition, "name": "e00_small"}, **SMALL)


def known(table):
    """The rows of a table without what is missing."""
    return [{k: v for k, v in row.items() if v == v} for row in table.to_dict("records")]


def parts():
    """The names of all fits and figures that are kept."""
    return {path.name for path in cache_path("reports").glob("*/*.json")}


def from_scratch(folder, tmp_path, monkeypatch):
    """What a report writes where nothing is kept."""
    with monkeypatch.context() as patch:
        patch.setenv("SCALING_LAB_CACHE", str(tmp_path / "empty"))
        assert reported(folder)[1]
    return contents(folder)


def test_after_an_edit_of_one_claim_its_law_and_the_law_with_a_floor_are_fitted(
    fitted, tmp_path, monkeypatch
):
    reported(fitted)
    before = parts()
    path = fitted / "experiment.json"
    definition = json.loads(path.read_text())
    definition["claims"][1]["law"] = "shifted_power_law"
    path.write_text(json.dumps(definition))
    made, again = reported(fitted)
    assert again
    assert made.verdicts[1].claim["law"] == "shifted_power_law"
    assert len(parts() - before) == 4  # and the optimum of each by least squares, for AICc
    assert before - parts()
    assert len(parts()) > 5
    found = contents(fitted)
    assert found == from_scratch(fitted, tmp_path, monkeypatch)


def test_a_report_of_the_same_rows_fits_nothing_again(fitted, monkeypatch):
    """Neither for a claim's floor, criterion and forecasts, nor for the ladder of forecasts."""
    path = fitted / "experiment.json"
    definition = json.loads(path.read_text())
    definition["claims"][1]["law"] = "power_law"
    path.write_text(json.dumps(definition))
    reported(fitted)
    before = contents(fitted)
    (fitted / "report.html").unlink()

    def solve(*given, **options):
        raise AssertionError("solved again")

    monkeypatch.setattr(solver, "solve", solve)
    assert reported(fitted)[1]
    assert contents(fitted) == before


def test_after_a_change_of_the_table_the_report_is_as_from_scratch(fitted, tmp_path, monkeypatch):
    reported(fitted)
    before, old = parts(), contents(fitted)
    store = Store(fitted)
    runs, curves = store.runs(config=True), store.curves()
    row = runs.index[(runs["N"] == SMALL["sizes"][-1]) & (runs["D"] == SMALL["data"][-1])][0]
    runs.loc[row, "best_test_loss"] *= 1.5
    for kind in ("runs", "curves"):
        shutil.rmtree(fitted / kind)
    Store(fitted).append(known(runs), known(curves))
    assert reported(fitted)[1]
    found = contents(fitted)
    changed = {path.name for path in found if found[path] != old[path]}
    assert {"l_n_at_d_2000.json", "loss_against_parameters.svg"} <= changed
    assert "l_n_at_d_300.json" not in changed
    assert 0 < len(parts() & before) < len(before)
    assert found == from_scratch(fitted, tmp_path, monkeypatch)


class Evidence:
    """Something with a card, as a fit has one."""

    def __init__(self, value):
        self.value = value

    def card(self):
        return {"value": self.value}


@pytest.mark.parametrize(
    ("reads", "again"),
    [
        (lambda fits: fits["mine"], {"mine", "both"}),
        (lambda fits: fits.get("missing"), {"added"}),
        (lambda fits: "missing" in fits, {"added"}),
        (lambda fits: len(fits), {"added"}),
        (lambda fits: [fit.value for fit in fits.values()], {"mine", "other", "both", "added"}),
    ],
)
def test_a_figure_is_drawn_again_if_a_fit_that_it_reads_has_changed(tmp_path, reads, again):
    base = {"mine": Evidence(1), "other": Evidence(2)}
    cases = {
        "same": {},
        "mine": {"mine": Evidence(3)},
        "other": {"other": Evidence(3)},
        "both": {"mine": Evidence(3), "other": Evidence(3)},
        "added": {"missing": Evidence(3)},
    }
    done = []

    def draw(fits):
        done.append(reads(fits))
        return Figure(figsize=(1, 1))

    for case, changes in cases.items():
        home = tmp_path / case
        done.clear()
        for fits in (base, base | changes):
            with keeping(home / "kept", "v1"):
                png, svg = drawn(draw, "tables", fits, home, "figure")
            assert png.read_bytes()[:4] == b"\x89PNG"
            assert b"<svg" in svg.read_bytes()
        assert len(done) == (2 if case in again else 1)


def test_a_plugin_that_is_gone_ends_no_report(folder, monkeypatch):
    monkeypatch.setattr(plugins, "plugins", lambda: {"gone": "gone.inside"})
    assert reported(folder)[0].page.is_file()


def test_an_experiment_that_failed_is_a_failed_report(folder):
    """Also when the report is there already."""
    made, _ = reported(folder)
    (line,) = made.headlines
    assert line.startswith(
        "e00_tiny: 1 of 13 runs failed (RuntimeError: out of memory "
        "</script><script>alert(1)</script>); "
        "Doubtful: L(D) at the largest model, as D has 2 scales"
    )
    assert made.failed == []
    store = Store(folder)
    rows = store.runs(config=True).to_dict("records")
    rows = [{k: v for k, v in row.items() if v == v} for row in rows]
    store.append([row | {"status": "failed", "reason": "OSError: no data"} for row in rows], [])
    for _ in range(2):
        made, _ = reported(folder)
        assert made.failed == ["e00_tiny"]
        (line,) = made.headlines
        assert line == "e00_tiny: 13 of 13 runs failed (OSError: no data)"
        assert "no run that spent compute" in made.closings[0]
        assert "13 of 13 runs failed (OSError: no data)</p>" in made.page.read_text()
