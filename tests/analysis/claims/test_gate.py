"""The gate on tables that lack one thing each, and what its lines say."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import claims, experiment_tables
from scaling_lab.analysis.claims.gate.dependence import determined
from scaling_lab.analysis.claims.gate.fits import count_levels
from scaling_lab.analysis.claims.gate.runs import fewest_seeds
from scaling_lab.analysis.claims.verdict import turning
from scaling_lab.analysis.laws import get

CLAIM = {"name": "c", "law": "power_law", "parameter": "alpha", "low": 0.4, "high": 0.6}
RATES = (1e-3, 3e-3, 1e-2)


def made(x="N", levels=8, seeds=3, decades=2.0, noise=0.005, best=3e-3, floor=0.0, **columns):
    """Runs along N or D whose loss is a power of 0.5, best at one of three learning rates."""
    random = np.random.default_rng(2)
    rows = []
    for value in np.geomspace(1e3, 1e3 * 10**decades, levels).round():
        for seed in range(seeds):
            for rate in RATES:
                row = {"N": 1e4, "D": 1e6, "steps": 500, "best_step": 400, "batch_size": 10}
                row |= {x: value, "seed": seed, "learning_rate": rate, "status": "done"}
                row |= {
                    name: make(row) if callable(make) else make for name, make in columns.items()
                }
                apart = np.log(rate / best) ** 2
                loss = (floor + 30 * value**-0.5) * np.exp(0.1 * apart)
                loss *= np.exp(noise * random.standard_normal())
                row |= {"run": f"{value} {seed} {rate}", "model": "mlp", "examples": 5000}
                rows.append(row | {"best_valid_loss": loss, "best_test_loss": loss})
    return experiment_tables.tables(pd.DataFrame(rows), pd.DataFrame({"run": [], "C": []}))


def failed(tables, **changes):
    verdict = claims.evaluate(
        CLAIM | {"x": "N"} | changes, tables, {}, {}, {"choose": ["learning_rate"]}
    )
    names = [line.name for line in verdict.failed]
    assert (verdict.word == "insufficient") == bool(names)
    return names


@pytest.mark.parametrize(
    ("table", "changes", "names"),
    [
        ({}, {}, []),
        ({"levels": 5}, {}, ["levels", "clusters"]),
        ({"levels": 7}, {}, ["clusters"]),
        ({"decades": 1.2}, {}, ["decades"]),
        ({"seeds": 1}, {}, ["seeds"]),
        ({"best": 1e-3}, {}, ["learning rate"]),
        ({"best": 1e-2}, {}, ["learning rate"]),
        ({"best": 1e-2}, {"gate": {"sweep_end": 1.0}, "reason": "none"}, []),
        ({"floor": 0.6}, {}, ["lack of fit", "floor"]),
        ({"floor": 0.6}, {"law": "power_law_floor"}, []),
        ({"x": "D"}, {"x": "D"}, []),
    ],
)
def test_a_table_that_lacks_one_thing_fails_its_line(table, changes, names):
    assert failed(made(**table), **changes) == names


def test_a_rate_that_was_never_swept_is_not_inside_its_sweep():
    """A rule of the rate that no sweep tested may bend the law; the claim may give it as reason."""
    swept = made()
    tried = swept.runs[swept.runs["learning_rate"] == 3e-3]
    tables = experiment_tables.tables(tried, pd.DataFrame({"run": [], "C": []}))
    assert failed(tables) == ["learning rate"]
    assert failed(tables, gate={"sweep_end": 1.0}, reason="a rule that e10 tested") == []


def longer_with_data(row):
    return 100 * (1 + np.log(row["D"] / 1e3)).round()


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"steps": longer_with_data, "best_step": longer_with_data}, ["training"]),
        ({"steps": longer_with_data, "best_step": 50}, []),
        ({"best_step": 500}, []),  # equally long
    ],
)
def test_where_data_vary_runs_are_past_their_minimum_or_equally_long(columns, names):
    assert failed(made(x="D", **columns), x="D") == names


def test_runs_that_read_each_example_once_need_no_minimum():
    once = {"steps": lambda row: row["D"] / 10, "best_step": lambda row: row["D"] / 10}
    tables = made(x="D", **once)
    for frame in (tables.runs, tables.families, tables.chosen):
        frame["examples"] = frame["D"]
    assert failed(tables, x="D") == []


def test_an_exponent_that_only_a_floor_decides_is_insufficient():
    """Six levels over 1.5 decades with noise: both words are possible, and the table has no say."""
    tables = made(floor=0.15, noise=0.03, decades=1.5)
    claim = {"low": 0.3, "high": 0.5, "law": "power_law", "x": "N"}
    verdict = claims.evaluate(CLAIM | claim, tables, {}, {})
    line = next(line for line in verdict.gate if line.name == "floor")
    if not line.passed:
        assert "without a floor and" in line.found
        assert verdict.word == "insufficient"


@pytest.mark.parametrize(
    ("law", "parameter", "axes"),
    [
        ("power_law", "alpha", {"N": 2}),
        ("power_law_floor", "alpha", {"N": 3}),
        ("chinchilla", "alpha", {"N": 2}),
        ("chinchilla", "beta", {"D": 2}),
        ("chinchilla", "E", {"N": 2, "D": 2}),
        ("kaplan_nd", "alpha_N", {"N": 4, "D": 4}),
    ],
)
def test_an_axis_must_determine_the_parameters_that_change_along_it(law, parameter, axes):
    law = get(law)
    variables = ["N"] if law.variables == ("x",) else list(law.variables)
    assert determined(law, variables, parameter) == axes


def test_levels_within_a_tenth_are_one():
    assert count_levels([100, 105, 109, 111, 1000, np.nan]) == 3


def test_seeds_are_counted_where_there_are_fewest():
    rows = pd.DataFrame({"N": [1, 1, 1, 2, 2, 2], "D": 5, "seed": [0, 1, 2, 0, 0, 1]})
    assert fewest_seeds(rows) == 2
    assert fewest_seeds(rows.assign(data_seed=range(6))) == 3
    assert fewest_seeds(rows.drop(columns="seed")) == 1


@pytest.mark.parametrize(
    ("value", "interval", "said"),
    [
        (0.5, (0.45, 0.55), "Not held if the estimate lay 0.05 (1 half-widths"),
        (0.8, (0.7, 0.9), "Not refuted if the estimate lay 0.1 (1 half-widths of its interval) cl"),
        (0.55, (0.35, 0.75), "Held if the interval around this estimate reached less than 0.05 to"),
        (0.7, (0.4, 1.0), "Refuted if the interval around this estimate reached less than 0.1"),
        (0.5, (0.3, float("inf")), "Held if the data told the estimate, 0.5, from 0.6."),
    ],
)
def test_what_would_have_changed_the_word(value, interval, said):
    assert turning({"low": 0.4, "high": 0.6}, value, interval).startswith(said)
