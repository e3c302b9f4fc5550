"""P(decided): what the grid alone settles, what noise and seeds do, and what happened."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from benchmarks import power
from scaling_lab import Claim
from scaling_lab.analysis.design import chances

CLAIM = asdict(
    Claim(
        name="L(D)",
        law="power_law",
        x="D",
        parameter="alpha",
        low=0.38,
        high=0.42,
    )
)


def planned(levels=8, seeds=3):
    grid = np.meshgrid(np.geomspace(300, 3e4, levels), np.arange(seeds), indexing="ij")
    rows = pd.DataFrame({"D": grid[0].ravel(), "seed": grid[1].ravel()})
    return rows.assign(N=1e5, steps=1000, C=6e5 * rows["D"], model="mlp", learning_rate=1e-3)


def recorded(noise, rows=None):
    rows = planned() if rows is None else rows
    error = noise * np.random.default_rng(0).standard_normal(len(rows))
    return rows.assign(best_test_loss=3 * rows["D"] ** -0.4 * np.exp(error), family="mlp")


def test_a_grid_that_fails_the_gate_decides_nothing_and_says_what_would():
    found = chances.of_claim(CLAIM, planned(levels=5, seeds=1))
    assert found.decided == 0
    assert {line.name for line in found.lines} == {"levels", "clusters", "seeds"}
    assert "D 1 more level" in found.change
    assert "FLOP more" in found.change


def test_the_noise_of_the_pilot_decides():
    rows = planned()
    quiet, loud = (
        chances.of_claim(CLAIM, rows, recorded=recorded(noise)) for noise in (0.003, 0.1)
    )
    assert quiet.decided > 0.95
    assert quiet.basis == "from 24 recorded runs"
    assert loud.decided < 0.1
    assert quiet.power
    assert loud.power
    assert quiet.power.half_width < loud.power.half_width / 10


def test_without_a_pilot_it_is_a_guess():
    found = chances.of_claim(CLAIM, planned())
    assert 0.1 < found.decided < 0.95
    assert "a guess" in found.text


def test_a_change_is_proposed_that_helps():
    known = recorded(0.025, planned(seeds=20))
    before = chances.of_claim(CLAIM, planned(seeds=2), recorded=known)
    assert before.decided < chances.ENOUGH
    assert "makes it" in before.change
    rows = planned(seeds=2)
    further = pd.concat([rows, rows.assign(D=rows["D"] / 100)], ignore_index=True)
    more = chances.of_claim(CLAIM, further, recorded=known)
    assert more.decided > before.decided + 0.1


def test_a_sweep_does_not_count_as_seeds():
    rows = planned(seeds=2)
    swept = pd.concat([rows, rows.assign(learning_rate=3e-3)], ignore_index=True)
    known = recorded(0.02)
    once = chances.of_claim(CLAIM, rows, ("learning_rate",), known)
    both = chances.of_claim(CLAIM, swept, ("learning_rate",), known)
    assert once.decided == both.decided


def test_errors_that_cells_share_fail_the_test_of_pure_error():
    rows = planned()
    shared = 0.05 * np.random.default_rng(1).standard_normal(8).repeat(3)
    apart, alike = recorded(0.002), recorded(0.002)
    alike["best_test_loss"] *= np.exp(shared)
    one, other = (chances.of_claim(CLAIM, rows, recorded=some) for some in (apart, alike))
    assert one.decided > 0.95
    assert other.decided < 0.1


def test_what_a_study_makes_is_unknown():
    claim = CLAIM | {"law": "L(N) at D = 1000"}
    found = chances.of_claim(claim, planned())
    assert np.isnan(found.decided)
    assert "which the report makes; a pilot can tell its expected, error, freedom" in found.text


def test_what_a_pilot_tells_of_a_study_is_simulated():
    """Far inside the range it is decided, at its end it is not; more freedom helps in between."""

    def decided(value, freedom=5):
        options = {"expected": value, "error": 0.03, "freedom": freedom}
        claim = {"law": "mup_optimum", "parameter": "mlp.mup", "low": -0.2, "high": 0.2}
        given = CLAIM | claim | {"options": options, "gate": {"equivalence": 1}, "quantity": 0.5}
        return chances.of_claim(given, planned()).decided

    assert decided(0.0) > 0.95
    assert decided(0.2) < 0.2
    assert decided(0.5) > 0.99
    assert decided(0.1, freedom=2) + 0.1 < decided(0.1, freedom=50)


@pytest.mark.parametrize(("seeds", "least", "most"), [(3, 0.0, 0.3), (30, 0.5, 1.0)])
def test_seeds_decide_a_measured_value(seeds, least, most):
    claim = asdict(
        Claim(name="value", kind="value", at={"N": 1e5, "D": 300.0}, low=0.30, high=0.31)
    )
    assert least <= chances.of_claim(claim, planned(seeds=seeds)).decided <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["power law, narrow range, 8 x 2", "heavy tails, 8 x 3", "another law: a wave, 8 x 3"],
)
def test_what_is_planned_happens(name):
    found = power.examined(power.settings()[name], 75)
    # 0.1, and two standard errors of 75 experiments
    assert abs(found.planned - found.happened) < 0.1 + 2 * np.sqrt(0.25 / 75)


CURVE = asdict(
    Claim(
        name="on its curve",
        kind="curve",
        theory="chinchilla_curve",
        x="D",
        options={"E": 0.0, "A": 0.0, "alpha": 0.5, "B": 3.0, "beta": 0.4},
    )
)


def test_a_curve_is_decided_as_often_as_its_test_says_if_its_points_are_precise():
    rows = planned(levels=6, seeds=4)
    known = {noise: recorded(noise, planned(levels=6, seeds=4)) for noise in (0.01, 0.05)}
    quiet, loud = (chances.of_claim(CURVE, rows, recorded=known[noise]) for noise in known)
    assert 0.9 < quiet.decided < 1  # p is between 1% and 5% in 4% of true curves
    assert quiet.basis == "from 24 recorded runs"
    assert loud.decided < 0.1
    more = chances.of_claim(CURVE, planned(levels=6, seeds=10), recorded=recorded(0.05))
    assert "a guess" in more.basis  # the pilot has other points
    assert chances.of_claim(CURVE, planned(levels=4)).lines[0].name == "points"


def test_twice_the_seeds_are_proposed_if_they_make_a_curve_precise():
    rows = planned(levels=6, seeds=8)
    found = chances.of_claim(CURVE, rows, recorded=recorded(0.045, rows))
    assert found.decided < chances.ENOUGH
    assert "twice the seeds make it 0.9" in found.change
