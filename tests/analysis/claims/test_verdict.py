"""Verdicts on predictions, and the conditions by which a claim takes its runs."""

from types import SimpleNamespace

import pandas as pd
import pytest

from scaling_lab.analysis.claims import verdict as claims
from scaling_lab.errors import LabError


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.4, 0.5, "held"),
        (0.3, 0.6, "held"),
        (0.2, 0.29, "refuted"),
        (0.61, 0.7, "refuted"),
        (0.2, 0.4, "undecided"),
        (0.2, 0.9, "undecided"),
        (float("nan"), float("nan"), "undecided"),
    ],
)
def test_the_verdict_follows_from_the_interval(low, high, word):
    claim = {"name": "c", "parameter": "alpha", "low": 0.3, "high": 0.6}
    fit = SimpleNamespace(params={"alpha": SimpleNamespace(value=0.45, low=low, high=high)})
    assert claims.judge(claim, fit).word == word
    with pytest.raises(LabError, match="unknown parameter 'alfa'; did you mean 'alpha'"):
        claims.judge({**claim, "parameter": "alfa"}, fit)


@pytest.mark.parametrize(
    "condition",
    [
        "N.to_csv('x')",
        "@N == 1",
        "__import__('os')",
        "N.__class__ == 1",
        "N.max",
        "N.map(print) == 1",
        "(lambda: 1)()",
        "[x for x in N]",
        "size == 1",
    ],
)
def test_a_condition_compares_columns_and_does_nothing_else(condition):
    frame = pd.DataFrame({"N": [1, 2], "D": [3, 4]})
    with pytest.raises(LabError):
        claims.condition({"where": condition}, frame)


@pytest.mark.parametrize(
    "condition", ["N == N.max()", "N > 1 and D <= 4", "D.isin([3, 4])", "N / 2 < -D.min()", ""]
)
def test_a_condition_may_compare(condition):
    frame = pd.DataFrame({"N": [1, 2], "D": [3, 4]})
    assert claims.condition({"where": condition}, frame) == condition
