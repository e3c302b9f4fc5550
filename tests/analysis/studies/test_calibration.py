"""The study that compares runs with exact theory: what it finds, and what it notices."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import experiment_tables, figures, studies, theory
from scaling_lab.analysis.studies import calibration
from scaling_lab.errors import NotApplicable

HUTTER = {"a": 1.0, "items": 500}


def memorised(bias=1.0, seeds=8, noise=0.01, **columns):
    """Runs of a memoriser about their exact losses times `bias`, as Tables."""
    D = np.repeat([50, 100, 200, 400, 800], seeds)
    at = {"N": np.full(len(D), 500.0), "D": D.astype(float), "epochs": np.ones(len(D))}
    exact = theory.values("hutter", HUTTER, at)
    random = np.random.default_rng(1)
    loss = bias * exact * (1 + noise * random.standard_normal(len(D)))
    rows = pd.DataFrame(at).assign(learner="memoriser", model="table", status="done")
    rows = rows.assign(**{"learner.threshold": 1, "data.a": 1.0, "data.items": 500.0})
    rows = rows.assign(test_loss=loss, best_valid_loss=loss, best_test_loss=loss)
    rows = rows.assign(seed=rows.index, run=rows.index.map(str), **columns)
    return experiment_tables.tables(rows, pd.DataFrame(), ())


def analysed(tables):
    return studies.get("calibration").analyse(tables)


def test_runs_on_their_curve_are_found_on_it():
    found = analysed(memorised())
    assert list(found.points["D"]) == [50, 100, 200, 400, 800]
    assert found.chi2[1] == 5
    json.dumps(found.card(), allow_nan=False)
    assert found.params["z"].value < 4
    assert found.params["p"].value > 0.001
    (one,) = found.exponents
    assert (one.task, one.law, one.limit) == ("hutter", "L(D)", 0.5)
    assert found.params["hutter: L(D)"].low < 1 < found.params["hutter: L(D)"].high


def test_a_bias_of_two_percent_is_noticed():
    found = analysed(memorised(bias=1.02))
    assert found.params["p"].value < 1e-6
    assert found.points["z"].min() > 0


def test_the_interval_of_an_exponent_is_that_of_a_weighted_sum_of_means():
    found = analysed(memorised(seeds=200, noise=0.05))
    x = np.log([50, 100, 200, 400, 800])
    weight = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    error = np.sqrt(np.sum((weight * 0.05) ** 2) / 200)
    (one,) = found.exponents
    assert one.measured.se == pytest.approx(error, rel=0.15)
    assert abs(one.measured.value - one.exact) < 4 * error


def test_a_theory_that_refuses_its_runs_is_a_warning():
    tables = memorised()
    several = tables.families.assign(epochs=2.0)
    both = pd.concat([tables.families, several.assign(**{"data.a": 0.5})], ignore_index=True)
    found = analysed(experiment_tables.Tables(both, both, pd.DataFrame(), families=both))
    assert set(found.points["task"]) == {"hutter, a = 1"}
    (warning,) = found.warnings
    assert warning.startswith("hutter, a = 0.5: this theory is of one pass")


def test_other_runs_have_no_such_study():
    with pytest.raises(NotApplicable, match="no theory is about these runs"):
        analysed(memorised(learner="supervised"))


def test_the_frontier_of_the_theory_is_that_of_its_own_minima():
    """On a surface with a known frontier: L = N^-1 + (N^2 / C), so N ~ C^(1/3), L ~ C^(-1/3)."""
    points = pd.DataFrame(
        itertools.product((1e4, 1e5, 1e6, 1e7), np.geomspace(0.25, 4, 9)), columns=["C", "off"]
    )
    points = points.assign(N=points["off"] * (points["C"] / 2) ** (1 / 3))
    points = points.assign(steps=points["C"] / points["N"])
    loss = 1 / points["N"] + points["N"] ** 2 / points["C"]
    points = points.assign(budget=points["C"].rank(method="dense").astype(int) - 1)
    found = calibration._along_the_frontier(points, np.stack([loss, loss]))
    assert found["N(C)"] == pytest.approx([1 / 3, 1 / 3], abs=1e-9)
    assert found["L(C)"] == pytest.approx([1 / 3, 1 / 3], abs=1e-9)


def test_tasks_of_different_data_are_no_architectures():
    tables = memorised()
    rows = pd.concat([tables.families, tables.families.assign(**{"data.a": 0.5})])
    rows = rows.assign(family=rows["data.a"].astype(str))
    both = experiment_tables.Tables(rows, rows, pd.DataFrame(), families=rows)
    with pytest.raises(NotApplicable, match="different data are not compared"):
        studies.get("architectures").analyse(both)


def test_sgd_at_one_size_is_a_law_of_data_and_one_point_has_no_exponent():
    tables = memorised()
    few = tables.families[tables.families["D"] == 50]
    alone = analysed(experiment_tables.Tables(few, few, pd.DataFrame(), families=few))
    assert alone.exponents == []
    with pytest.raises(NotApplicable, match="points enough"):
        figures.get("calibration_exponents").draw(tables, {}, {"calibration": alone})
    steps = pd.DataFrame({"N": 4.0, "steps": [1.0, 2.0, 4.0], "D": [8.0, 16.0, 32.0]})
    ((law, points),) = calibration._laws(steps, "top_features")
    assert (law, list(points["x"])) == ("L(D)", [8.0, 16.0, 32.0])
