"""Doubling times: published ones come out, tables of anyone's are read or named."""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scaling_lab.analysis.estimates import doubling
from scaling_lab.analysis.estimates.domains import history
from scaling_lab.errors import LabError


@pytest.fixture
def epoch():
    """Epoch's table of notable models, where the published tables are."""
    folder = os.environ.get("SCALING_LAB_PUBLISHED")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SCALING_LAB_PUBLISHED names no folder: Epoch's table was not read")
    (path,) = (Path(folder) / "compute_history").glob("notable_ai_models_*.csv")
    return path


def systems(dates, flop):
    names = [f"s{i}" for i in range(len(flop))]
    return pd.DataFrame({"system": names, "date": pd.to_datetime(dates), "flop": flop})


def test_the_record_setters_of_2018_double_every_3_39_months():
    records = doubling.record_setters(history.points())
    assert len(records) == 6
    found = doubling.fit(records)
    assert round(found.months, 2) == 3.39
    assert found.low < found.months < found.high


@pytest.mark.parametrize(("first", "last", "months"), [(2010, 2025, 5.46), (2018, 2025, 4.29)])
def test_epochs_table_gives_its_doubling_times(epoch, first, last, months):
    found = doubling.fit(doubling.between(doubling.read(epoch), first, last))
    assert round(found.months, 2) == months
    assert found.low < months < found.high
    assert (first, last) in history.ERAS


def test_openais_own_table_is_that_of_the_points(epoch):
    table = doubling.read(epoch.parent / "compute.csv")
    assert np.allclose(np.sort(table["flop"]), np.sort(history.points()["flop"]), rtol=1e-12)


def test_slope_and_interval_are_those_of_scipy():
    random = np.random.default_rng(0)
    dates = pd.date_range("2015-01-01", periods=20, freq="100D")
    table = systems(dates, 2.0 ** (np.arange(20) * 0.4 + random.standard_normal(20)))
    found = doubling.fit(table, level=0.9)
    line = stats.linregress(doubling.years(table["date"]), np.log2(table["flop"]))
    half = stats.t.ppf(0.95, 18) * line.stderr
    assert found.slope == pytest.approx(line.slope)
    assert found.intercept == pytest.approx(line.intercept, rel=1e-6)
    assert (found.low, found.high) == pytest.approx(
        (12 / (line.slope + half), 12 / (line.slope - half))
    )
    assert np.log2(found.flop(2016.0)) == pytest.approx(line.intercept + line.slope * 2016)


def test_exact_doubling_is_found_and_no_growth_has_no_upper_end():
    dates = ["2010-01-01", "2011-01-01", "2012-01-01", "2013-01-01"]
    exact = doubling.fit(systems(dates, [1e3, 2e3, 4e3, 8e3]))
    assert exact.months == pytest.approx(12, rel=1e-3)
    flat = doubling.fit(systems(dates, [1e3, 9e3, 1e3, 2e3]))
    assert flat.high == math.inf
    for few in (dates[:2], ["2010-01-01"] * 4):
        with pytest.raises(LabError, match="three systems at two or more dates"):
            doubling.fit(systems(few, [1e3] * len(few)))


def test_record_setters_beat_all_before_them():
    table = systems(["2012-01-01", "2010-01-01", "2011-01-01", "2013-01-01"], [5.0, 2.0, 1.0, 5.0])
    assert doubling.record_setters(table)["system"].tolist() == ["s1", "s0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("system,date\na,2020-01-01\n", "no column for the flop"),
        ("Model,Publication date,Training compute (FLOP)\na,soon,1e20\n", "no row with a date"),
        ("system,date,flop\na,2020-01-01,much\n", "no row with a date"),
        ("system,date,flop\n", "has no rows"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path, text, message):
    path = tmp_path / "systems.csv"
    path.write_text(text)
    with pytest.raises(LabError, match=message):
        doubling.read(path)


def test_rows_without_compute_are_left_out(tmp_path):
    path = tmp_path / "systems.csv"
    path.write_text("system,date,flop\nb,2021-05-02,2e20\na,2020-01-01,1e20\nc,2022-01-01,\nd,,3\n")
    assert doubling.read(path)["system"].tolist() == ["a", "b"]
