"""Pooling: REML and the interval of Hartung and Knapp, against PyMARE's figures."""

import numpy as np
import pytest
from scipy import stats

from scaling_lab.analysis.atlas.pooling import pooled
from scaling_lab.errors import LabError

VALUES = (0.34, 0.42, 0.25, 0.51, 0.38, 0.29)
ERRORS = (0.05, 0.1, 0.08, 0.12, 0.06, 0.2)


def test_as_pymare_has_it():
    """PyMARE 0.0.10: VarianceBasedLikelihoodEstimator(method="REML") on the logarithms."""
    found = pooled(VALUES, ERRORS)
    assert np.log(found.value) == pytest.approx(-1.03147971, abs=1e-5)
    assert found.tau**2 == pytest.approx(0.0527314, rel=1e-3)
    assert found.q == pytest.approx(33.95266397, rel=1e-6)
    assert found.p == pytest.approx(2.43323e-6, rel=1e-4)


def test_equal_exponents_are_one_number():
    found = pooled([0.3] * 5, [0.1] * 5)
    assert found.value == pytest.approx(0.3)
    assert (found.tau, found.i2) == (0.0, 0.0)
    half = stats.t.ppf(0.975, 4) * 0.1 / np.sqrt(5)
    assert found.interval == pytest.approx((0.3 * np.exp(-half), 0.3 * np.exp(half)))


def test_intervals_cover():
    """Of 600 simulated meta-analyses of six, the mean's interval holds the truth in 95%."""
    random = np.random.default_rng(0)
    means, nexts = [], []
    for _ in range(600):
        errors = random.uniform(0.05, 0.3, 6)
        true = random.normal(np.log(0.3), 0.3, 7)
        found = pooled(np.exp(random.normal(true[:6], errors)), errors)
        means.append(found.interval[0] < 0.3 < found.interval[1])
        nexts.append(found.next_[0] < np.exp(true[6]) < found.next_[1])
    assert 0.93 <= np.mean(means) <= 0.985
    assert 0.92 <= np.mean(nexts) <= 0.985


@pytest.mark.parametrize(
    ("values", "errors", "what"),
    [
        ((0.3, 0.4), (0.1, 0.1), "2 exponents cannot be pooled"),
        ((0.3, 0.4, -0.1), (0.1, 0.1, 0.1), "not positive"),
        ((0.3, 0.4, 0.2), (0.1, 0.1, np.nan), "not positive and finite"),
    ],
)
def test_what_cannot_be_pooled(values, errors, what):
    with np.errstate(invalid="ignore"), pytest.raises(LabError, match=what):
        pooled(values, errors)
