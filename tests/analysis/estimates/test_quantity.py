"""Estimates: units, ranges, sheets, JSON; and how numbers are shown without false digits."""

import math
import subprocess
import sys

import numpy as np
import pytest

from scaling_lab.analysis.estimates import quantity, units
from scaling_lab.analysis.estimates.quantity import Estimate, Factor, from_dict, two_to
from scaling_lab.analysis.numbers import plain, power, shown
from scaling_lab.errors import LabError

MILES = Factor("road", 60.0, "km", "measured", within=2)
TIME = Factor("time", 0.5, "hour", "measured", within=3)


def test_units_are_worked_out_and_converted():
    assert Estimate("speed", MILES / TIME, "m/s").centre() == pytest.approx(120e3 / 3600)
    both = Factor("one", 1.0, "km", "x") + Factor("other", 500.0, "m", "x")
    assert Estimate("length", both, "m").centre() == pytest.approx(1500)
    growth = two_to(Factor("time", 2.0, "years", "x") / Factor("doubling", 6.0, "months", "x"))
    assert Estimate("growth", growth, "").centre() == pytest.approx(16)


def test_units_that_do_not_match_say_what_the_factors_give():
    with pytest.raises(
        LabError, match=r"'speed' should be in FLOP, but its factors give kilometer / hour"
    ):
        Estimate("speed", MILES / TIME, "FLOP")
    with pytest.raises(LabError, match="cannot add hour to kilometer"):
        _ = MILES + TIME
    with pytest.raises(LabError, match="2 to the power of hour"):
        two_to(TIME)
    with pytest.raises(LabError, match=r"unknown unit 'frogs' .*counted"):
        Factor("frogs", 1.0, "frogs / s", "x")
    with pytest.raises(LabError, match="is not a unit"):
        Factor("nothing", 1.0, "FLOP / (", "x")


def test_counted_things_have_dimensions_of_their_own():
    units.counted("test_sheep", "test_goat")
    units.counted("test_sheep")
    sheep = Factor("sheep", 3, "test_sheep", "counted")
    with pytest.raises(LabError, match="cannot add test_goat to test_sheep"):
        _ = sheep + Factor("goats", 2, "test_goat", "counted")
    with pytest.raises(LabError, match="'second' is already a unit of pint"):
        units.counted("second")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"source": " "}, "has no source"),
        ({"within": 0.5}, "within >= 1"),
        ({"value": math.nan}, "finite"),
        ({"value": -1.0, "within": 2}, "within must be 1"),
        ({"shape": "normal"}, "use lognormal or flat"),
    ],
)
def test_a_factor_must_make_sense(how, message):
    with pytest.raises(LabError, match=message):
        Factor(**{"name": "x", "value": 1.0, "units": "s", "source": "y"} | how)


def test_the_range_of_a_product_is_that_of_the_normal_sum_of_logarithms():
    low, centre, high = Estimate("speed", MILES / TIME, "km/hour").range
    spread = math.exp(math.hypot(math.log(2), math.log(3)))
    assert centre == 120
    assert high / centre == pytest.approx(spread, rel=0.03)
    assert centre / low == pytest.approx(spread, rel=0.03)


def test_flat_ranges_have_hard_ends():
    drawn = Factor("passes", 10.0, "", "x", 10, "flat").draws()
    assert 1 <= drawn.min() < 1.01
    assert 99 < drawn.max() <= 100
    assert np.median(drawn) == pytest.approx(10, rel=0.05)


def test_a_factor_that_is_used_twice_is_drawn_once():
    same = Factor("road", 60.0, "km", "measured", within=2)
    assert Estimate("one", MILES / same, "").range == pytest.approx((1, 1, 1))
    other = Factor("another road", 60.0, "km", "measured", within=2)
    low, _, high = Estimate("ratio", MILES / other, "").range
    assert low < 0.5 < 2 < high


def test_draws_are_seeded():
    assert np.array_equal(MILES.draws(), MILES.draws())
    assert not np.array_equal(MILES.draws(), MILES.draws(seed=1))


def test_an_estimate_goes_to_json_and_back():
    one = Estimate("speed", MILES / TIME, "km/hour", note="uphill")
    grown = two_to(Factor("t", 1.0, "year", "x") / Factor("d", 1.0, "year", "x"))
    tree = Estimate("all", one * grown + one, "m/s").to_dict()
    assert from_dict(tree) == Estimate("all", one * grown + one, "m/s")
    assert tree["low"] < tree["value"] < tree["high"]
    for broken in ({}, {"factor": "x"}, {"sum": [{"product": [[{}, "one"]]}]}):
        with pytest.raises(LabError, match="not an estimate"):
            from_dict(broken)


def test_a_sheet_goes_factor_by_factor():
    total = Estimate("both", Estimate("speed", MILES / TIME, "km/hour") * TIME + MILES, "km")
    lines = (
        Estimate("half", total * Factor("half", 0.5, "", "x"), "km", "a note").sheet().split("\n")
    )
    assert lines[0].startswith("half: 60 (")
    assert [line.split()[0] for line in lines[2:7]] == ["120", "60", "÷", "×", "+"]
    assert lines[-2].startswith("  × 0.5")
    assert lines[-1] == "  ! a note"
    assert "measured" in lines[4]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ((615_440, 615_440, 615_440), "615,440"),
        ((8.64e19, 8.64e19, 8.64e19), "8.64e19"),
        ((7.3, 9.5, 12.4), "9.5 (7.3 to 12)"),
        ((5e17, 7.46e17, 1.2e18), "7.5e17 (5e17 to 1.2e18)"),
        ((6.2e22, 9.47e23, 1.4e25), "10^24 (10^22.8 to 10^25.1)"),
        ((-14, -14, -14), "-14"),
        ((1e-9, 1e-8, 1e-6), "10^-8 (10^-9 to 10^-6)"),
        ((0.1, 1, 10), "1 (0.1 to 10)"),
    ],
)
def test_ranges_are_shown_without_false_digits(found, text):
    assert shown(found) == text


def test_numbers_are_shown_plainly():
    assert [plain(x) for x in (0, 0.05, 784, 166_666.7, 0.00012)] == [
        "0",
        "0.05",
        "784",
        "1.67e5",
        "1.2e-4",
    ]
    assert [power(x) for x in (1, 0.1, 9.99e23, 3e5)] == ["10^0", "10^-1", "10^24", "10^5.5"]


def test_importing_estimates_imports_nothing_heavy():
    program = (
        "import sys; from scaling_lab.analysis import estimates; estimates.names();"
        "print([m for m in ('jax', 'scipy', 'matplotlib', 'pint', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_normal_quantile_is_that_of_the_level():
    from scipy.special import ndtri

    assert ndtri((1 + quantity.LEVEL) / 2) == pytest.approx(quantity.NORMAL)
