"""Recipes: the chosen ones are those of the sweep, and choosing does not lower the losses."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.recipes import (
    LOWEST,
    OTHER_SEEDS,
    SMOOTH_FIT,
    chosen,
    smooth_minimum,
    typical,
)
from scaling_lab.errors import LabError


def swept(truth, noise):
    """Runs of one scale per row of `noise` (scales, values, seeds), whose tests share the luck."""
    n, v, s = (a.ravel() for a in np.indices(noise.shape))
    loss = (truth[:, None] + noise).ravel()
    rate = 0.001 * 2.0**v
    return pd.DataFrame(
        {"N": n + 1, "D": 1, "learning_rate": rate, "seed": s, "status": "done"}
        | {"best_valid_loss": loss, "best_test_loss": loss}
    )


def optimism(runs, truth, rule):
    """Mean over rows of the chosen loss less the truth of its rate."""
    best = chosen(runs, rule=rule)
    at = np.log2(best["learning_rate"] / 0.001).round().astype(int)
    return float((best["best_test_loss"] - truth[at]).mean())


def test_the_lowest_is_biased_and_other_seeds_are_not():
    truth = 1 + 0.002 * (np.arange(5) - 2.0) ** 2
    noise = 0.01 * np.random.default_rng(0).standard_normal((400, 5, 3))
    runs, error = swept(truth, noise), 0.01 / np.sqrt(400 * 3)
    assert optimism(runs, truth, LOWEST) < -10 * error
    assert abs(optimism(runs, truth, OTHER_SEEDS)) < 3 * error


def test_a_smooth_fit_takes_most_of_the_bias_of_a_single_seed():
    truth = 1 + 0.01 * (np.arange(5) - 2.0) ** 2
    noise = 0.01 * np.random.default_rng(1).standard_normal((400, 5, 1))
    runs = swept(truth, noise)
    assert abs(optimism(runs, truth, SMOOTH_FIT)) < 0.3 * abs(optimism(runs, truth, LOWEST))


def test_by_default_the_number_of_seeds_decides_and_it_is_said():
    truth = 1 + 0.01 * (np.arange(5) - 2.0) ** 2
    rng = np.random.default_rng(2)
    one, three = (swept(truth, 0.001 * rng.standard_normal((2, 5, s))) for s in (1, 3))
    assert chosen(one).attrs["chosen_by"] == "learning rate: chosen by a smooth fit over the sweep"
    assert chosen(three).attrs["chosen_by"] == (
        "learning rate: chosen by the mean over the other seeds"
    )
    few = chosen(one[one["learning_rate"] < 0.005])
    assert "biased downwards" in few.attrs["chosen_by"]
    both = chosen(pd.concat([one, three.assign(N=lambda t: t["N"] + 10)], ignore_index=True))
    assert both.attrs["chosen_by"].endswith(
        "the mean over the other seeds at 2 points; by a smooth fit over the sweep at 2 points"
    )
    assert chosen(one, choose=()).attrs["chosen_by"] == ""


def test_each_seed_appears_once_with_the_rate_that_the_others_chose():
    truth = np.ones(2)
    noise = np.array([[[0.0, 0.5, 0.6], [0.3, 0.2, 0.1]]])
    best = chosen(swept(truth, noise))
    # Means of the others at both rates: seed 0 .55 and .15, seed 1 .3 and .2, seed 2 .25 and .25.
    assert best[["seed", "learning_rate"]].values.tolist() == [[2, 0.001], [0, 0.002], [1, 0.002]]
    assert typical(best, ["N", "D"], "learning_rate")["learning_rate"].tolist() == [0.002]


def test_the_largest_objective_may_be_the_best():
    truth = 1 - 0.01 * (np.arange(5) - 1.0) ** 2
    best = chosen(swept(truth, np.zeros((1, 5, 2))), direction="max")
    assert best["learning_rate"].tolist() == [0.002, 0.002]


def test_an_unknown_rule_is_refused():
    with pytest.raises(LabError, match="rule"):
        chosen(swept(np.ones(2), np.zeros((1, 2, 1))), rule="luck")


def test_the_minimum_of_a_sweep_lies_between_its_values():
    values = 2.0 ** np.arange(-8, 0)
    at = -4.3 * np.log(2)
    losses = 1 + 0.1 * (np.log(values) - at) ** 2
    for window in (2, 3):
        assert smooth_minimum(values[::-1], losses[::-1], window) == pytest.approx(at)
    assert smooth_minimum(values[:3], losses[:3]) == np.inf
    assert smooth_minimum(values[-3:], losses[-3:]) == -np.inf
    spike = np.where(np.arange(8) == 3, 0.5, np.arange(8) % 2 + 1.0)  # no bowl about the lowest
    assert values.min() <= np.exp(smooth_minimum(values, spike)) <= values.max()
