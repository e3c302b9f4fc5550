"""The law that forecasts best is chosen inside the table."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.studies import selection
from scaling_lab.analysis.tables import checked
from scaling_lab.errors import LabError

X = np.geomspace(1e2, 1e5, 40)


def table_of(response, **columns):
    frame = pd.DataFrame({"D": X, "L": response} | columns)
    return checked(frame, {name: name for name in frame})


def noisy(response):
    return response * np.exp(np.random.default_rng(0).normal(0, 0.003, len(X)))


def test_the_law_behind_the_points_is_chosen():
    floor = table_of(noisy(0.5 + 8 * X**-0.6))
    found = selection.choose(["power_law", "power_law_floor"], floor, bootstrap=0)
    assert found.law.name == "power_law_floor"
    assert found.fit.n == len(X)
    assert list(found.errors) == ["power_law_floor", "power_law"]
    assert found.errors["power_law"] > found.errors["power_law_floor"]
    assert found.errors["power_law_floor"] == pytest.approx(0.003, rel=0.5)


def test_rows_beyond_the_cut_decide_not_the_fit_below_it():
    # A power law up to the cut and a plateau after it: only a law that can bend forecasts it.
    response = np.maximum(8 * X**-0.6, 0.02)
    found = selection.choose(["power_law", "m3"], table_of(response), cuts=(0.5,), bootstrap=0)
    assert found.along == "D"
    assert found.law.name == "m3"


def test_bounds_are_given_to_the_laws_that_have_the_parameter():
    table = table_of(noisy(0.5 + 8 * X**-0.6))
    found = selection.choose(
        ["power_law", "power_law_floor"], table, bounds={"E": (0.0, 0.4)}, bootstrap=0
    )
    assert found.fit.params.get("E", found.fit.params["alpha"]).value <= 0.4 + 1e-9


@pytest.mark.parametrize(
    ("names", "more", "said"),
    [
        ([], {}, "no law to choose from"),
        (["power_law"], {"along": "C"}, "cannot hold out rows along C"),
        (["power_law"], {"cuts": (1.0,)}, "no cut leaves rows on both sides"),
        (["m4"], {"cuts": (1.1e-3,)}, "too few rows below the cuts"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(names, more, said):
    with pytest.raises(LabError, match=said):
        selection.choose(names, table_of(8 * X**-0.6), **more)


def test_two_variables_need_one_to_hold_out_along():
    with pytest.raises(LabError, match="say along which of D, N"):
        selection.choose(["chinchilla"], table_of(8 * X**-0.6, N=X[::-1]))
