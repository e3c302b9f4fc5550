"""The report of an experiment whose law is known, and the page in a browser."""

import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from scaling_lab.analysis import figures, tables
from scaling_lab.analysis.estimates import figures as estimated
from scaling_lab.analysis.fitting.result import Fit
from scaling_lab.analysis.report import magnitudes, page, run_table
from scaling_lab.analysis.report import read as reading
from scaling_lab.analysis.report import write as report
from scaling_lab.conditions import parse
from scaling_lab.errors import LabError
from scaling_lab.storage.records import Store

GRID = {
    "sizes": (1_000, 8_000, 60_000, 500_000),
    "data": (300, 2_000, 12_000, 80_000),
    "rates": (0.001, 0.003),
    "noise": 0.002,  # four cells leave one degree of freedom for a law with a floor
}
TINY = {"sizes": (1_000, 8_000), "data": (300, 2_000), "rates": (0.003,), "seeds": (0, 1, 2)}
MAGNITUDES = len(estimated.names()) - 1  # figures that close a page without a law of compute
CONDITIONS = [
    "N == N.max() and learning_rate == 0.003",
    "D == max(D) or status != 'done'",
    'not (status == "done") or seed in [0, 2] and D > quantile(D, 0.4)',
    "(N > 1e4) & ~(seed == 1) | (D < 1_000)",
    "best_test_loss == None",
    "best_test_loss < median(best_test_loss) and 1 <= seed < 3",
    "`test loss` == `test loss`.min()",
    "C / (6 * N) > 1e3 * N ** 0.5",
]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """The page's text, its headings and the addresses it names."""

    def __init__(self, html):
        super().__init__()
        self.headings, self.addresses, self.words, self.images = [], [], [], []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.inside = tag
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(named)
        self.addresses += [named[k] for k in ("src", "href", "srcset", "data") if k in named]

    def handle_data(self, text):
        if self.inside not in ("script", "style"):
            self.words.append(text)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def asked_of(definition, grid, **changes):
    axes = {
        "N": list(grid["sizes"]),
        "D": list(grid["data"]),
        "learning_rate": list(grid["rates"]),
        "seed": [0, 1, 2],
    }
    count = 3 * len(grid["sizes"]) * len(grid["data"]) * len(grid["rates"])
    return {**definition, "axes": axes, "runs": count, **changes}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_experiment, definition):
    made = tmp_path_factory.mktemp("results") / "e00_known_law"
    return make_experiment(made, asked_of(definition, GRID), **GRID)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def written(folder, told):
    return report.write([folder], progress=told.append)


@pytest.fixture(scope="module")
def html(written):
    return written.read_text()


@pytest.fixture
def tiny(tmp_path, make_experiment, definition):
    """A folder of too few scales to fit anything, quick to report."""

    def make(name="e01_tiny", **changes):
        return make_experiment(
            tmp_path / name, asked_of(definition, TINY, name=name, **changes), **TINY
        )

    return make


