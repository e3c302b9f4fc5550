"""Deviation: what a pilot says of how smoothly its law is off, and what follows for P(decided)."""

import numpy as np
import pytest

from scaling_lab.analysis import laws
from scaling_lab.analysis.design import chances, deviation, pilot
from scaling_lab.analysis.design.pilot import Pilot
from tests.analysis.design.test_chances import CLAIM, planned

LEVELS = np.geomspace(300, 3e4, 8)
EXACT = 1e-4  # of the recorded means


def deviations(bend, levels=LEVELS):
    """Of planned levels from the law fitted to precise cells that bend, and the law's own."""
    losses = 3 * LEVELS**-0.4 * np.exp(bend(LEVELS))
    known = Pilot.of_columns({"x": LEVELS}, losses)
    belief, count = pilot.belief_of(laws.get("power_law"), {"x": levels}, known)
    run = np.full((len(belief.theta), len(LEVELS)), EXACT**2)
    drawn, _ = deviation.drawn(belief, run, np.zeros(len(run)))
    law = [belief.problem.values(theta) for theta in belief.theta]
    expected = np.array([np.log(a) - alpha * np.log(levels) for a, alpha in law])
    return drawn[:, :count], expected


def curved(x):
    return 0.02 * np.log(x / 3000) ** 2 / 5


def test_law_and_deviation_together_go_through_precise_cells_and_between_them():
    between = np.sqrt(LEVELS[1:] * LEVELS[:-1])
    for levels in (LEVELS, between):
        drawn, law = deviations(curved, levels)
        truth = np.log(3 * levels**-0.4) + curved(levels)
        assert np.abs(law - truth).max() > 0.005
        assert np.abs(law + drawn - truth).max() < 0.002


def test_beyond_the_cells_the_deviation_is_open():
    far = LEVELS[-1] * np.array([1.0, 30.0, 1000.0])
    drawn, law = deviations(curved, far)
    assert np.std(law + drawn, axis=0)[0] < 0.001
    assert np.std(drawn, axis=0)[1:].min() > 0.005


def test_cells_on_the_law_deviate_less():
    straight, bent = (np.std(deviations(bend)[0]) for bend in (lambda x: 0 * x, curved))
    assert straight < bent / 2


@pytest.mark.parametrize("seed", [0, 1])
def test_a_pilot_that_bends_within_its_noise_lowers_the_chance(seed):
    rows = planned()
    error = 0.02 * np.random.default_rng(seed).standard_normal(len(rows))
    line = rows.assign(best_test_loss=3 * rows["D"] ** -0.4 * np.exp(error), family="mlp")
    bent = line.assign(best_test_loss=line["best_test_loss"] * np.exp(1.5 * curved(rows["D"])))
    one, other = (chances.of_claim(CLAIM, rows, recorded=some).decided for some in (line, bent))
    assert other < one - 0.2


def test_many_cells_that_follow_a_wave_fail_the_check_of_fit():
    claim = CLAIM | {"law": "power_law_floor", "low": 0.3, "high": 0.6, "reason": "a test"}
    rows = planned(levels=14)
    line = 0.05 + 3 * rows["D"] ** -0.4
    error = np.exp(0.005 * np.random.default_rng(0).standard_normal(len(rows)))
    wave = np.exp(0.03 * np.sin(1.5 * np.log(rows["D"])))
    exact, waved = (
        chances.of_claim(claim, rows, recorded=rows.assign(best_test_loss=losses, family="mlp"))
        for losses in (line * error, line * wave * error)
    )
    assert exact.decided > 0.9
    assert waved.decided < 0.3
