"""Sweeps go on while the best value lies at an end, and no further."""

import json
import math
import pickle

import pytest

from scaling_lab import MLP, Digits, LabError, Recipe, Run, Supervised, axis, product, sweep, sweeps
from scaling_lab.artifacts import kept_runs
from scaling_lab.engine import runner
from scaling_lab.experiment import Experiment, load
from scaling_lab.lineage import parents
from scaling_lab.storage.records import Store

TEXT = dict.fromkeys(("title", "question", "prediction", "cost", "command"), "x")


@pytest.fixture
def made(tmp_path):
    """An experiment of two scales and two seeds with a sweep of two values."""
    base = Run(
        learner=Supervised(),
        data=Digits(),
        model=MLP(depth=1),
        recipe=Recipe(batch_size=32),
        D=60,
        steps=4,
    )
    grid = product(
        axis("N", [600, 2_000]),
        sweep("learning_rate", [1e-3, 3e-3], most=2),
        axis("seed", [0, 1]),
    )
    file = tmp_path / "e01_sweep.py"
    file.write_text('"""x"""')
    return Experiment(name="e01_sweep", file=file, text=TEXT, base=base, grid=grid)


def rows_of(experiment, loss):
    """Rows as a survey gives them; loss(N, rate, seed) is None for a diverged run."""
    found = {}
    for cell in experiment.cells:
        value = loss(*(float(cell.axes[name]) for name in ("N", "learning_rate", "seed")))
        status = "diverged" if value is None else "done"
        found[cell.name] = {"status": status, "best_valid_loss": value}
    return found


def until_settled(experiment, loss):
    """The values tried at each N, sorted, once nothing is added any more."""
    rates, count = {}, -1
    while len(experiment.cells) != count:
        count = len(experiment.cells)
        experiment = sweeps.extended(experiment, rows_of(experiment, loss))
    for cell in experiment.cells:
        rates.setdefault(cell.axes["N"], set()).add(float(cell.axes["learning_rate"]))
    return {n: sorted(found) for n, found in rates.items()}


def test_each_cell_goes_on_in_its_own_direction(made):
    rates = until_settled(
        made, lambda n, rate, seed: abs(math.log(rate / (0.009 if n == 600 else 3e-4)))
    )
    assert rates[600] == [0.001, 0.003, 0.009, 0.027]
    assert rates[2000] == pytest.approx([1 / 9000, 1 / 3000, 0.001, 0.003], rel=1e-5)


def test_it_ends_after_the_most_values(made):
    rates = until_settled(made, lambda n, rate, seed: -rate)
    assert rates[600] == [0.001, 0.003, 0.009, 0.027]


def test_a_diverged_value_is_no_best_and_an_end_that_needs_no_further_one(made):
    rates = until_settled(made, lambda n, rate, seed: None if rate > 0.005 else -rate)
    assert rates[600] == [0.001, 0.003, 0.009]
    assert until_settled(made, lambda *_: None)[600] == [0.001, 0.003]


def test_all_seeds_get_a_value_and_their_mean_decides(made):
    rows = rows_of(made, lambda n, rate, seed: rate * (-3 if seed else 1))
    wider = sweeps.extended(made, rows)
    assert [dict(point) for point in wider.added[:2]] == [
        {"N": 600, "learning_rate": 0.009, "seed": seed} for seed in (0, 1)
    ]
    assert wider.cells[len(made.grid)].name == "N=600/learning_rate=0.009/seed=0"


def test_a_cell_with_a_missing_run_waits(made):
    rows = rows_of(made, lambda n, rate, seed: -rate)
    del rows[made.cells[0].name]
    assert {point["N"] for point in sweeps.extended(made, rows).added} == {2000}


def test_test_losses_have_no_part(made):
    rows = rows_of(made, lambda n, rate, seed: -rate)
    with_tests = {
        run: row | {"best_test_loss": -row["best_valid_loss"]} for run, row in rows.items()
    }
    assert sweeps.extended(made, rows).added == sweeps.extended(made, with_tests).added


def test_run_trains_records_and_describes_what_is_added(made, tmp_path):
    stopped = runner.run(made, tmp_path, limit=9)
    assert stopped.recorded == {"done": 9}  # eight given, and the first of those added
    done = runner.run(made, tmp_path)
    store = Store(tmp_path / made.name, made.name)
    rows = store.survey("best_valid_loss").rows
    definition = json.loads((store.folder / "experiment.json").read_text())
    asked = sweeps.extended(made, rows)
    assert {cell.name for cell in asked.cells} == set(rows) == set(definition["cells"])
    assert list(definition["extended"]) == definition["cells"][8:] != []
    assert set(definition["extended"].values()) <= {
        f"learning_rate {rate}, the {end} there, was the best"
        for rate, end in (("0.003", "largest"), ("0.009", "largest"), ("0.001", "smallest"))
    }
    assert sum(done.recorded.values()) == len(rows) - 9
    assert runner.run(made, tmp_path).recorded == {}


FILE = """'''Sweep

Question: x
Prediction: x
Cost: x
Command: x
'''
from scaling_lab import MLP, Digits, Recipe, Run, Supervised, axis, product, sweep

base = Run(
    learner=Supervised(), data=Digits(), model=MLP(depth=1), recipe=Recipe(batch_size=32),
    D=60, steps=4,
)
grid = product(axis("N", [600]), sweep("learning_rate", [1e-3, 3e-3], most=1), axis("seed", [0]))
keep = "seed == 0"
"""


def test_parameters_of_added_runs_are_kept_and_found(tmp_path):
    file = tmp_path / "e01_swept.py"
    file.write_text(FILE)
    found = load(str(file))
    runner.run(found, tmp_path)
    added = sweeps.extended(
        found, Store(tmp_path / found.name, found.name).survey(sweeps.metric_of(found)).rows
    ).added_names
    assert len(added) == 1
    assert added < {run.name for run in kept_runs.runs(found, tmp_path)}
    # A grid follows from definitions alone unless it is told where results are.
    of_grid = {point["parent"].run for point in parents(str(file))}
    assert not added & of_grid
    assert {
        point["parent"].run for point in parents(str(file), results=tmp_path)
    } == of_grid | added


def test_a_value_travels_to_workers(made):
    value = made.grid[0]["learning_rate"]
    again = pickle.loads(pickle.dumps(value))
    assert (again, again.factor, again.most, again.why) == (value, value.factor, 2, "")


@pytest.mark.parametrize(
    ("values", "options"),
    [([0.1], {}), ([0.1, 0.1], {}), ([0.1, -1], {}), ([0.1, 0.2], {"factor": 1.0})],
)
def test_a_sweep_that_cannot_go_on_is_refused(values, options):
    with pytest.raises(LabError, match="sweep 'learning_rate'"):
        sweep("learning_rate", values, **options)