def test_the_page_lies_in_the_folder_beside_figures_and_cards(written, folder):
    assert written == folder / "report.html"
    for name in ("loss_against_parameters", "loss_against_data", "compute_frontier"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 10_000
        assert (folder / "figures" / f"{name}.svg").is_file()
    cards = {path.name for path in (folder / "fits").iterdir()}
    assert "l_d_at_the_largest_model.json" in cards
    assert sum(card.startswith(("l_n_at_d_", "l_d_at_n_")) for card in cards) == 8


def test_a_card_is_the_fit(written, folder):
    card = json.loads((folder / "fits" / "l_d_at_the_largest_model.json").read_text())
    fit = Fit.from_card(card)
    assert card["where"] == "N == N.max()"
    assert fit.params["alpha"].value == pytest.approx(0.5, abs=0.05)


def test_progress_is_told(written, told):
    assert "e00_known_law: fitting L(D) at the largest model" in told
    assert "e00_known_law: drawing learning_curves" in told


def test_every_claim_has_a_verdict_in_words(html):
    text = Page(html).text
    assert re.search(r"Held L\(D\) at the largest model", text)
    assert re.search(r"Refuted L\(N\) at the largest data", text)
    assert "lies wholly below the predicted range" in text
    assert (
        "predicted 0.4 to 0.6 tests have small tables "
        "(gate: levels 4, clusters 4, lack_of_fit 1, sweep_end 1)" in text
    )
    assert "levels 4 of D needed: 4 by the claim" in text
    assert "What would have changed the verdict Not held if the estimate lay" in text


def test_the_words_of_all_verdicts_are_counted_at_the_top(written, folder):
    words = [one["word"] for one in json.loads((folder / "verdicts.json").read_text())]
    text = written.read_text()
    facts = text[text.index('<dl class="facts">') :]
    first = re.search(r"<dt>(.*?)</dt><dd>(.*?)</dd>", facts)
    assert first is not None
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", first[2])}
    assert first[1] == "claims"
    assert counts == {word: words.count(word) for word in set(words)}


def test_a_fit_says_what_its_rows_are_clustered_by(html):
    assert "12 points in 4 clusters (rows of equal D are one cell)" in Page(html).text


def test_what_others_found_stands_beside_and_is_on_the_line(html):
    assert "published 0.34 (Hoffmann 2022)" in Page(html).text
    (place,) = re.findall(r'class="diamond" style="left: ([0-9.]+)%"', html)
    assert 0 < float(place) < 50


def test_the_page_names_nothing_outside_itself(html):
    addresses = Page(html).addresses
    assert len(addresses) > 10
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "default-src 'none'" in html


def test_text_is_escaped_and_data_cannot_end_their_script(html):
    assert "<b>below</b>" not in html
    assert "&lt;b&gt;below&lt;/b&gt;" in html
    assert "<script>alert" not in html
    embedded = re.findall(r'<script type="application/json">(.*?)</script>', html, re.S)
    (table,) = [json.loads(text) for text in embedded]
    assert {len(values) for values in table["values"]} == {96}
    keys = [column["key"] for column in table["columns"]]
    assert keys[:5] == ["status", "N", "D", "learning_rate", "seed"]


def test_headings_step_down_one_at_a_time_and_pictures_have_words(html):
    seen = Page(html)
    assert seen.headings[0] == 1
    assert seen.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(seen.headings, seen.headings[1:], strict=False))
    assert len(seen.images) == 4 + MAGNITUDES
    assert all(len(image["alt"]) > 40 for image in seen.images)


def test_the_page_says_how_losses_were_chosen_and_what_went_wrong(html):
    text = Page(html).text
    assert "so no choice used test data" in text
    assert "tried: 0.001, 0.003" in text
    assert "at an end of the sweep" in text
    assert "validation loss was inf at step 21" in text
    assert "out of memory" in text
    assert "Read this first" not in text


def test_the_classifier_that_measures_pictures_is_measured_on_the_page(
    tmp_path, make_tables, definition
):
    made = tmp_path / "e03_pictures"
    runs, curves = make_tables(**TINY)
    for i, row in enumerate(runs):
        row |= {"best_test_distance": row["best_test_loss"], "real_distance": 0.125}
        row |= {"best_valid_distance": row["best_valid_loss"], "judge_error": 0.0112 + 0.001 * i}
    runs[-1]["judge_error"] = None
    for row in curves:
        row["valid_distance"], row["test_distance"] = row.pop("valid_loss"), row.pop("test_loss")
    Store(made).append(runs, curves)
    asked = asked_of(definition, TINY, claims=[], objective="valid_distance")
    (made / "experiment.json").write_text(json.dumps(asked))
    found = reading.read(made)
    report.draw(found, lambda line: None)
    text = Page(page.page([found], magnitudes.analyse([found], tmp_path))).text
    assert "classifier's test error 1.12% – 2.12%" in text
    assert "real pictures' feature distance 0.125 compute" in text
    assert {"learning_curves", "compute_frontier"} <= set(found.pictures)
    assert "test distance</text>" in found.pictures["learning_curves"][1].read_text()
    heads = json.loads(str(run_table.run_table(found)))["columns"]
    assert {"valid distance", "test distance"} <= {head["label"] for head in heads}
    for name in ("loss_against_data", "loss_against_parameters"):
        assert "real pictures</text>" in found.pictures[name][1].read_text()
    (axes, *_) = figures.get("loss_against_data").draw(found.tables, {}, {}).axes
    assert any(list(line.get_ydata()) == [0.125, 0.125] for line in axes.lines)


