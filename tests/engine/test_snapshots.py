"""Parameters before the end of a run: without disturbing it, and after interruptions."""

import dataclasses
import threading

import jax
import numpy as np
import pytest

from scaling_lab import LabError, Snapshots, Store, config, experiment
from scaling_lab.engine import runner
from scaling_lab.engine.training import program
from scaling_lab.engine.training.checkpoint import Checkpointer
from scaling_lab.engine.training.trainer import Interrupted, Snapshot, train
from scaling_lab.storage import parameters

POINTS = (1, 5, 40, 64, 70, 200)


@pytest.fixture
def runs(small):
    """Two budgets of one trunk: the shorter branches off at 48."""
    recipe = dataclasses.replace(small.recipe, schedule="wsd", decay=0.25)
    return [dataclasses.replace(small, recipe=recipe, steps=steps) for steps in (64, 256)]


def taken(built, data, runs, **given):
    """The results of training, and the snapshots by steps of the run and step."""
    found = {}

    def call(run, step, params):
        found[run.steps, step] = params

    snapshot = Snapshot(lambda run: [at for at in POINTS if at < run.steps], call)
    return train(built, data, runs, snapshot=snapshot, **given), found


def test_they_disturb_nothing_and_are_those_of_the_run_alone(runs, tmp_path):
    data = program.load(runs[0])
    built = program.build(runs[0], 1, data)
    undisturbed = train(built, data, runs)
    outcomes, together = taken(built, data, runs)
    assert [one.curve for one in outcomes] == [one.curve for one in undisturbed]
    assert [one.sums for one in outcomes] == [one.sums for one in undisturbed]
    assert {*together} == {(64, at) for at in POINTS[:3]} | {(256, at) for at in POINTS}
    for run in runs:
        _, alone = taken(built, data, [run])
        for key, params in alone.items():
            jax.tree.map(np.testing.assert_array_equal, together[key], params)

    stop, steps = threading.Event(), []

    def progress(count):
        steps.append(count)
        if sum(steps) > 90:
            stop.set()

    checkpointer = Checkpointer(tmp_path, worth=0.0)
    found = {}
    with pytest.raises(Interrupted):
        train(
            built,
            data,
            runs,
            snapshot=Snapshot(lambda run: POINTS, lambda run, at, p: found.update({at: p})),
            stopping=stop.is_set,
            progress=progress,
            checkpointer=checkpointer,
        )
    assert {*found} < {*POINTS}
    outcomes, after = taken(built, data, runs, checkpointer=checkpointer)
    assert [one.curve for one in outcomes] == [one.curve for one in undisturbed]
    assert {*found} | {at for _, at in after} >= {*POINTS}
    assert (256, 200) in after
    for key, params in after.items():
        jax.tree.map(np.testing.assert_array_equal, together[key], params)


def test_an_experiment_asks_for_them_and_python_reads_them(root, tmp_path):
    loaded = experiment.load(str(root / "tests" / "tiny_experiment.py"))
    tiny = dataclasses.replace(
        loaded, keep="D == 60 and N == min(N)", snapshots=Snapshots(first=100)
    )
    cells = [cell for cell in tiny.cells if cell.axes["D"] == 60 and cell.axes["N"] == 600]
    runner.run(tiny, tmp_path, cells=cells, width=2)
    folder = tmp_path / tiny.name
    assert Store(folder).runs()["status"].tolist() == ["done", "done"]
    for cell in cells:
        mark = config.fingerprint(cell.run)
        assert parameters.steps(folder, mark) == [100, 200]
        trees = [parameters.load(folder, mark, step) for step in (100, 200, 0)]
        assert len({tuple(parameters.leaves(tree)) for tree in trees}) == 1
        assert parameters.shapes(folder, mark, 100) == {
            path: leaf.shape for path, leaf in parameters.leaves(trees[0]).items()
        }
        kernels = [next(iter(parameters.leaves(tree).values())) for tree in trees]
        assert len({kernel.tobytes() for kernel in kernels}) == 3
        with pytest.raises(LabError, match=r"no snapshot after 7 steps; .* \(100, 200\)"):
            parameters.load(folder, mark, 7)


def test_points_are_log_spaced_in_steps_or_compute(small):
    assert Snapshots().steps(dataclasses.replace(small, steps=9)) == (1, 2, 4, 8)
    assert Snapshots(first=3, ratio=1.5).steps(dataclasses.replace(small, steps=10)) == (3, 4, 7)
    cost = small.learner.cost(small).total
    by_compute = Snapshots(by="C", first=cost * 2.1, ratio=10)
    assert by_compute.steps(dataclasses.replace(small, steps=210)) == (2, 21)
    tiny = Snapshots(by="C", first=cost / 1e3, ratio=10)
    assert tiny.steps(dataclasses.replace(small, steps=50)) == (1, 10)
    with pytest.raises(LabError, match="first above 0 and a ratio above 1"):
        Snapshots(ratio=1)
    with pytest.raises(LabError, match="unit of snapshots"):
        Snapshots(by="flop")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("snapshots = [1, 2]", r"'snapshots' in .* is \[1, 2\]; give Snapshots"),
        ("snapshots = Snapshots()", "sets 'snapshots' and no 'keep'"),
    ],
)
def test_a_wrong_request_is_one_line(root, tmp_path, line, said):
    text = (root / "tests" / "tiny_experiment.py").read_text()
    file = tmp_path / "own.py"
    file.write_text(f"{text}\nfrom scaling_lab import Snapshots\n{line}\n")
    with pytest.raises(LabError, match=said):
        experiment.load(str(file))
