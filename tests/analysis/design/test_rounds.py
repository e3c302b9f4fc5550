"""Rounds: the cells that open claims ask for, in turn."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.design import next_runs, rounds

SCALES = 1e3 * 2.0 ** np.arange(8)


@pytest.fixture
def rows():
    """Two families of eight cells of two seeds; a run costs its D."""
    return pd.DataFrame(
        [
            {"run": f"{model} {D:g} {seed}", "model": model, "N": 1e3, "D": D, "seed": seed, "C": D}
            for model in ("lstm", "mlp")
            for D in SCALES
            for seed in (0, 1)
        ]
    )


def cells(rows):
    return dict(zip(rows["run"], rows["run"].str[:-2], strict=True))


def trained(rows, alpha=0.5):
    noise = 1 + 0.01 * np.random.default_rng(0).standard_normal(len(rows))
    return rows.assign(best_test_loss=10 * rows["D"] ** -alpha * noise)


EXPONENT = {
    "name": "alpha",
    "kind": "parameter",
    "law": "power_law",
    "x": "D",
    "parameter": "alpha",
    "where": "model == 'mlp'",
    "low": 0.4,
    "high": 0.6,
}
VALUE = {"name": "value", "kind": "value", "at": {"D": 4e3}, "where": "model == 'lstm'"}


def test_a_claim_is_about_its_point(rows):
    about = rounds.about
    assert about(VALUE, rows) == {"lstm 4000 0", "lstm 4000 1"}
    assert about(EXPONENT, rows) == set(rows[rows["model"] == "mlp"]["run"])
    both = VALUE | {"kind": "difference", "against": "model == 'mlp'"}
    assert about(both, rows) == {f"{m} 4000 {s}" for m in ("lstm", "mlp") for s in (0, 1)}
    # A law is fitted to all rows, whatever point it predicts; and what is measured is not known.
    assert len(about(EXPONENT | {"kind": "value", "at": {"D": 1e9}}, rows)) == 16
    assert len(about(VALUE | {"where": "best_test_loss < 1"}, rows)) == len(rows)
    assert len(about(VALUE | {"kind": "parameter", "law": "best_n"}, rows)) == len(rows)


def asked(rows, claims, done=(), budget=1e9):
    done = set(done)
    known = trained(rows[rows["run"].isin(done)]) if done else None
    return list(rounds.asked(claims, rows, cells(rows), known, done, budget))


def test_cheapest_first_while_nothing_is_known(rows):
    found = asked(rows, [EXPONENT])
    assert [one.runs[0] for one in found] == [f"mlp {D:g} 0" for D in SCALES]
    assert all(len(one.runs) == 2 for one in found)  # whole cells
    assert found[0].why == "the cheapest, while too little is known"


def test_then_as_the_chooser_has_it(rows):
    mine = rows[rows["model"] == "mlp"]
    done = set(mine[mine["D"].isin(SCALES[2:5])]["run"])
    known = trained(mine[mine["run"].isin(done)])
    own = next_runs.next_runs(EXPONENT, rows, known, done, None, budget=7e4, whole=True)
    found = asked(rows, [EXPONENT], done, budget=7e4)
    assert [one.runs for one in found] == list(own.names)
    assert sum(rows.set_index("run")["C"][run] for one in found for run in one.runs) <= 7e4
    assert found[0].why.startswith("they lower the expected error of alpha")
    # Three cells in the middle of the range: its ends tell more than what is cheapest.
    assert {one.runs[0] for one in found} != {f"mlp {D:g} 0" for D in SCALES[:2]}


def test_claims_take_turns_and_a_cell_that_was_begun_comes_first(rows):
    found = asked(rows, [EXPONENT, VALUE])
    assert [one.claim for one in found[:3]] == ["alpha", "value", "alpha"]
    assert found[1].runs == ("lstm 4000 0", "lstm 4000 1")
    assert len(found) == 9
    done = {"mlp 64000 0"}
    first = asked(rows, [EXPONENT], done)[0]
    assert (first.runs, first.why) == (("mlp 64000 1",), rounds.BEGUN)
    # What two claims are about is asked for once.
    every = [run for one in asked(rows, [EXPONENT, EXPONENT | {"name": "b"}]) for run in one.runs]
    assert len(every) == len(set(every)) == 16