def test_without_a_classifier_none_is_mentioned(html):
    assert "classifier" not in Page(html).text.split("Figures")[0]


def test_provenance_is_told(html):
    text = Page(html).text
    for words in ("python 3.11.7", "1 × cpu", "0123456789ab", "FLOP", "4 programs"):
        assert words in text


def test_the_page_closes_with_orders_of_magnitude(html, folder):
    text = Page(html).text
    assert text.count("Orders of magnitude") == 1
    assert "none was fitted along compute" in text
    assert "Not drawn: Our laws, extrapolated to the landmarks" in text
    assert "human lives of compute in one run of 2022" in text
    assert "10<sup>24</sup>" in html
    assert (folder / "figures" / "compute_ladder.svg").is_file()


def test_a_law_of_compute_is_read_at_the_landmarks(folder, written, root, tmp_path):
    found = reading.read(folder)
    cost = math.log10(found.tables.runs["C"].sum())
    far = math.log10(9.467e23 / found.tables.runs["C"].max())
    closing = magnitudes.closing(magnitudes.grid(found))
    assert f"cost 10^{cost:.1f} FLOP, a human life is 10^24;" in closing
    assert closing.endswith(f"would have to be extrapolated by {far:.1f} decades.")
    card = root / "results" / "e02_mnist_mlp" / "fits" / "l_c_on_the_frontier.json"
    found.fits["L(C)"] = Fit.from_card(json.loads(card.read_text()))
    closing = magnitudes.closing(magnitudes.grid(found))
    assert closing.endswith("your law would have to be extrapolated by 11.9 decades.")
    text = Page(page.page([found], magnitudes.analyse([found], tmp_path))).text
    assert "e00_known_law: L(C), at the landmarks" in text
    assert "+11.9 wild extrapolation" in text


def test_several_experiments_make_one_page_and_nothing_changes_by_itself(written, folder, tiny):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.suffix in (".json", ".svg", ".png")}
    neighbour = folder.parent / "e01_tiny"
    shutil.copytree(tiny(), neighbour, dirs_exist_ok=True)
    both = report.write([folder, neighbour, folder])
    assert both == folder.parent / "report.html"
    seen = Page(both.read_text())
    assert seen.headings.count(1) == 1
    assert seen.headings.count(2) == 3  # two experiments, and orders of magnitude
    assert "2 experiments" in seen.text
    assert "Insufficient" in seen.text
    assert {p: p.read_bytes() for p in before} == before


def test_what_cannot_be_fitted_is_insufficient_and_says_why(tiny):
    few = {"law": "no_such_law", "name": "one", "x": "D", "parameter": "alpha", "low": 0, "high": 1}
    wrong = {**few, "name": "two", "law": "power_law", "where": "N.to_csv('x')"}
    others = ("__class__.__init__.__globals__ == N", "N in [exit()]", "@N > 1", "(" * 2000, ["N"])
    more = [{**wrong, "name": str(i), "where": text} for i, text in enumerate(others)]
    found = reading.read(tiny(claims=[few, wrong, *more]))
    report.fit(found, lambda line: None)
    assert {verdict.word for verdict in found.verdicts} == {"insufficient"}
    assert all("\n" not in verdict.why for verdict in found.verdicts)
    assert [verdict.claim["name"] for verdict in found.verdicts[2:]] == list("01234")
    assert all("cannot read the condition" in verdict.why for verdict in found.verdicts[2:])
    assert "unknown law 'no_such_law'" in found.verdicts[0].why
    assert "may not hold 'N.to_csv'" in found.verdicts[1].why


