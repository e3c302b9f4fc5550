"""Findings: their sentence, their order, and their JSON."""

import json

from scaling_lab.analysis.checks.finding import Finding, Severity, worst_first

FULL = Finding("units", Severity.DOUBT, "N is small", "0.03", "give N in ones", 0.03, 1.0, (4, 7))


def test_the_sentence_says_what_how_bad_and_what_to_do():
    assert FULL.text == "N is small (0.03); give N in ones"
    assert Finding("units", Severity.NOTE, "N is small").text == "N is small"


def test_a_card_gives_the_finding_back():
    for one in (FULL, Finding("units", Severity.INVALID, "what")):
        again = Finding.from_card(json.loads(json.dumps(one.card(), allow_nan=False)))
        assert repr(again) == repr(one)


def test_the_sentence_of_an_old_card_is_a_doubt():
    old = Finding.from_card("alpha is poorly determined: 0.1 to 0.9")
    assert (old.severity, old.text) == (Severity.DOUBT, "alpha is poorly determined: 0.1 to 0.9")


def test_the_worst_comes_first_and_equals_keep_their_order():
    a, b, c = (Finding(n, s, n) for n, s in zip("abc", Severity, strict=True))
    later = Finding("d", Severity.DOUBT, "d")
    assert [one.check for one in worst_first([a, b, later, c])] == ["c", "b", "d", "a"]


def test_causes_come_before_what_follows_from_them():
    names = ("convergence", "identifiability", "lack_of_fit", "pooled", "units")
    found = [Finding(name, Severity.DOUBT, name) for name in names]
    note = Finding("units", Severity.NOTE, "note")
    said = [one.what for one in worst_first([note, *found])]
    assert said == ["units", "pooled", "lack_of_fit", "convergence", "identifiability", "note"]
