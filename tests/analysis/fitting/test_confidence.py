"""Few clusters: the draws are Student's where that is exact, and say where nothing is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scaling_lab.analysis import fit
from scaling_lab.analysis.fitting import confidence
from scaling_lab.analysis.fitting.parameter import Parameter, interval
from scaling_lab.analysis.fitting.result import Fit
from scaling_lab.errors import LabError

X = np.geomspace(1e2, 1e6, 6)


def power(seeds=1, own=0.01, shared=0.0, seed=0, x=X):
    random = np.random.default_rng(seed)
    cells = x.repeat(seeds)
    error = own * random.standard_normal(len(cells))
    error += shared * random.standard_normal(len(x)).repeat(seeds)
    return pd.DataFrame({"D": cells, "L": 3 * cells**-0.4 * np.exp(error)})


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_straight_line_has_students_interval(seeds):
    """The power law in logarithms, by least squares: cells of seeds are points, their means."""
    frame = power(seeds, shared=0.01)
    found = fit("power_law", frame, penalty="squares", bootstrap=20_000)
    means = np.log(frame["L"]).groupby(frame["D"]).mean()
    line = stats.linregress(np.log(means.index), means)
    half = stats.t.ppf(0.975, len(X) - 2) * line.stderr
    assert found.params["alpha"].value == pytest.approx(-line.slope, rel=1e-6)
    ends = found.params["alpha"].low, found.params["alpha"].high
    assert ends == pytest.approx((-line.slope - half, -line.slope + half), abs=0.06 * half)
    assert found.certificate["freedom"] == len(X) - 2
    band = found.predict({"D": 1e4})
    centred = (np.log(1e4) - np.log(X).mean()) / np.log(X).std()
    error = line.stderr * np.log(X).std() * np.sqrt(1 + centred**2)
    half = stats.t.ppf(0.975, len(X) - 2) * error
    assert np.log(band.high / band.center) == pytest.approx(half, rel=0.06)


def test_the_band_of_runs_has_their_scatter():
    frame = power(3, own=0.02, shared=0.04)
    found = fit("power_law", frame, bootstrap=2000)
    law, run = (found.predict({"D": 1e4}, band=band) for band in ("law", "run"))
    assert run.center == law.center
    assert found.certificate["within"] == pytest.approx(0.02, rel=0.5)
    assert found.certificate["between"] == pytest.approx(0.04, rel=0.6)
    wide, narrow = np.log(run.high / run.low), np.log(law.high / law.low)
    assert wide > 1.5 * narrow
    with pytest.raises(LabError, match="unknown band 'runs'"):
        found.predict({"D": 1e4}, band="runs")
    card = found.card()
    del card["certificate"]["within"]
    with pytest.raises(LabError, match="does not tell how runs scatter"):
        Fit.from_card(card).predict({"D": 1e4}, band="run")


def test_new_runs_fall_into_the_band_as_often_as_it_says():
    inside = []
    for seed in range(60):
        found = fit("power_law", power(seed=seed), bootstrap=200, starts=4)
        low, high = found.predict({"D": 3e4}, band="run")[1:]
        new = 3 * 3e4**-0.4 * np.exp(0.01 * np.random.default_rng(1000 + seed).normal(size=50))
        inside.append(np.mean((low < new) & (new < high)))
    assert 0.91 < np.mean(inside) < 0.99


def test_held_out_rows_are_scored_by_the_band_of_runs():
    frame = power(3, x=np.geomspace(1e2, 1e7, 9))
    found = fit("power_law", frame, bootstrap=200, holdout="D > 1e6")
    assert found.holdout["inside"] == 1.0
    assert "100% in the band of runs" in found.summary()
    far = frame.assign(L=frame["L"] * np.where(frame["D"] > 1e6, 1.3, 1.0))
    assert fit("power_law", far, bootstrap=200, holdout="D > 1e6").holdout["inside"] == 0.0


def test_seeds_of_a_cell_do_not_count_as_levels():
    """Four cells of twenty seeds, each cell with its own error: three parameters leave one."""
    frame = power(20, own=1e-4, shared=0.02, x=np.geomspace(1e2, 1e5, 4))
    found = fit("power_law_floor", frame, bootstrap=200)
    assert (found.certificate["clusters"], found.certificate["freedom"]) == (4, 1)
    alone = fit("power_law_floor", frame, bootstrap=200, cluster="none")
    wide, narrow = (one.params["alpha"].high - one.params["alpha"].low for one in (found, alone))
    assert wide > 3 * narrow


def test_clusters_that_leave_nothing_determine_nothing():
    frame = power(4, x=np.geomspace(1e2, 1e5, 3))
    found = fit("power_law_floor", frame, bootstrap=100)
    assert not found.params["alpha"].determined
    assert (found.params["alpha"].low, found.params["alpha"].high) == (0, np.inf)
    assert "not determined" in found.summary()
    assert any("leave no degree of freedom" in warning for warning in found.warnings)
    assert np.isnan(found.predict({"D": 1e4}).high)
    again = Fit.from_card(found.card())
    assert again.params["alpha"].high == np.inf
    assert not again.params["alpha"].determined


def test_an_exponent_that_the_data_do_not_bound_is_open():
    """The drop from the first level to the others: a step would do as well."""
    frame = pd.DataFrame({"D": np.geomspace(1e2, 1e6, 6), "L": [2, 1.01, 1, 1, 1.01, 0.99]})
    alpha = fit("power_law_floor", frame, bootstrap=200).params["alpha"]
    assert alpha.high == np.inf
    assert alpha.low > 0.3
    assert alpha.as_text()[1].startswith("not determined (above")
    bounded = fit("power_law_floor", frame, bootstrap=200, bounds={"alpha": (0.1, 2.0)})
    assert bounded.params["alpha"].determined


def test_a_floor_that_may_be_zero_still_has_an_upper_end():
    """Losses that bend down a little: the floor that fits best is 0."""
    frame = power(3, x=np.geomspace(1e2, 1e6, 8))
    frame["L"] *= np.exp(-2e-3 * np.log(frame["D"] / 1e4) ** 2)
    floor = fit("power_law_floor", frame, bootstrap=200).params["E"]
    assert floor.value < 1e-9
    assert floor.determined
    assert floor.low == 0
    assert 1e-6 < floor.high < frame["L"].min()


def test_an_outlier_in_a_cell_does_not_widen_the_interval():
    frame = power(5, shared=0.002)
    crashed = frame.assign(L=frame["L"] * np.where(np.arange(len(frame)) == 7, 3.0, 1.0))
    one, other = (
        fit("power_law", rows, bootstrap=300).params["alpha"] for rows in (frame, crashed)
    )
    assert other.high - other.low < 2.5 * (one.high - one.low)
    assert other.low < 0.4 < other.high


def test_near_copies_do_not_narrow_the_interval():
    frame = power(x=np.geomspace(1e2, 1e6, 12))
    copies = frame.loc[frame.index.repeat(5)].reset_index(drop=True)
    copies["L"] *= np.exp(1e-5 * np.random.default_rng(0).standard_normal(len(copies)))
    one, other = (
        fit("power_law", rows, bootstrap=2000).params["alpha"] for rows in (frame, copies)
    )
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.1)


def test_exact_points_have_no_interval_to_speak_of():
    alpha = fit("power_law", pd.DataFrame({"D": X, "L": 3 * X**-0.4}), bootstrap=50).params["alpha"]
    assert alpha.high - alpha.low < 1e-9


def test_a_law_for_the_compiler_is_drawn_too():
    x = np.geomspace(1e2, 1e6, 14)
    loss = 0.05 + 3 * x**-0.4 * np.exp(0.01 * np.random.default_rng(0).standard_normal(14))
    found = fit("broken_power_law", pd.DataFrame({"D": x, "L": loss}), bootstrap=40)
    assert found.certificate["method"] == "confidence"
    low, high = found.predict({"D": 1e4})[1:]
    assert low < 0.05 + 3 * 1e4**-0.4 < high


def test_more_draws_than_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr(confidence, "MOST", 1000)
    with pytest.raises(LabError, match="1000 draws of 6 points exceed the memory; set bootstrap"):
        fit("power_law", power(), bootstrap=1000)


def test_replicates_that_equal_the_estimate_up_to_rounding_are_ties():
    """Half of the resampled tables have the estimate itself, and rounding puts them below it."""
    random = np.random.default_rng(0)
    draws = np.concatenate([np.full(400, 1.0), 1 + 0.1 * random.standard_normal(400)])
    low, high = interval(draws * (1 - 1e-12), 0.95, 1.0)
    exact_low, exact_high = interval(draws, 0.95, 1.0)
    assert (low, high) == pytest.approx((exact_low, exact_high), abs=1e-9)


def test_an_interval_holds_its_estimate():
    found = Parameter.from_draws(5.0, np.linspace(0, 1, 100), 0.95)
    assert (found.low < 0.1, found.high) == (True, 5.0)
