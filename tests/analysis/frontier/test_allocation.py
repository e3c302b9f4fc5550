"""Allocation: the optimum of a law along C = k N D, and the cost of leaving it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scaling_lab.analysis import laws
from scaling_lab.analysis.frontier.allocation import cost, optimum
from scaling_lab.errors import LabError

CHINCHILLA = laws.get("chinchilla")
P = {"E": 1.82, "A": 478.0, "B": 2143.0, "alpha": 0.347, "beta": 0.367}
C = np.geomspace(1e18, 1e25, 8)


def loss(N, D):
    return P["E"] + P["A"] * N ** -P["alpha"] + P["B"] * D ** -P["beta"]


def test_the_closed_form_and_golden_sections_agree():
    closed = optimum(CHINCHILLA, P, C)
    found = optimum(replace(CHINCHILLA, frontier=None), P, C)
    assert_allclose(found["N"], closed["N"], rtol=1e-6)
    assert_allclose(found["D"], closed["D"], rtol=1e-6)
    assert_allclose(found["L"], closed["L"], rtol=1e-14)
    assert_allclose(6 * closed["N"] * closed["D"], C, rtol=1e-12)


def test_no_other_split_is_better():
    best = optimum(CHINCHILLA, P, C, k=5.0)
    for factor in (0.5, 0.99, 1.01, 2):
        N = best["N"] * factor
        assert (loss(N, C / 5 / N) > best["L"]).all()


def test_draws_and_computes_broadcast():
    draws = {name: np.full((3, 1), value) for name, value in P.items()}
    draws["alpha"] = np.array([[0.3], [0.347], [0.4]])
    for law in (CHINCHILLA, replace(CHINCHILLA, frontier=None)):
        found = optimum(law, draws, C)
        assert found["N"].shape == (3, 8)
        assert_allclose(found["N"][1], optimum(law, P, C)["N"], rtol=1e-6)


def test_a_law_of_other_variables_has_no_frontier():
    with pytest.raises(LabError, match="use a law of N and D"):
        optimum(laws.get("power_law"), {"A": 1.0, "alpha": 0.5}, C)


def test_the_cost_of_a_wrong_size_is_what_it_says():
    draws = {name: value * np.array([0.99, 1.0, 1.01]) for name, value in P.items()}
    found = cost(CHINCHILLA, P, draws, 1e21, (0.25, 1, 4))
    best = optimum(CHINCHILLA, P, np.array(1e21))
    assert_allclose(found["N"], best["N"] * np.array([0.25, 1, 4]))
    assert_allclose(found["penalty"], found["L"] - best["L"])
    assert_allclose(found["penalty"][1], 0, atol=1e-12)
    assert_allclose(found[["extra_compute", "wasted"]].loc[1], 0, atol=1e-6)
    for row in found.itertuples():
        # The same loss as the best, with this N and that much more compute.
        assert loss(row.N, row.D * (1 + row.extra_compute)) == pytest.approx(best["L"], rel=1e-9)
        # This loss, at the best N and with that much less.
        less = optimum(CHINCHILLA, P, np.array(1e21 * (1 - row.wasted)))
        assert less["L"] == pytest.approx(row.L, rel=1e-9)
        assert row.penalty_low - 1e-12 <= row.penalty <= row.penalty_high + 1e-12
        assert row.extra_compute_low - 1e-9 <= row.extra_compute <= row.extra_compute_high + 1e-9


def test_a_model_too_small_for_the_loss_costs_without_end():
    found = cost(CHINCHILLA, P, {k: np.array([v, v]) for k, v in P.items()}, 1e21, (0.001,))
    assert np.isinf(found["extra_compute"]).all()
    assert np.isinf(found["extra_compute_high"]).all()
    assert np.isfinite(found["penalty"]).all()
    with pytest.raises(LabError, match="factors greater than 0"):
        cost(CHINCHILLA, P, {}, 1e21, (0.5, -1))


def test_parameters_far_from_any_law_overflow_to_infinity():
    """Exponents near 0 give a power of hundreds, for which Python's numbers raise."""
    p = {"E": 1.0, "A": 1e200, "B": 1e-200, "alpha": 0.004, "beta": 0.004}
    assert optimum(CHINCHILLA, p, [1e18])["N"] == np.inf
