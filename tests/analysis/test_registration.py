"""Whether a claim was registered before its runs, by digests and, for old records, by times."""

import pandas as pd
import pytest

from scaling_lab.analysis import registration
from scaling_lab.analysis.experiment_tables import Tables
from scaling_lab.registration import log, texts

A = {"name": "a", "law": "power_law", "x": "D", "parameter": "alpha", "low": 0.1, "high": 0.2}
B = A | {"name": "b", "low": 0.15}
SMALL = A | {"where": "N == 1"}


def entry(minute, *claims, **more):
    said = texts.of({"question": "?", "prediction": "!", "claims": list(claims)})
    when = f"2026-01-01T00:{minute:02}:00Z"
    return log.Entry(digest=said.digest, time=when, texts=said, **more)


def tables(*rows):
    """Runs as (N, minute at which it ended, digest under which it was trained)."""
    frame = pd.DataFrame(rows, columns=["N", "minute", "registered"])
    frame["finished"] = [f"2026-01-01T00:{minute:02}:00Z" for minute in frame.pop("minute")]
    return Tables(frame, frame, frame, families=frame)


def standing(claim, entries, *rows):
    of = registration.selected(claim, tables(*rows))
    return registration.of_claim(claim, log.Log(tuple(entries)), of, 9)


def test_by_the_digests_of_the_records():
    first, second = entry(1, A), entry(9, A, B, recorded=2)
    rows = [(1, 5, first.digest), (2, 5, first.digest), (3, 20, second.digest)]
    assert standing(A, [first, second], *rows).status == "registered"
    found = standing(B, [first, second], *rows)
    assert found.status == "exploratory"
    assert "after 2 of 9 runs, among them 2 of the 3 that it rests on" in found.sentence


def test_a_record_of_an_old_text_counts_whatever_its_clock_says():
    first, second = entry(1, A), entry(9, A, B, recorded=1)
    assert standing(B, [first, second], (1, 30, first.digest)).status == "exploratory"
    assert standing(B, [first, second], (1, 2, second.digest)).status == "amended"


def test_old_records_by_the_times_at_which_they_ended():
    first, second = entry(1, A), entry(9, B, recorded=1)
    assert standing(B, [first, second], (1, 8, None)).status == "exploratory"
    assert standing(B, [first, second], (1, 10, None)).status == "amended"
    assert standing(A, [first], (1, 0, None)).status == "exploratory"
    assert standing(A, [first], (1, 5, None)).status == "registered"


def test_only_the_runs_that_a_claim_rests_on_make_it_exploratory():
    first, second = entry(1, A), entry(9, A, SMALL, recorded=1)
    early, late = (2, 5, first.digest), (1, 20, second.digest)
    found = standing(SMALL, [first, second], early, late)
    assert found.status == "amended"
    assert "none of them among those that it rests on" in found.sentence
    assert standing(SMALL, [first, second], (1, 5, first.digest), late).status == "exploratory"


def test_both_sides_of_a_comparison_count():
    both = SMALL | {"against": "N == 2"}
    first, second = entry(1, A), entry(9, A, both, recorded=1)
    early, late = (2, 5, first.digest), (1, 20, second.digest)
    assert standing(both, [first, second], early, late).status == "exploratory"


def test_runs_of_an_earlier_grid_amend():
    assert standing(A, [entry(1, A, earlier=4)], (1, 5, None)).status == "amended"


def test_a_claim_that_was_withdrawn_counts_from_its_return():
    log_of = [entry(1, A), entry(9, B, recorded=1), entry(15, A, recorded=2)]
    row = (1, 5, log_of[0].digest)
    assert standing(A, log_of[:1], row).status == "registered"
    assert standing(A, log_of, row).status == "exploratory"
    assert standing(A, log_of, (1, 20, log_of[0].digest)).status == "amended"


@pytest.mark.parametrize("entries", [[], [entry(1, B)]])
def test_a_claim_that_was_never_registered_is_exploratory(entries):
    assert standing(A, entries, (1, 5, None)).status == "exploratory"


def test_another_name_is_the_same_claim():
    assert standing(A | {"name": "c"}, [entry(1, A)], (1, 5, None)).status == "registered"
