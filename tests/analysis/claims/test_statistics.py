"""The statistics of claims against other computations and by simulation, seeds fixed."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scaling_lab.analysis import claims, experiment_tables, theory
from scaling_lab.analysis.claims import cells, contrast, ordering, share
from scaling_lab.analysis.fitting.parameter import Parameter
from scaling_lab.errors import LabError


def test_welchs_interval_is_scipys():
    random = np.random.default_rng(0)
    one, other = random.normal(1, 0.1, 4), random.normal(1.2, 0.3, 3)
    found = cells.difference(cells.mean(one), cells.mean(other))
    expected = stats.ttest_ind(one, other, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found.interval() == pytest.approx((low, high))
    assert found.df == pytest.approx(expected.df)
    ahead = stats.ttest_ind(one, other, equal_var=False, alternative="greater").pvalue
    assert found.above() == pytest.approx(ahead)


def test_a_cell_of_one_seed_has_no_interval():
    assert cells.mean([1.0]).interval() == (-math.inf, math.inf)
    lone = cells.difference(cells.mean([1.0]), cells.mean([1.0, 1.1]))
    assert lone.interval() == (-math.inf, math.inf)
    assert lone.above() == 1.0


@pytest.mark.parametrize(("holds", "n"), [(0, 20), (3, 20), (20, 20), (1, 1)])
def test_the_interval_of_a_share_is_scipys(holds, n):
    low, high = stats.binomtest(holds, n).proportion_ci(method="exact")
    assert share.clopper_pearson(holds, n) == pytest.approx((low, high))


def test_the_difference_of_two_symmetric_intervals_adds_squares_and_an_open_end_stays_open():
    one, other = Parameter(0.5, 0.44, 0.56, 0.03), Parameter(0.3, 0.22, 0.38, 0.04)
    assert contrast.mover(one, other)[1] == pytest.approx((0.1, 0.3))
    open_ = Parameter(0.3, 0.22, math.inf, 0.04)
    assert contrast.mover(one, open_)[1][0] == -math.inf
    assert math.isfinite(contrast.mover(one, open_)[1][1])


def differences(random, shift, pairs=6, seeds=3):
    """Simulated differences of two cells of unequal noise, `shift` standard deviations apart."""
    found = {}
    for i in range(pairs):
        ours, theirs = random.normal(0, 1, seeds), random.normal(shift[i], 0.5, seeds)
        found[str(i)] = cells.difference(cells.mean(theirs), cells.mean(ours))
    return found


@pytest.mark.parametrize(
    ("shift", "wrong"),
    [
        ((0,) * 6, ("held", "refuted")),
        ((9, 9, 9, 9, 9, -0.0), ("held",)),
        ((-9,) + (9,) * 5, ("held",)),
    ],
)
def test_an_ordering_is_rarely_wrong(shift, wrong):
    """The family-wise error of each direction is 2.5%; 800 simulated tables."""
    random = np.random.default_rng(3)
    words = [ordering.decided(differences(random, shift))[0] for _ in range(800)]
    assert sum(word in wrong for word in words) / 800 <= 0.025 * len(wrong) + 0.015


def test_an_ordering_that_is_there_is_found():
    random = np.random.default_rng(4)
    words = [ordering.decided(differences(random, (20,) * 6))[0] for _ in range(100)]
    assert words.count("held") > 80


def test_chi_squared_of_points_with_few_seeds_has_its_nominal_level():
    """A true curve, three seeds a point: p below 5% and 1% in 5% and 1% of 4,000 experiments."""
    random = np.random.default_rng(5)
    values = random.normal(0, 0.02, (4000, 6, 3))
    se = values.std(axis=2, ddof=1) / math.sqrt(3)
    z = theory.deviates(values.mean(axis=2), se, np.full((4000, 6), 3))
    p = stats.chi2.sf((z**2).sum(axis=1), 6)
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.011)
    assert np.mean(p < 0.01) == pytest.approx(0.01, abs=0.005)


SYNTHETIC = {
    "curve": lambda sigma, d: lambda columns: sigma**2 * (1 + d / columns["D"]),
    "floor": lambda sigma, d: sigma**2,
    "VARIABLES": ("D",),
    "EXAMPLE": {"sigma": 1.0, "d": 10.0},
}


@pytest.fixture
def synthetic(monkeypatch):
    """A theory as a plugin would bring it: the risk of a linear regression in d dimensions."""
    from types import SimpleNamespace

    every = theory.found() | {"regression": SimpleNamespace(**SYNTHETIC)}
    monkeypatch.setattr(theory, "found", lambda: every)
    return {
        "kind": "curve",
        "name": "c",
        "theory": "regression",
        "x": "D",
        "options": {"sigma": 1.0, "d": 10.0},
    }


def measured(points=8, seeds=4, noise=0.0005, bend=0.0):
    random = np.random.default_rng(7)
    rows = [
        {"run": f"{D} {seed}", "status": "done", "N": 10, "D": D, "seed": seed, "steps": 100}
        | {"learning_rate": 0.1, "best_step": 50, "best_valid_loss": 1.0}
        | {"best_test_loss": 1 + 10 / D ** (1 + bend) + noise * random.standard_normal()}
        for D in 100.0 * 2 ** np.arange(points)
        for seed in range(seeds)
    ]
    return experiment_tables.tables(pd.DataFrame(rows), pd.DataFrame({"run": [], "C": []}))


@pytest.mark.parametrize(
    ("changes", "word", "short"),
    [
        ({"noise": 1e-5}, "held", []),
        ({"noise": 1e-5, "bend": 0.02}, "refuted", []),
        ({"noise": 0.0005}, "insufficient", ["precision"]),
        ({"noise": 1e-5, "points": 4}, "insufficient", ["points"]),
        ({"noise": 1e-5, "seeds": 2}, "insufficient", ["seeds a cell"]),
    ],
)
def test_points_are_compared_with_a_theorys_curve(synthetic, changes, word, short):
    claims.check(synthetic, ["D", "N", "best_test_loss"])
    verdict = claims.evaluate(synthetic, measured(**changes), {}, {})
    assert verdict.word == word, verdict.why
    assert [line.name for line in verdict.failed] == short
    assert verdict.evidence.card()["points"][0]["theory"] == pytest.approx(1.1)
    assert verdict.prediction == "the curve of regression (sigma = 1.0, d = 10.0)"


def test_the_excess_counts_from_the_floor(synthetic):
    """At D = 12,800 the loss is 1.0008: an error of 5e-5 is 6% of its excess, not 0.005%."""
    verdict = claims.evaluate(synthetic, measured(noise=1e-4), {}, {})
    (line,) = verdict.failed
    assert line.name == "precision"
    assert "of the excess loss" in line.found


def test_settings_that_a_theory_does_not_take_are_refused(synthetic):
    with pytest.raises(LabError, match="theory 'regression' takes other settings"):
        claims.check(synthetic | {"options": {"sigma": 1.0}}, ["D", "best_test_loss"])
    with pytest.raises(LabError, match="unknown theory 'regresion'; did you mean 'regression'"):
        claims.check(synthetic | {"theory": "regresion"}, ["D", "best_test_loss"])
