"""Claims that predict too little, or what the grid sets itself, are refused before any run."""

import pandas as pd
import pytest

from scaling_lab.analysis import claims
from scaling_lab.errors import LabError

COLUMNS = ("N", "D", "C", "steps", "seed", "model", "status", "best_test_loss")
SIDES = {"where": "model == 'a'", "against": "model == 'b'"}
PARAMETER = {"name": "c", "law": "power_law", "x": "N", "parameter": "alpha"}
VALUE = {"name": "c", "kind": "value", "at": {"N": 1e4}}
RATIO = {"name": "c", "kind": "ratio", "at": {"N": 1e4}, **SIDES}
DIFFERENCE = {"name": "c", "kind": "difference", "at": {"N": 1e4}, **SIDES}
SHARE = {"name": "c", "kind": "share", "event": "status == 'diverged'"}


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (PARAMETER | {"low": 0.02, "high": 2.0, "reason": "none"}, "alpha is 0.02 to 2 in any"),
        (PARAMETER | {"low": None, "high": None, "reason": "none"}, "it cannot fail"),
        (VALUE | {"low": 0, "high": None, "reason": "none"}, "it cannot fail: best_test_loss is"),
        (RATIO | {"low": 0, "high": None, "reason": "none"}, "a ratio of 0 to inf|cannot fail"),
        (SHARE | {"low": 0, "high": 1, "reason": "none"}, "it cannot fail: the share is 0 to 1"),
        (DIFFERENCE | {"margin": 0.05, "quantity": 0.046}, "a margin of 0.05 is 109% of the quant"),
        (DIFFERENCE | {"margin": 0.05}, "around 0 holds if nothing is there; give `quantity`"),
        (DIFFERENCE | {"low": -0.05, "high": 0.05}, "around 0 holds if nothing is there"),
        (RATIO | {"low": 0.8, "high": 1.1}, "a ratio of 0.8 to 1.1 holds if nothing is there"),
    ],
)
def test_what_cannot_fail_is_refused_whatever_its_reason(claim, said):
    with pytest.raises(LabError, match=f"^claim 'c': .*({said})"):
        claims.check(claim, COLUMNS)


def test_a_difference_of_exponents_from_a_study_is_held_to_the_same():
    """The claim of e13: |difference| < .05 of exponents that are .046."""
    claim = {
        "name": "e13",
        "law": "Architectures",
        "parameter": "power_law.N.lstm-transformer",
        "low": -0.05,
        "high": 0.05,
    }
    with pytest.raises(LabError, match="holds if nothing is there"):
        claims.check(claim, COLUMNS)
    with pytest.raises(
        LabError, match=r"it cannot fail: a margin of 0\.05 is 109% of the quantity"
    ):
        claims.check(claim | {"quantity": 0.046}, COLUMNS)


@pytest.mark.parametrize(
    ("claim", "low", "high"),
    [
        *(
            (claim, *ends)
            for claim in (PARAMETER, VALUE, SHARE)
            for ends in ((0.2, 0.41), (0, 0.3))
        ),
        (PARAMETER, 0.2, None),
        (RATIO, 1.2, 3.0),
        (RATIO, 2.0, None),
        (DIFFERENCE, 0.1, 0.3),
        (DIFFERENCE, -0.3, -0.1),
    ],
)
def test_a_wide_range_needs_a_source_or_a_reason(claim, low, high):
    claim = claim | {"low": low, "high": high}
    with pytest.raises(LabError, match=r"wider than a factor of two|has one end alone"):
        claims.check(claim, COLUMNS)
    for more in ({"source": "Kaplan 2020"}, {"reason": "no source has it"}):
        claims.check(claim | more, COLUMNS)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.4), (0.5, 0.6), (3, 3)])
def test_a_range_within_a_factor_of_two_needs_none(low, high):
    claims.check(PARAMETER | {"low": low, "high": high}, COLUMNS)


def planned(**columns):
    """Planned runs of eight sizes, three seeds and equal steps."""
    rows = [
        {"N": 1000 * 2**i, "D": 10_000, "steps": 100, "seed": seed, "model": "a"}
        for i in range(8)
        for seed in range(3)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(C=6.0 * frame["N"] * 1e4, **columns)


def test_the_best_size_where_compute_follows_from_size_is_a_tautology():
    claim = {"name": "c", "law": "best_n", "parameter": "a_akima", "low": 0.4, "high": 0.6}
    with pytest.raises(LabError, match="claim 'c': C follows from N in this grid"):
        claims.plan(claim, planned())
    frame = planned()
    claims.plan(claim, pd.concat([frame, frame.assign(steps=400, C=4 * frame["C"])]))


def test_a_claim_about_what_the_grid_sets_is_a_tautology():
    claim = PARAMETER | {"low": 0.5, "high": 0.9, "loss": "C"}
    with pytest.raises(LabError, match="claim 'c': it is a tautology: C is set by the grid"):
        claims.plan(claim, planned())


@pytest.mark.parametrize(
    ("claim", "rows", "lines"),
    [
        (PARAMETER, lambda f: f, []),
        (PARAMETER | {"law": "power_law_floor"}, lambda f: f, []),
        (PARAMETER, lambda f: f[f["N"] < 30_000], ["levels", "decades", "clusters"]),
        (PARAMETER | {"law": "power_law_floor"}, lambda f: f[f["N"] < 1e5], ["levels", "clusters"]),
        (PARAMETER, lambda f: f[f["seed"] == 0], ["seeds"]),
        (PARAMETER, lambda f: f[(f["seed"] == 0) | (f["N"] < 60_000)], ["seeds"]),
        (PARAMETER | {"where": "D == 7"}, lambda f: f, ["runs"]),
        (PARAMETER | {"where": "best_test_loss < 1"}, lambda f: f[:0], []),
        (VALUE | {"at": {"N": 1000}}, lambda f: f, []),
        (VALUE | {"at": {"N": 1000}}, lambda f: f[f["seed"] < 2], ["seeds a cell"]),
        (VALUE | {"at": {"N": 1500}}, lambda f: f, ["runs"]),
    ],
)
def test_the_grid_shows_what_it_cannot_decide(claim, rows, lines):
    asked = claim | {"low": 0.3, "high": 0.5}
    assert [line.name for line in claims.plan(asked, rows(planned()))] == lines


def test_a_gate_of_the_claim_makes_a_short_axis_enough():
    claim = PARAMETER | {"low": 0.3, "high": 0.5, "reason": "boards"}
    few = planned()[lambda f: f["N"] < 30_000]
    gate = {"levels": 5, "clusters": 5, "decades": 1.2}
    assert claims.plan(claim | {"gate": gate}, few) == []
