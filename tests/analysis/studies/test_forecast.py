"""Forecast: laws are ranked by what they were not fitted to."""

import json

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.studies.forecast import compare
from scaling_lab.analysis.tables import checked
from scaling_lab.errors import LabError


def table(floor=0.5, noise=0.002):
    """L = floor + 40 D^-0.5, a column N that has no part in it."""
    random = np.random.default_rng(0)
    D = np.repeat(np.geomspace(1e3, 1e6, 12), 2)
    L = (floor + 40 * D**-0.5) * np.exp(noise * random.standard_normal(24))
    frame = pd.DataFrame({"D": D, "N": random.uniform(1, 9, 24), "L": L})
    return checked(frame, {"D": "D", "L": "L"}), frame


def test_the_law_that_forecasts_is_first_whatever_fits():
    points, _ = table()
    found = compare(["power_law", "power_law_floor"], points, "D > 1e5")
    assert [forecast.law for forecast in found.ranked] == ["power_law_floor", "power_law"]
    best, worst = found.ranked
    assert best.error < 0.01 < 0.1 < worst.error
    assert worst.bias < -0.1  # without a floor, it expects less than there is
    held = points.frame[points.frame["D"] > 1e5]
    off = np.log(best.fit.predict({"D": held["D"]}).center / held["L"])
    assert best.error == pytest.approx(np.sqrt(np.mean(off**2)))
    assert (best.held, best.fit.n) == (len(held), 24 - len(held))
    text = found.summary()
    assert text.index("power_law_floor") < text.index("power_law ")
    card = json.loads(json.dumps(found.card(), allow_nan=False))
    assert [row["law"] for row in card["ranked"]] == ["power_law_floor", "power_law"]


def test_the_ladder_is_judged_on_the_same_rows():
    points, _ = table()
    found = compare(["power_law", "power_law_floor"], points, "D > 1e5")
    rungs = found.ladder[found.ladder["law"] == "power_law_floor"]
    assert rungs["cut"].is_monotonic_increasing
    assert rungs["n"].is_monotonic_increasing
    assert rungs["error"].iloc[-1] == pytest.approx(found.best.error)
    assert found.top == points.frame["D"][points.frame["D"] > 1e5].min()
    ax = found.plot()
    assert ax.get_xlabel().startswith("fitted up to")
    assert len(ax.get_legend().get_texts()) == 2


def test_a_law_of_one_variable_is_tried_on_each():
    _, frame = table()
    points = checked(frame, {"D": "D", "N": "N", "L": "L"})
    found = compare(["power_law", "chinchilla"], points, "D > 1e5 and N > 0")
    assert {f.law for f in found.ranked} == {"power_law of D", "power_law of N", "chinchilla"}
    assert found.ranked[-1].law == "power_law of N"
    assert found.ladder.empty  # the cut is not one of a variable


def test_a_law_that_cannot_be_fitted_is_told():
    points, _ = table()
    found = compare(["power_law", "chinchilla"], points, "D > 1e5")
    assert "no role N" in found.refused["chinchilla"]
    assert "chinchilla: not fitted" in found.summary()
    with pytest.raises(LabError, match=r"no law could be fitted: .* N"):
        compare(["chinchilla"], points, "D > 1e5")


@pytest.mark.parametrize(
    ("holdout", "said"),
    [
        ("D > 1e9", "no row satisfies"),
        ("D > 1", "every row satisfies"),
        ("E > 1", "unknown column 'E'"),
        ("D >", "cannot read the condition"),
        ("D > 1.2e3", "points or more"),
    ],
)
def test_a_cut_that_leaves_nothing_is_refused(holdout, said):
    with pytest.raises(LabError, match=said):
        compare(["power_law_floor"], table()[0], holdout)
