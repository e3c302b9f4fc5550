"""Proposed grids and chosen runs: within the budget, through the gate, and better than the grid."""

import math
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from scaling_lab import Claim, LabError
from scaling_lab.analysis import laws
from scaling_lab.analysis.claims.gate.fits import count_levels
from scaling_lab.analysis.design.belief import Belief
from scaling_lab.analysis.design.choice import choose
from scaling_lab.analysis.design.field import Field
from scaling_lab.analysis.design.next_runs import next_runs, runs_for
from scaling_lab.analysis.design.proposal import propose
from scaling_lab.analysis.fitting.problem import Problem

CLAIM = Claim(name="L(D)", law="power_law", x="D", parameter="alpha", low=0.36, high=0.44)


def planned(levels=5, seeds=1, rates=(1e-3, 3e-3)):
    d, seed, rate = np.meshgrid(
        np.geomspace(300, 3e4, levels).round(), np.arange(seeds), rates, indexing="ij"
    )
    rows = pd.DataFrame({"D": d.ravel(), "seed": seed.ravel(), "learning_rate": rate.ravel()})
    rows["run"] = [f"r{i}" for i in range(len(rows))]
    return rows.assign(N=1e5, steps=1000, C=6e5 * rows["D"], model="mlp")


def recorded(rows, noise=0.01):
    rows = rows.drop_duplicates(["D", "seed"])
    error = noise * np.random.default_rng(0).standard_normal(len(rows))
    return rows.assign(best_test_loss=3 * rows["D"] ** -0.4 * np.exp(error), family="mlp")


def surface(levels=5):
    n, d = (
        v.ravel()
        for v in np.meshgrid(np.geomspace(1e6, 1e8, levels), np.geomspace(1e8, 1e10, levels))
    )
    noise = 0.005 * np.random.default_rng(0).standard_normal(len(n))
    return pd.DataFrame(
        {"N": n, "D": d, "L": (1.7 + 400 * n**-0.34 + 400 * d**-0.28) * np.exp(noise)}
    )


def test_a_proposal_passes_the_gate_within_the_budget():
    rows = planned()
    budget = 4 * rows["C"].to_numpy().sum()
    found = propose(
        CLAIM,
        rows,
        budget,
        choose=("learning_rate",),
        recorded=recorded(rows),
        ends={"D": (1, 50_000)},
        simulations=2,
    )
    assert found.now == 0  # five levels of one seed
    assert found.tables > 0.7
    assert float(found.cost) <= budget
    assert found.rates == 2
    assert found.seeds >= 2
    assert count_levels(found.levels["D"]) >= 8
    assert max(found.levels["D"]) <= 50_000
    assert 0 <= found.rehearsed <= 1
    assert found.card()["levels"]["D"] == list(found.levels["D"])


def test_a_budget_that_is_too_small_is_refused():
    rows = planned()
    with pytest.raises(LabError, match="no grid that passes the gate of claim 'L"):
        propose(CLAIM, rows, rows["C"].to_numpy().sum() / 100, simulations=0)


def test_a_claim_about_means_has_no_grid():
    claim = Claim(name="value", kind="value", at={"D": 300.0}, low=0.3, high=0.4)
    with pytest.raises(LabError, match="is not about a law"):
        propose(claim, planned(), simulations=0)


def test_the_next_runs_of_an_exponent_lie_far_apart():
    rows = planned(levels=9)
    inner = rows[(rows["D"] > 900) & (rows["D"] < 1e4)]
    known, done = recorded(inner), list(inner["run"])
    found = next_runs(CLAIM, rows, known, done, 2, choose=("learning_rate",))
    assert len(found.runs) == 2
    assert not set(done) & {one for text in found.runs["runs"] for one in text.split(", ")}
    assert found.runs["D"].to_numpy().min() <= 600
    assert found.after < found.before


def test_when_nothing_is_left_it_says_so():
    rows = planned()
    with pytest.raises(LabError, match="is left to do"):
        next_runs(CLAIM, rows, recorded(rows), rows["run"], 1)


def test_runs_for_a_region_lie_outside_it_and_within_the_budget():
    found = runs_for("chinchilla", surface(), target="C > 1e20", budget=1e18, simulations=2)
    assert found.runs["cost"].to_numpy().sum() <= 1e18
    assert (6 * found.runs["N"] * found.runs["D"]).to_numpy().max() <= 1e20
    assert found.after < found.before
    assert math.isfinite(found.rehearsed)


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        ("C > 1e40", {"budget": 1e18}, "holds at none"),
        ("C > 1e20", {"budget": 1.0}, "no run costs 1 or less"),
        ("C > 1e20", {}, "give a budget"),
    ],
)
def test_what_cannot_be_chosen_is_refused(target, given, said):
    with pytest.raises(LabError, match=said):
        runs_for("chinchilla", surface(), target=target, **given)


def test_a_functional_is_conditioned_as_its_posterior_covariance():
    law, x = laws.get("power_law"), {"x": np.geomspace(1e2, 1e4, 6)}
    belief = Belief.prior(Problem(law, x, np.ones(6)))
    gradient = np.array([[0.0, 1.0]])
    field = Field.of(belief, None, gradient, deviation=0.0, draws=1)
    for row in range(6):
        field = field.after(row)
    slopes = np.stack([np.ones(6), -np.log(x["x"])], axis=1)
    weak = np.linalg.inv(30.0 * belief.covariance)
    exact = np.linalg.inv(slopes.T @ slopes / belief.noise**2 + weak)
    assert field.uncertainty == pytest.approx(exact[1, 1], rel=1e-6)


def test_choice_keeps_to_the_budget():
    law, x = laws.get("power_law_floor"), {"x": np.geomspace(1e2, 1e6, 12)}
    belief = Belief.prior(Problem(law, x, np.ones(12)))
    free = np.arange(12) < 9
    taken = choose(Field.of(belief, np.arange(9, 12)), x["x"], 5e3, free)
    assert len(set(taken)) == len(taken)
    assert x["x"][taken].sum() <= 5e3
    assert max(taken) < 9
    assert free.sum() == 9


def test_claims_are_taken_as_stored():
    rows = planned(levels=9)
    stored = next_runs(asdict(CLAIM), rows, None, (), 2)
    assert stored.runs.equals(next_runs(CLAIM, rows, None, (), 2).runs)
