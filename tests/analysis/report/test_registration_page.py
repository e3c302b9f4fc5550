"""The page says when a prediction was made, marks claims that came later, shows what changed."""

import json
import re

import pytest

from scaling_lab import cli
from scaling_lab.analysis.report import cache, magnitudes, page
from scaling_lab.analysis.report import read as reading
from scaling_lab.analysis.report import write as report
from scaling_lab.registration import log, path, texts

SMALL = {
    "sizes": (1_000, 8_000, 63_000),
    "data": (300, 2_000),
    "rates": (0.003,),
    "seeds": (0, 1, 2),
}


@pytest.fixture
def folder(tmp_path, make_experiment, definition):
    """An experiment whose second claim was committed after all of its 18 runs."""
    first, second = definition["claims"]
    claims = [first, {**second, "law": "power_law"}]
    asked = {**definition, "name": "e00_late", "runs": 18, "claims": claims}
    made = make_experiment(tmp_path / "e00_late", asked, **SMALL)
    before = texts.of(asked | {"claims": [first], "prediction": "Yes: perhaps 0.7."})
    entries = [
        log.Entry(digest=before.digest, time="2026-01-01T00:00:00Z", texts=before),
        log.Entry(
            digest=texts.of(asked).digest,
            time="2026-01-03T00:00:00Z",
            texts=texts.of(asked),
            recorded=17,
        ),
    ]
    (made / log.REGISTERED).unlink()
    log.append(made, entries)
    return made


def text_of(found, folder):
    html = page.page([found], magnitudes.analyse([found], folder / "figures"))
    return html, " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_page_says_what_the_log_says(folder):
    found = reading.read(folder)
    report.fit(found, lambda line: None)
    html, text = text_of(found, folder)
    assert "before running" not in text
    assert "Prediction: amended after 17 of 18 runs" in text
    assert "Registered 2026-01-01 00:00, before any run; amended 2026-01-03 00:00" in text
    assert "What was amended (1 time)" in text
    assert "<del>perhaps 0.7.</del>" in html
    assert "Claim added: L(N) at the largest data" in text
    assert "What the prediction says and no claim holds: “β = 0.5 along D”, “" in text
    assert [verdict.is_exploratory for verdict in found.verdicts] == [False, True]
    assert "exploratory L(N) at the largest data" in text
    assert "exploratory L(D) at the largest model" not in text
    card = folder / "fits" / "l_n_at_the_largest_data.json"
    assert json.loads(card.read_text())["registration"]["status"] == "exploratory"


def test_a_report_that_stands_keeps_what_was_registered(folder, capsys):
    first, second = cache.report([folder]), cache.report([folder])
    assert [one.registration for one in second.verdicts] == [
        one.registration for one in first.verdicts
    ]
    assert [one.is_exploratory for one in second.verdicts] == [False, True]
    with pytest.raises(SystemExit):
        cli.main(["report", str(folder)])
    assert capsys.readouterr().out.count("explorat") == 1  # the table that the command prints
    (folder / log.REGISTERED).unlink()
    assert [one.is_exploratory for one in cache.report([folder]).verdicts] == [True, True]
    text = (folder / "report.html").read_text()
    assert "Prediction: when it was made is not recorded" in text


def test_a_broken_chain_stands_among_the_notes(folder):
    lines = (folder / log.REGISTERED).read_bytes()
    (folder / log.REGISTERED).write_bytes(lines.replace(b"perhaps", b"surely"))
    notes = reading.read(folder).notes
    assert any("registered.jsonl is broken at line 1" in note for note in notes)


def test_the_page_of_a_sequential_experiment_shows_its_path(folder):
    claim = {"name": "L(D) at the largest model", "low": 0.3, "high": 0.5}
    seen = [
        {**claim, "word": word, "level": 0.98, "why": "For a reason."} for word in ("held", "held")
    ]
    path.begin(folder, path.Round(share=0, runs=("a", "b"), why={claim["name"]: "the cheapest"}))
    path.append(folder, path.Look(share=0.25, spent=1, rows=2, level=0.98, claims=seen[:1]))
    path.begin(folder, path.Round(share=0.25, runs=("c",), why={claim["name"]: "they tell most"}))
    file = folder / "experiment.json"
    definition = json.loads(file.read_text())
    extended = {"a": "learning_rate 0.003, the largest there, was the best"}
    file.write_text(json.dumps(definition | {"extended": extended, "runs": 20}))
    found = reading.read(folder)
    report.judge(found)
    _, text = text_of(found, folder)
    assert "1 look at the claims" in text
    assert "Which runs were chosen between looks, and why (2 times)" in text
    assert f"at first 2 {claim['name']}: the cheapest a, b" in text
    assert f"after the look at 25% 1 {claim['name']}: they tell most c" in text
    assert "Runs that a sweep added to the grid, and why why which" in text
    assert "learning_rate 0.003, the largest there, was the best a" in text
    assert "2 of 20 runs were not trained: the experiment stops when its claims" in text
    (folder / path.ROUNDS).write_text("torn")
    assert any("rounds.jsonl" in note for note in reading.read(folder).notes)