def test_where_families_are_compared_the_page_names_the_one_it_shows(tiny, make_tables):
    folder = tiny("e02_one", families={"model": "mlp"})
    assert "The runs compare several families" not in report.write([folder]).read_text()
    runs, curves = make_tables(**TINY)
    own = {"experiment": "e02_one", "model": "lstm"}
    rows = [row | own | {"run": "lstm " + row["run"]} for row in runs]
    Store(folder).append(rows, [row | own | {"run": "lstm " + row["run"]} for row in curves])
    text = report.write([folder]).read_text()
    assert "figures, laws and tables from here on show mlp" in text
    assert "Best learning rate of mlp" in text


def test_damaged_missing_and_stale_parts_are_told(tiny, make_tables):
    made = tiny()
    store = Store(made)
    runs, curves = make_tables(**TINY | {"data": (999,), "sizes": (1_000,)})
    named = {"experiment": made.name}
    runs = [{**row, **named, "judge_error": 0.01 * (i % 2)} for i, row in enumerate(runs)]
    curves = [row | named for row in curves]
    store.append(runs, curves)
    store.append([{**runs[2], "run": "lost", "fingerprint": "lost"}], curves[:1])
    newest = sorted((made / "runs").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    written = json.loads((made / "experiment.json").read_text()) | {"runs": 20}
    (made / "experiment.json").write_text(json.dumps(written))
    (made / "pictures.npz").write_bytes(b"PK\x03\x04 cut short")
    (made / "baselines.csv").write_text("")
    (made / "fits").mkdir()
    (made / "fits" / "of_an_older_claim.json").write_text("{}")
    text = Page(report.write([made]).read_text()).text
    assert "Read this first" in text
    assert f"runs/{newest.name} is damaged and was left out: truncated" in text
    assert "5 of 20 runs are not in the tables" in text
    assert "3 runs are stale" in text
    assert "measured with 2 different classifiers" in text
    assert "pictures.npz cannot be read" in text
    assert "baselines.csv cannot be read" in text
    assert "Stale files, not from this report: fits/of_an_older_claim.json" in text


def test_rows_beyond_the_grid_and_of_others_are_left_out_and_told(tiny, make_tables):
    made = tiny()
    before = reading.read(made)
    asked = sorted(before.tables.runs["run"])
    runs, curves = make_tables(**TINY | {"data": (999,)})
    for name in (made.name, "e99_other"):
        named, best = {"experiment": name}, {"best_test_loss": 1e-9, "best_valid_loss": 1e-9}
        Store(made).append([row | named | best for row in runs], [row | named for row in curves])
    assert len(reading.read(made).tables.runs) == len(asked) + len(runs)
    written = json.loads((made / "experiment.json").read_text()) | {"cells": asked}
    (made / "experiment.json").write_text(json.dumps(written))
    found = reading.read(made)
    for name in ("runs", "chosen", "curves"):
        pd.testing.assert_frame_equal(getattr(found.tables, name), getattr(before.tables, name))
    text = " ".join(found.notes)
    assert f"{len(runs)} recorded runs are not in the experiment's grid; they are left out" in text
    assert f"is not read: {len(runs)} rows of experiment e99_other" in text
    table = tables.load(made)
    assert sorted(table["run"]) == asked
    assert table.attrs["note"].startswith(f"{len(runs)} recorded runs that are not in the grid of")


def test_an_experiment_in_which_all_diverged_still_has_a_page(tmp_path, make_tables, definition):
    made = tmp_path / "e02_hot"
    runs, curves = make_tables(**TINY)
    for row in runs:
        row |= {"status": "diverged", "reason": "loss was nan", "best_valid_loss": None}
    Store(made).append(runs, curves)
    (made / "experiment.json").write_text(json.dumps(asked_of(definition, TINY)))
    text = Page(report.write([made]).read_text()).text
    assert "Diverged and failed runs (12)" in text
    assert "It could not be evaluated" in text
    assert "Not drawn: Learning curves" in text
    assert not re.search("Not drawn: (BLEU|Pictures|Samples|A map|Architectures|Loss by)", text)


def test_fits_gives_them_by_name(tiny):
    one = {
        "name": "L(D)",
        "law": "power_law",
        "x": "D",
        "parameter": "alpha",
        "low": None,
        "high": 9,
    }
    made = tiny(claims=[one])
    assert report.fits(made)["L(D)"].law.name == "power_law"
    assert (made / "fits" / "l_d.json").is_file()
    assert not (made / "report.html").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "experiment.json").unlink(), "has no experiment.json"),
        (lambda folder: (folder / "experiment.json").write_text("{"), "is not JSON"),
        (lambda folder: shutil.rmtree(folder / "runs"), "scaling-lab run e00_known_law"),
    ],
)
def test_a_folder_without_an_experiment_is_an_error(tiny, spoil, words):
    made = tiny()
    spoil(made)
    with pytest.raises(LabError, match=words):
        report.write([made])
    with pytest.raises(LabError, match="no results folder"):
        report.write([])


