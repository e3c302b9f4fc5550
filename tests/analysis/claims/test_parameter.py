"""Claims about a parameter: the word, what they may be about, and the conditions that pick rows."""

from types import SimpleNamespace

import pandas as pd
import pytest

from scaling_lab.analysis import claims, experiment_tables
from scaling_lab.analysis.claims import parameter
from scaling_lab.analysis.studies import Refusal
from scaling_lab.errors import LabError

CLAIM = {"name": "c", "law": "made", "x": "D", "parameter": "alpha", "low": 0.3, "high": 0.6}


def fit_with(low, high):
    params = {"alpha": SimpleNamespace(value=0.45, low=low, high=high)}
    return SimpleNamespace(params=params, card=dict)


NOTHING = experiment_tables.Tables(*(pd.DataFrame() for _ in range(3)), families=pd.DataFrame())


def evaluated(claim, fits=None, studies=None, tables=NOTHING):
    return claims.evaluate(claim, tables, fits or {}, studies or {})


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
    verdict = evaluated(CLAIM, {"made": fit_with(low, high)})
    assert verdict.word == word
    assert verdict.quantity == "alpha"
    assert verdict.value == 0.45


def test_an_open_end_of_the_range_is_infinite():
    found = {"made": fit_with(0.4, 0.5)}
    assert evaluated({**CLAIM, "low": None}, found).word == "held"
    assert evaluated({**CLAIM, "low": 0.6, "high": None}, found).word == "refuted"


def test_an_unknown_parameter_is_insufficient_and_keeps_the_fit():
    fit = fit_with(0.4, 0.5)
    verdict = evaluated({**CLAIM, "parameter": "alfa"}, {"made": fit})
    assert verdict.word == "insufficient"
    assert "unknown parameter 'alfa'; did you mean 'alpha'" in verdict.why
    assert verdict.evidence is fit


@pytest.mark.parametrize("name", ["best_n", "Best N for each C"])
def test_a_claim_may_name_a_study_by_slug_or_title(name):
    study = fit_with(0.4, 0.5)
    verdict = evaluated({**CLAIM, "law": name}, studies={"best_n": study})
    assert verdict.word == "held"
    assert verdict.evidence is study


def test_a_claim_about_a_study_without_parameters_is_insufficient():
    ranking = SimpleNamespace(card=dict)
    verdict = evaluated({**CLAIM, "law": "forecast"}, studies={"forecast": ranking})
    assert verdict.word == "insufficient"
    assert "'forecast' has no parameters" in verdict.why


@pytest.mark.parametrize("applicable", [True, False])
def test_a_refused_study_leaves_its_claims_insufficient_with_its_reason(applicable):
    refused = Refusal("the frontier needs the column C", applicable)
    verdict = evaluated({**CLAIM, "law": "best_n"}, studies={"best_n": refused})
    assert verdict.word == "insufficient"
    assert verdict.why == "It could not be evaluated: the frontier needs the column C."


def test_too_few_points_are_insufficient(make_tables):
    runs, curves = make_tables(sizes=(1_000,), data=(300, 3_000), rates=(0.003,), seeds=(0, 1))
    tables = experiment_tables.tables(pd.DataFrame(runs), pd.DataFrame(curves))
    verdict = evaluated({**CLAIM, "law": "power_law_floor"}, tables=tables)
    assert verdict.word == "insufficient", verdict.why
    assert "needs 4 points or more" in verdict.why


COLUMNS = ("N", "D", "C", "seed", "best_test_loss")


@pytest.mark.parametrize(
    "claim",
    [
        {**CLAIM, "law": "power_law", "where": "N == N.max()"},
        {**CLAIM, "law": "chinchilla", "parameter": "beta"},
        {**CLAIM, "law": "best_n", "parameter": "a_parabola"},
        {**CLAIM, "law": "Architectures", "parameter": "power_law.N.lstm"},
        {**CLAIM, "law": "L(N) at D = 3000"},
    ],
)
def test_a_claim_that_can_be_evaluated_passes_the_check(claim):
    claims.check(claim, COLUMNS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"law": "powerlaw"}, "unknown law 'powerlaw'; did you mean 'power_law'"),
        ({"parameter": "alfa"}, "unknown parameter 'alfa'; did you mean 'alpha'"),
        ({"x": "DD"}, "unknown column 'DD'"),
        ({"loss": "best_test_los"}, "did you mean 'best_test_loss'"),
        ({"where": "M == 1"}, "unknown column 'M'"),
        ({"kind": "paramter"}, "unknown kind of claim 'paramter'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_any_run(changes, said):
    claim = {**CLAIM, "law": "power_law", **changes}
    with pytest.raises(LabError, match=f"claim 'c': .*{said}"):
        claims.check(claim, COLUMNS)


def test_a_column_of_any_name_may_be_in_a_condition():
    condition = {"where": "`learner.side` == 8 and D == D.min()"}
    assert parameter.condition(condition, ["learner.side", "D"]) == condition["where"]
    with pytest.raises(LabError, match=r"learner\.sid"):
        parameter.condition({"where": "`learner.sid` == 8"}, ["learner.side"])


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
    with pytest.raises(LabError):
        parameter.condition({"where": condition}, ["N", "D"])


@pytest.mark.parametrize(
    "condition", ["N == N.max()", "N > 1 and D <= 4", "D.isin([3, 4])", "N / 2 < -D.min()", ""]
)
def test_a_condition_may_compare(condition):
    assert parameter.condition({"where": condition}, ["N", "D"]) == condition
