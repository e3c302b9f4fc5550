"""Regression: power laws by weighted least squares of logarithms."""

import numpy as np
import pytest

from scaling_lab.analysis.frontier.regression import power_law

X = np.geomspace(1e16, 1e20, 7)


def test_a_power_law_is_recovered():
    found = power_law(X, 3e-5 * X**0.73, np.ones(7))
    assert found.exponent == pytest.approx(0.73, rel=1e-12)
    assert found.coefficient == pytest.approx(3e-5, rel=1e-10)
    assert found.at(X) == pytest.approx(3e-5 * X**0.73)


def test_weights_are_those_of_least_squares():
    random = np.random.default_rng(0)
    y, weights = X**0.5 * np.exp(random.normal(size=7)), random.uniform(0.1, 9, 7)
    expected = np.polyfit(np.log(X), np.log(y), 1, w=np.sqrt(weights))
    found = power_law(X, y, weights)
    assert (found.exponent, np.log(found.coefficient)) == pytest.approx(expected)


def test_what_is_missing_counts_for_nothing():
    y = np.stack([X**0.5, X**0.5, X**0.5])
    y[0, 2], y[1, :6], y[2] = np.nan, np.nan, np.nan
    found = power_law(X, y, np.ones((3, 7)))
    assert found.exponent[0] == pytest.approx(0.5)
    assert np.isnan(found.exponent[1:]).all()
    weighed_out = power_law(X, X**0.5, np.eye(7)[:2])
    assert np.isnan(weighed_out.exponent).all()


def test_a_coefficient_beyond_float64_is_infinite_or_zero():
    """Two points 1% apart in x with y doubled: an exponent of 70, and 1e20^70 at x = 1."""
    x = np.array([1e20, 1.01e20])
    found = power_law(x, np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2))
    assert found.exponent == pytest.approx(np.array([1, -1]) * np.log(2) / np.log(1.01))
    assert list(found.coefficient) == [0.0, np.inf]
