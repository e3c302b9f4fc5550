"""Stopping at a registered look is wrong in 5% at most; at 95% intervals each time, in more."""

import sys
from pathlib import Path

import numpy as np
import pytest

from scaling_lab.analysis.claims import level
from scaling_lab.analysis.fitting.parameter import Parameter

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import sequential  # pyright: ignore[reportMissingImports]

COUNT = 300


@pytest.mark.slow
def test_coverage_of_experiments_that_stop_when_decided():
    error = np.sqrt(0.05 * 0.95 / COUNT)
    spent = sequential.rates("value", 1.0, COUNT, spending=True)
    naive = sequential.rates("value", 1.0, COUNT, spending=False)
    assert spent["covered"] >= 0.95 - 2 * error
    assert spent["wrong"] <= 0.025 + 2 * error
    assert naive["covered"] < 0.95 - 2 * error


def test_a_look_stretches_an_interval_by_the_quantiles():
    one = Parameter(0.0, -1.96, 1.96, 1.0)
    assert level.widened(one) == one
    with level.at(0.99):
        assert level.widened(one).high == pytest.approx(2.576, abs=1e-3)
        # Two degrees of freedom: 9.92 / 4.30.
        assert level.widened(one, {"freedom": 2}).high == pytest.approx(
            1.96 * 9.925 / 4.303, rel=1e-3
        )
        low, high = level.widened_ends(2.0, 1.0, 4.0)
        assert low * high == pytest.approx(4)
        assert level.widened_ends(2.0, 0.0, np.inf) == (0.0, np.inf)
    assert level.now() == 0.95
