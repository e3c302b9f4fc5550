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
from scaling_lab.analysis.design.field import FITTED, LENGTH, WEAK, Field, smooth
from scaling_lab.analysis.design.next_runs import next_runs, runs_for
from scaling_lab.analysis.design.proposal import propose
from scaling_lab.analysis.fitting import residuals
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


def floor_law(points=6, runs=(0, 2, 5), end=1e4):
    """A power law with a floor, and the first draw's slopes and the widened prior."""
    x = {"x": np.geomspace(1e2, end, points)}
    belief = Belief.prior(Problem(laws.get("power_law_floor"), x, np.ones(points)))
    slopes = residuals.jacobian(belief.problem, belief.theta[0])
    return belief, slopes, WEAK * belief.covariance, list(runs)


def after(field, rows):
    for row in rows:
        field = field.after(row)
    return field


def test_without_a_deviation_the_error_is_the_posterior_variance():
    belief, slopes, weak, runs = floor_law()
    gradient = np.array([[0.0, 0.0, 1.0]])
    field = after(Field.of(belief, None, gradient, deviation=0.0, draws=1), runs)
    noise = FITTED * belief.noise**2
    exact = np.linalg.inv(slopes[runs].T @ slopes[runs] / noise + np.linalg.inv(weak))
    assert field.uncertainty == pytest.approx(exact[2, 2], rel=1e-6)


def test_the_error_is_that_of_least_squares_fitted_to_a_law_that_is_off():
    belief, slopes, weak, runs = floor_law()
    targets, random = np.array([3, 4]), np.random.default_rng(0)
    field = after(Field.of(belief, targets, deviation=0.05, draws=1), runs)
    noise, count = FITTED * belief.noise**2, 40_000
    theta = random.multivariate_normal(np.zeros(3), weak, count)
    shape = 0.05**2 * smooth(belief.problem.x, LENGTH)
    off = random.multivariate_normal(np.zeros(6), shape, count)
    shown = theta @ slopes.T + off
    seen = shown[:, runs] + np.sqrt(noise) * random.standard_normal((count, len(runs)))
    ridge = slopes[runs].T @ slopes[runs] + noise * np.linalg.inv(weak)
    fitted = np.linalg.solve(ridge, slopes[runs].T @ seen.T).T
    error = np.mean((fitted @ slopes[targets].T - shown[:, targets]) ** 2)
    assert field.uncertainty == pytest.approx(error, rel=0.03)


def test_a_gain_is_what_the_run_then_changes():
    belief, _, _, runs = floor_law()
    field = after(Field.of(belief, np.array([3, 4]), deviation=0.05), runs)
    changes = [np.log(field.uncertainty / field.after(i).uncertainty) for i in range(6)]
    assert field.gains() == pytest.approx(np.array(changes), rel=1e-4, abs=1e-8)


def test_runs_that_would_do_harm_are_left_out_unless_a_number_is_asked_for():
    belief, *_ = floor_law(24, end=1e8)
    free, costs = np.arange(24) < 18, np.ones(24)
    law_alone = Field.of(belief, np.arange(20, 24), deviation=0.0)
    bent = Field.of(belief, np.arange(20, 24), deviation=0.1)
    assert len(choose(law_alone, costs, 18.0, free)) == 18
    taken = choose(bent, costs, 18.0, free)
    assert len(taken) < 12
    assert 17 in taken
    assert len(choose(bent, costs, 18.0, free, most=15)) == 15


def test_enough_is_kept_back_for_a_fit():
    belief, *_ = floor_law(12, end=1e6)
    costs, free = belief.problem.x["x"], np.arange(12) < 9
    field, budget = Field.of(belief, np.arange(9, 12)), 1.54e4
    assert len(choose(field, costs, budget, free, (0.0,))) == 2
    taken = choose(field, costs, budget, free, (0.0,), least=5)
    assert len(taken) >= 5
    assert costs[taken].sum() <= budget
    # Where so many are out of reach, it does what it can
    assert choose(field, costs, 500.0, free, least=5)


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
