"""An amendment is shown word by word, and text from a file cannot be markup."""

from scaling_lab.analysis.report import differences
from scaling_lab.registration import log, texts

CLAIM = {"name": "L(D)", "law": "power_law", "parameter": "alpha", "low": 0.3, "high": 1}


def entry(minute, prediction, *claims, **more):
    said = texts.of({"question": "?", "prediction": prediction, "claims": list(claims)})
    when = f"2026-01-01T00:{minute:02}:00Z"
    return log.Entry(digest=said.digest, time=when, texts=said, **more)


def test_words_of_both_texts_in_order():
    assert differences.words("falls as .2 to .5 here", "falls as .3 to .5") == (
        "falls as <del>.2</del> <ins>.3</ins> to .5 <del>here</del>"
    )
    assert differences.words("", "all new") == "<ins>all new</ins>"


def test_text_is_escaped():
    shown = differences.words("<b>a</b> &", "<script> & {}")
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "{}" in shown


def test_amendments_are_told_newest_first_with_what_changed():
    entries = (
        entry(1, "yes", CLAIM, CLAIM | {"name": "old"}),
        entry(2, "no", CLAIM | {"low": 0.2}, CLAIM | {"name": "new"}, recorded=36),
        entry(3, "no", CLAIM | {"low": 0.2}, recorded=68, source="git", commit="0123456789ab"),
    )
    last, first = differences.amendments(log.Log(entries), 68)
    assert last.title == "2026-01-01 00:03 UTC (commit 012345678), after 68 of 68 runs"
    assert [term for term, _ in last.changes] == ["Claim withdrawn: new"]
    assert first.title == "2026-01-01 00:02 UTC, after 36 of 68 runs"
    changes = dict(first.changes)
    assert list(changes) == [
        "Prediction",
        "Claim: L(D)",
        "Claim withdrawn: old",
        "Claim added: new",
    ]
    assert changes["Prediction"] == "<del>yes</del> <ins>no</ins>"
    assert "low <del>0.3;</del> <ins>0.2;</ins> high" in changes["Claim: L(D)"]


def test_claims_that_are_unknown_are_said_to_be():
    unknown = log.Entry(digest="", time="2026-01-01T00:00:00Z", texts=texts.Texts("?", "yes", None))
    (one,) = differences.amendments(log.Log((unknown, entry(2, "yes", CLAIM))), 9)
    ((term, text),) = one.changes
    assert term == "Claims"
    assert "unknown" in text
