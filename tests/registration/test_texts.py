"""A digest is of what was predicted, not of how claims are stored."""

from dataclasses import asdict

import pytest

from scaling_lab import Claim
from scaling_lab.registration import texts

CLAIM = Claim(name="L(D)", law="power_law", x="D", parameter="alpha", low=0.3, high=2.0)
WRITTEN = {"name": "L(D)", "law": "power_law", "x": "D", "parameter": "alpha", "low": 0.3}


def of(claim, **changes):
    texts_of = {"question": "Does it?", "prediction": "Yes.", "claims": [claim]}
    return texts.of(texts_of | changes).digest


def test_fields_at_their_defaults_and_whole_floats_change_no_digest():
    assert of(asdict(CLAIM)) == of(WRITTEN | {"high": 2})
    assert texts.canonical([asdict(CLAIM)]) == (WRITTEN | {"high": 2},)


def test_a_field_that_claims_do_not_have_yet_is_part_of_it():
    assert of(WRITTEN | {"high": 2, "new": 0.1}) != of(WRITTEN | {"high": 2})


@pytest.mark.parametrize(
    "changes", [{"question": "Does it not?"}, {"prediction": "No."}, {"claims": []}]
)
def test_each_text_is_part_of_the_digest(changes):
    assert of(WRITTEN, **changes) != of(WRITTEN)


def test_unknown_claims_are_not_no_claims():
    assert of(WRITTEN, claims=None) != of(WRITTEN, claims=[])


def test_a_key_leaves_out_what_decides_nothing():
    assert texts.key(WRITTEN) == texts.key(
        WRITTEN | {"name": "another", "published": 0.5, "source": "someone 2020"}
    )
    assert texts.key(WRITTEN) != texts.key(WRITTEN | {"low": 0.31})
    assert texts.key(WRITTEN) != texts.key(WRITTEN | {"where": "N > 100"})
