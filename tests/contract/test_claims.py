"""The contract of every kind of claim: a verdict in known words, and a check before any run."""

import math

import pandas as pd
import pytest

from scaling_lab.analysis import claims
from scaling_lab.analysis.claims.verdict import WORDS, Verdict
from scaling_lab.errors import LabError

every = pytest.mark.parametrize("kind", sorted(claims.found()))


def test_the_default_kind_exists():
    assert claims.DEFAULT in claims.found()
    assert not {"verdict"} & set(claims.found())
    with pytest.raises(LabError, match="unknown kind of claim 'paramter'; did you mean 'paramete"):
        claims.get("paramter")


def claim(kind, **changes):
    return {**claims.get(kind).EXAMPLE, "kind": kind, **changes}


@every
def test_its_example_gets_a_verdict(kind, standard_tables, standard_studies):
    before = standard_tables.families.copy()
    verdict = claims.evaluate(claim(kind), standard_tables, {}, standard_studies)
    assert isinstance(verdict, Verdict)
    assert verdict.word in WORDS
    assert verdict.why.endswith(".")
    assert verdict.claim["name"] == claim(kind)["name"]
    assert math.isfinite(verdict.value)
    assert verdict.interval[0] <= verdict.value <= verdict.interval[1]
    assert verdict.quantity
    if verdict.evidence is not None:
        assert verdict.evidence.card()
    pd.testing.assert_frame_equal(before, standard_tables.families)


@every
def test_the_word_follows_the_predicted_range(kind, standard_tables, standard_studies):
    def word(low, high):
        asked = claim(kind, low=low, high=high)
        return claims.evaluate(asked, standard_tables, {}, standard_studies).word

    assert word(-1e300, 1e300) == "held"
    assert word(1e200, 1e300) == "refuted"
    assert word(-1e300, -1e200) == "refuted"


@every
def test_too_few_rows_are_no_crash(kind, standard_tables, standard_studies):
    """A claim about a table that holds next to nothing is undecided or insufficient."""
    from dataclasses import replace

    few = standard_tables.families.head(2)
    tables = replace(standard_tables, families=few, chosen=few)
    verdict = claims.evaluate(claim(kind), tables, {}, {})
    assert verdict.word in ("undecided", "insufficient")
    assert verdict.why.endswith(".")


@every
def test_it_is_checked_against_the_columns(kind, standard_tables):
    columns = [str(name) for name in standard_tables.families.columns]
    claims.check(claim(kind), columns)
    with pytest.raises(LabError, match=r"^claim '.+': "):
        claims.check(claim(kind), ["seed"])
