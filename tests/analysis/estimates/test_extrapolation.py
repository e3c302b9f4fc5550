"""Laws at the landmarks: readings follow from the law, verdicts from the distance to the data."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.estimates import extrapolation, figures
from scaling_lab.analysis.estimates.extrapolation import INTERPOLATION, MILD, WILD, Reach
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.fitting.result import Fit
from scaling_lab.errors import LabError

LAW = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
SIZES, DATA = np.geomspace(1e7, 1e10, 5), np.geomspace(1e8, 1e11, 5)


@pytest.fixture(scope="module")
def chinchilla():
    """A fit to points of a known law of N and D, with a little noise, as its card tells it."""
    n, d = (axis.ravel() for axis in np.meshgrid(SIZES, DATA))
    loss = LAW["E"] + LAW["A"] * n ** -LAW["alpha"] + LAW["B"] * d ** -LAW["beta"]
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(len(n)))
    found = fit("chinchilla", pd.DataFrame({"N": n, "D": d, "L": loss * noise}), bootstrap=20)
    return Fit.from_card(json.loads(json.dumps(found.card())))


@pytest.fixture(scope="module")
def cards(root):
    return root / "results" / "e02_mnist_mlp" / "fits"


def test_distance_and_verdict_come_from_the_span_of_the_data():
    data = Reach("C", 1e8, 1e12)
    assert data.span == 4
    assert [data.beyond(10.0**k) for k in (6, 8, 10, 12, 14)] == [-2, 0, 0, 0, 2]
    assert data.verdict(1e9) == INTERPOLATION
    assert data.verdict(1.02e12) == INTERPOLATION
    assert data.verdict(1e13) == MILD
    assert data.verdict(0.99e14) == MILD
    assert data.verdict(1.01e14) == WILD
    assert data.verdict(1e5) == WILD


def test_our_own_frontier_law_is_read_at_six_landmarks(cards):
    fit = extrapolation.load(cards / "l_c_on_the_frontier.json")
    found = extrapolation.readings(fit)
    assert [one.landmark.name for one in found] == [
        "MNIST perceptron",
        "AlexNet on ImageNet",
        "Dota, one against one",
        "a year of a brain",
        "AlphaGo Zero",
        "a human life",
    ]
    last, p = found[-1], {name: parameter.value for name, parameter in fit.params.items()}
    assert last.L[1] == pytest.approx(p["E"] + p["A"] * last.at[1] ** -p["alpha"])
    assert last.L[0] <= last.L[1] <= last.L[2]
    top = fit.certificate["scales"]["C"]["high"]
    assert last.beyond == pytest.approx(math.log10(last.at[1] / top))
    assert last.verdict == WILD
    assert last.N is None
    text = extrapolation.summary(fit)
    assert "A human life is 11.9 decades beyond data that span 4.1: wild extrapolation." in text
    for warning in fit.warnings:
        assert f"! {warning}" in text


@pytest.mark.parametrize(
    ("card", "axis"), [("l_d_at_the_largest_model", "D"), ("l_n_on_all_data", "N")]
)
def test_a_law_of_one_variable_is_read_at_the_landmarks_own(cards, card, axis):
    fit = extrapolation.load(cards / f"{card}.json")
    found = extrapolation.readings(fit)
    names = [one.landmark.name for one in found]
    assert {"MNIST perceptron", "AlexNet on ImageNet", "a human life"} <= set(names)
    for one in found:
        assert one.at == getattr(one.landmark, axis).range
        assert one.L[1] == pytest.approx(float(fit.predict({axis: one.at[1]}).center))
    assert found[names.index("MNIST perceptron")].verdict == INTERPOLATION
    assert f"with {axis} from" in extrapolation.summary(fit)


def test_a_law_of_n_and_d_gives_the_best_of_both(chinchilla):
    data = extrapolation.reach(chinchilla)
    assert (data.low, data.high) == pytest.approx((6 * 1e7 * 1e8, 6 * 1e10 * 1e11))
    p = {name: parameter.value for name, parameter in chinchilla.params.items()}
    for one in extrapolation.readings(chinchilla):
        n, d, compute = one.N[1], one.D[1], one.at[1]
        assert 6 * n * d == pytest.approx(compute, rel=1e-6)
        assert one.N[0] <= n <= one.N[2]
        for other in (n / 1.3, n * 1.3):  # no other split of the compute is better
            apart = p["E"] + p["A"] * other ** -p["alpha"]
            apart += p["B"] * (compute / 6 / other) ** -p["beta"]
            assert one.L[1] < apart
    verdicts = {one.landmark.name: one.verdict for one in extrapolation.readings(chinchilla)}
    assert verdicts["AlexNet on ImageNet"] == INTERPOLATION
    assert verdicts["a human life"] == MILD
    assert verdicts["MNIST perceptron"] == MILD
    assert "best N" in extrapolation.summary(chinchilla)


@pytest.mark.slow
def test_a_card_of_the_chinchilla_points_is_read():
    path = Path(os.environ.get("SCALING_LAB_PUBLISHED", ""), "chinchilla/svg_extracted_data.csv")
    if not path.is_file():
        pytest.skip("SCALING_LAB_PUBLISHED names no folder: the Chinchilla points were not read")
    points = pd.read_csv(path)
    points = points.rename(columns={"Model Size": "N", "loss": "L"}).nsmallest(240, "L")
    points["D"] = points["Training FLOP"] / (6 * points["N"])
    found = fit("chinchilla", points[["N", "D", "L"]], bootstrap=20)
    data = extrapolation.reach(found)
    assert data.high == pytest.approx(points["Training FLOP"].max(), rel=1e-6)
    last = extrapolation.readings(found)[-1]
    assert last.landmark.name == "a human life"
    assert last.beyond == pytest.approx(1.9, abs=0.05)
    assert 5e10 < last.N[1] < 2e11
    assert last.verdict == MILD


def test_readings_go_to_json(chinchilla):
    card = json.loads(json.dumps(extrapolation.to_dict(chinchilla), allow_nan=False))
    last = card["readings"][-1]
    assert last["landmark"] == "a human life"
    assert last["L"]["low"] <= last["L"]["value"] <= last["L"]["high"]
    assert card["data"]["decades"] == pytest.approx(6)


def test_a_card_without_draws_has_no_band(chinchilla):
    card = chinchilla.card() | {"draws": {name: [] for name in chinchilla.params}}
    bare = Fit.from_card(card)
    one = extrapolation.readings(bare)[-1]
    assert math.isnan(one.L[0])
    assert " to " not in extrapolation.loss(one.L)
    json.dumps(extrapolation.to_dict(bare), allow_nan=False)


def test_a_card_of_an_older_fit_knows_only_the_corners(chinchilla):
    card = chinchilla.card()
    older = {k: v for k, v in card["certificate"].items() if k != "compute"}
    found = extrapolation.reach(Fit.from_card(card | {"certificate": older}))
    assert found.high == pytest.approx(6 * 1e10 * 1e11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read the fit card"),
        ("loss: 3", "is not JSON"),
        ("[]", "is not a fit card"),
        ('{"law": "chinchilla"}', "is not a fit card"),
    ],
)
def test_what_is_no_card_is_refused(tmp_path, text, message):
    path = tmp_path / "card.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LabError, match=message):
        extrapolation.load(path)


def test_a_law_of_what_landmarks_do_not_have_is_refused(chinchilla):
    card = chinchilla.card()
    scales = card["certificate"]["scales"] | {"S": {"low": 1, "high": 10}}
    other = card | {"law": "power_law", "variables": ["S"]}
    other |= {"certificate": card["certificate"] | {"scales": scales}}
    with pytest.raises(LabError, match="depends on S; give a fit of a law of C"):
        extrapolation.readings(Fit.from_card(other))


def test_laws_are_drawn_to_the_landmarks(chinchilla, cards):
    own = extrapolation.load(cards / "l_c_on_the_frontier.json")
    grids = [
        figures.Grid("ours", 1e14, 1e12, {"L(C)": own}),
        figures.Grid("N and D", 0, 0, {"": chinchilla}),
    ]
    (axes,) = figures.get("loss_against_compute").draw(grids).axes
    shown = {text.get_text() for text in axes.texts}
    assert {"a human life", "AlphaGo Zero"} <= shown
    (axes,) = figures.get("parameters_against_data").draw(grids).axes
    assert {"a human life", "MNIST perceptron", "N = D"} <= {t.get_text() for t in axes.texts}


@pytest.mark.parametrize("law", ["kaplan_nd", "overtraining"])
def test_any_law_of_both_is_read_along_compute(law):
    n, d = (axis.ravel() for axis in np.meshgrid(SIZES, DATA))
    loss = LAW["E"] + LAW["A"] * n ** -LAW["alpha"] + LAW["B"] * d ** -LAW["beta"]
    fitted = fit(law, pd.DataFrame({"N": n, "D": d, "L": loss}), bootstrap=10)
    compute = np.array([1e18, 1e20])
    found = extrapolation.at(fitted, "C", compute)
    N, D, L = (found[role][1] for role in "NDL")
    assert pytest.approx(compute, rel=1e-9) == 6 * N * D
    assert fitted.predict({"N": N, "D": D}).center == pytest.approx(L, rel=1e-9)
    for factor in (0.9, 1.1):
        assert (fitted.predict({"N": N * factor, "D": D / factor}).center > L).all()
    assert extrapolation.reach(fitted).axis == "C"
