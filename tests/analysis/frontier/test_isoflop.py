"""IsoFLOP: budgets are found, and the size of least loss at each."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from scaling_lab.analysis.frontier.isoflop import METHODS, Budget, budgets, minima


def valley(C, N, shape):
    """Runs of one budget: a loss of x = log(N / 1e8), D so that C = 6 N D."""
    return pd.DataFrame({"C": C, "N": N, "D": C / N / 6, "L": shape(np.log(N / 1e8))})


def found(frame, method, weights=None, losses=None):
    weights = np.ones((1, len(frame))) if weights is None else weights
    losses = frame["L"].to_numpy()[None] if losses is None else losses
    return minima(frame, method, weights, losses)


def test_budgets_are_runs_of_about_one_compute_and_many_sizes():
    N = np.geomspace(1e7, 1e9, 6)
    C = np.concatenate([1e18 * np.linspace(0.95, 1.05, 6), np.full(6, 4e18), np.full(6, 9e18)])
    size = np.concatenate([N, N, N[:1].repeat(6)])  # the last has one size
    alone = [2e18]
    order = np.random.default_rng(0).permutation(19)
    number = budgets(np.append(C, alone)[order], np.append(size, 1e7)[order])
    assert number[np.argsort(order)].tolist() == [0] * 6 + [1] * 6 + [-1] * 7


def test_budgets_lie_where_the_runs_do():
    random = np.random.default_rng(0)
    centres = np.repeat([6e18, 1e19, 3e19, 6e19], 10)
    C = centres * np.exp(random.uniform(-0.06, 0.06, 40))
    stray = random.uniform(1.3e19, 2.4e19, 3)
    number = budgets(np.append(C, stray), np.resize(np.geomspace(1e7, 1e9, 9), 43))
    assert number[:40].tolist() == np.repeat([0, 1, 2, 3], 10).tolist()


@pytest.mark.parametrize(
    ("method", "shape", "rel"),
    [
        ("parabola", lambda x: 3 + 0.1 * (x - 0.2) ** 2, 1e-9),
        ("cubic", lambda x: 3 + 0.1 * (x - 0.2) ** 2 - 0.01 * (x - 0.2) ** 3, 1e-9),
        ("cubic", lambda x: 3 + 0.1 * (x - 0.2) ** 2, 1e-9),
        ("akima", lambda x: 3 + 0.1 * (x - 0.2) ** 2, 0.03),
    ],
)
def test_the_bottom_of_a_known_valley_is_found(method, shape, rel):
    frame = valley(1e19, np.geomspace(1e7, 1e9, 9), shape).assign(budget=0)
    at = found(frame, method)
    assert_allclose(at.N, 1e8 * np.exp(0.2), rtol=rel)
    assert_allclose(at.L, 3.0, rtol=1e-3)
    assert_allclose(at.D, at.C / at.N / 6, rtol=1e-9)
    budget = Budget(frame["N"].to_numpy(), frame["D"].to_numpy())
    drawn = budget.curve(method, frame["L"].to_numpy(), frame["N"].to_numpy())
    assert drawn == pytest.approx(frame["L"].to_numpy(), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_whose_least_loss_is_at_its_end_is_left_out(method):
    frame = valley(1e19, np.geomspace(1e7, 1e8, 6), lambda x: 3 + 0.1 * (x - 1) ** 2)
    at = found(frame.assign(budget=0), method)
    assert len(at.N) == 0
    assert at.left_out[0][0] == pytest.approx(1e19)
    assert "between the smallest and the largest" in at.left_out[0][1]


def test_a_budget_whose_optimum_few_replicates_have_is_left_out():
    frame = valley(1e19, np.geomspace(1e7, 1e9, 6), lambda x: 3 + 0.001 * x**2).assign(budget=0)
    random = np.random.default_rng(0)
    losses = frame["L"].to_numpy() * np.exp(0.1 * random.standard_normal((200, 6)))
    at = found(frame, "parabola", np.ones((200, 6)), losses)
    assert "fewer than half" in at.left_out[0][1]


@pytest.mark.parametrize("method", METHODS)
def test_replicates_are_solved_as_one_by_one(method):
    random = np.random.default_rng(1)
    N = np.repeat(np.geomspace(1e7, 1e9, 7), 2)
    frame = valley(1e19, N, lambda x: 3 + 0.1 * x**2 - 0.005 * x**3).assign(budget=0)
    losses = frame["L"].to_numpy() * np.exp(0.01 * random.standard_normal((30, 14)))
    weights = random.multinomial(14, np.full(14, 1 / 14), 30).astype(float)
    together = found(frame, method, weights, losses)
    for i in range(30):
        rows = np.repeat(np.arange(14), weights[i].astype(int))
        again = frame.iloc[rows].assign(L=losses[i, rows]).reset_index(drop=True)
        alone = found(again, method)
        expected = alone.N[0] if len(alone.N) else np.nan
        # A replicate's own ends may be nearer than those of all runs.
        if again["N"].nunique() == 7:
            assert together.draws["N"][i, 0] == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_the_spread_is_at_least_a_third_of_a_step():
    frame = valley(1e19, np.geomspace(1e7, 1e9, 9), lambda x: 3 + 0.1 * x**2).assign(budget=0)
    at = found(frame, "parabola", np.ones((50, 9)), np.tile(frame["L"], (50, 1)))
    assert at.log_std == pytest.approx([np.log(100) / 8 / 3])