def test_json_in_a_script_is_json_and_ends_nothing():
    value = {"a": "</script><!-- & \u2028", "b": [None, 1.5]}
    text = run_table.script_json(value)
    assert "<" not in text
    assert json.loads(text) == value


# In a browser ------------------------------------------------------------------------------------

LISTEN = """<script>
const heard = [];
addEventListener("error", (e) => heard.push("error: " + e.message));
addEventListener("securitypolicyviolation", (e) => heard.push("policy: " + e.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...words) => heard.push(words.join(" "));
</script>"""

TRY = """<script>
(() => {
  const found = {};
  const section = document.querySelector(".runs");
  const rows = () => section.querySelectorAll("tbody tr").length;
  const column = (at) =>
    [...section.querySelectorAll("tbody tr")].map((tr) => tr.children[at].textContent);
  const heads = () => [...section.querySelectorAll("th")];
  const count = () => section.querySelector(".count").textContent;
  const input = section.querySelector("input");
  const filter = (text) => { input.value = text; input.dispatchEvent(new Event("input")); };
  try {
    const at = heads().findIndex((th) => th.textContent.startsWith("test loss"));
    found.first = [rows(), count()];
    section.querySelector("[data-turn='1']").click();
    found.second = [rows(), count()];
    heads()[at].querySelector("button").click();
    found.up = [heads()[at].getAttribute("aria-sort"), column(at)];
    heads()[at].querySelector("button").click();
    found.down = [heads()[at].getAttribute("aria-sort"), column(at)];
    heads()[at].querySelector("button").click();
    found.back = heads()[at].getAttribute("aria-sort");
    found.focus = heads().every((th) => th.querySelector("button").tabIndex === 0);
    filter("DIVERGED");
    found.diverged = [count(), column(0)];
    filter("N >= 60000 and seed == 1 and learning_rate == 0.003");
    found.compared = count();
    const wrong = section.querySelector(".wrong");
    found.silent = [wrong.textContent, input.getAttribute("aria-invalid")];
    filter("N >= 60000 and seed = 1");
    found.wrong = [wrong.textContent, count(), input.getAttribute("aria-invalid")];
    const data = JSON.parse(section.querySelector("script").textContent);
    const runs = data.values[data.columns.findIndex((column) => column.key === "run")];
    found.rows = CONDITIONS.map((text) => {
      const fits = condition(text, data.columns, data.values);
      return runs.filter((_, row) => fits(row));
    });
    filter("nothing like this");
    found.none = [rows(), count()];
    filter("");
    found.all = count();
    const links = [...document.querySelectorAll("a[data-svg]")];
    found.svg = links.map((a) => !a.hidden && a.href.slice(0, 18));
    found.colours = [...document.images].map((i) => i.currentSrc.includes("%23ffffff"));
    found.pictures = [...document.images].map((i) => i.complete && i.naturalWidth > 0);
  } catch (error) { heard.push(String(error)); }
  found.heard = heard;
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
})();
</script>"""

# In a frame: a window of a headless browser is never as narrow as a phone.
PHONE = """<!doctype html><pre id="told"></pre><script>
addEventListener("message", (e) => { document.getElementById("told").textContent = e.data; });
</script><iframe src="SRC" width="375" height="800" style="border:0"></iframe>"""
MEASURE = """<script>
addEventListener("load", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const ends = [...document.querySelectorAll(".findings li")].map(
    (one) => one.getBoundingClientRect().right);
  parent.postMessage(JSON.stringify(
    [innerWidth, document.documentElement.scrollWidth, ends.length > 0,
     Math.max(...ends) <= innerWidth]), "*");
});
</script>"""

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine: the page was not opened in a browser"
)


def opened(path: Path, profile: Path, *more: str):
    """What the page at `path` wrote into its element #told, in a headless browser."""
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
        *(
            "--disable-sync",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=4000",
        ),
        *(*more, "--window-size=1200,900", "--dump-dom", path.as_uri()),
    ]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(r'<pre id="told">(.*?)</pre>', out, re.S)
    assert found, out[-2000:]
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text)


@needs_browser
def test_in_a_browser_the_table_sorts_and_filters_and_nothing_complains(html, folder, tmp_path):
    copy = tmp_path / "page.html"
    trial = TRY.replace("CONDITIONS", run_table.script_json(CONDITIONS))
    tried = html.replace("<head>", f"<head>{LISTEN}", 1).replace("</body>", f"{trial}</body>")
    copy.write_text(tried)
    found = opened(copy, tmp_path / "profile")
    assert found["heard"] == []
    assert found["first"] == [25, "1–25 of 96 runs"]
    assert found["second"] == [25, "26–50 of 96 runs"]
    for way, sign in (("up", 1), ("down", -1)):
        sort, shown = found[way]
        losses = [float(text) for text in shown if text]
        assert sort == {"up": "ascending", "down": "descending"}[way]
        assert losses == sorted(losses, reverse=sign < 0)
        assert len(losses) == 25  # what is missing comes last either way
    assert found["back"] == "none"
    assert found["focus"]
    assert found["diverged"] == ["1–1 of 1 runs (of 96)", ["diverged"]]
    assert found["compared"] == "1–8 of 8 runs (of 96)"
    assert found["silent"] == ["", "false"]
    assert found["wrong"] == ["it has '=': write '=='", "1–8 of 8 runs (of 96)", "true"]
    rows = reading.read(folder).tables.runs
    for text, kept in zip(CONDITIONS, found["rows"], strict=True):
        mask = parse(text.replace("`test loss`", "best_test_loss")).mask(rows)
        assert kept == rows["run"][mask].tolist(), text
        assert 0 < len(kept) < len(rows), text
    assert found["none"] == [0, "no run matches"]
    assert found["all"] == "1–25 of 96 runs"
    assert found["svg"] == ["data:image/svg+xml"] * (4 + MAGNITUDES)
    assert found["pictures"] == [True] * (4 + MAGNITUDES)
    assert found["colours"] == [True] * (4 + MAGNITUDES)
    night = opened(copy, tmp_path / "night", "--blink-settings=preferredColorScheme=0")
    assert night["heard"] == []
    assert night["pictures"] == [True] * (4 + MAGNITUDES)
    assert night["colours"] == [False] * (4 + MAGNITUDES)


@needs_browser
def test_on_a_phone_the_page_is_as_wide_as_the_phone(html, tmp_path):
    copy, frame = tmp_path / "page.html", tmp_path / "phone.html"
    copy.write_text(html.replace("</body>", f"{MEASURE}</body>"))
    frame.write_text(PHONE.replace("SRC", copy.as_uri()))
    # And what the checks found is read without scrolling a table sideways.
    assert opened(frame, tmp_path / "profile") == [375, 375, True, True]
