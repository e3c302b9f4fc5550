"""Parameters of the runs that an experiment selects are kept, also after interruptions."""

import dataclasses
import threading

import jax
import numpy as np
import pytest

from scaling_lab import LabError, Store, config, experiment
from scaling_lab.artifacts import kept_runs
from scaling_lab.engine import runner
from scaling_lab.engine.training import program
from scaling_lab.engine.training.checkpoint import Checkpointer
from scaling_lab.engine.training.trainer import Finish, Interrupted, train
from scaling_lab.storage import parameters


@pytest.fixture(scope="module")
def tiny(root):
    loaded = experiment.load(str(root / "tests" / "tiny_experiment.py"))
    return dataclasses.replace(loaded, keep=lambda point: point["D"] == 60)


def test_selected_parameters_are_kept_and_reproduce_the_record(tiny, tmp_path):
    runner.run(tiny, tmp_path, limit=4)
    folder = tmp_path / tiny.name
    runs = Store(folder).runs().set_index("run")
    cells = [cell for cell in tiny.cells if cell.name in runs.index]
    wanted = [cell for cell in cells if cell.axes["D"] == 60]
    assert 0 < len(wanted) < len(cells)
    files = {path.stem for path in (folder / parameters.FOLDER).iterdir()}
    assert files == {config.fingerprint(cell.run) for cell in wanted}
    run = wanted[0].run
    params = parameters.load(folder, config.fingerprint(run))
    learner = run.learner.bind(run)
    state = jax.eval_shape(
        lambda: learner.init(jax.random.key(0), dict(config.traced_values(run)))
    )._replace(params=params)
    found = learner.evaluate(state, {**config.traced_values(run), "data": learner.data()})
    assert float(found["test_loss"]) == pytest.approx(runs["test_loss"][wanted[0].name], rel=1e-5)


def test_the_parameters_of_a_branch_are_its_own_and_survive_an_interruption(small, tmp_path):
    recipe = dataclasses.replace(small.recipe, schedule="wsd", decay=0.25)
    runs = [dataclasses.replace(small, recipe=recipe, steps=steps) for steps in (64, 256)]
    data = program.load(small)
    built = program.build(runs[0], 1, data)

    def trained(runs, **given):
        found = {}

        def call(run, params):
            found[run.steps] = params
            return {"measured": float(run.steps)}

        ending = Finish(lambda run: True, call)
        return found, train(built, data, runs, finish=ending, **given)

    together, outcomes = trained(runs)
    assert [outcome.final for outcome in outcomes] == [{"measured": 64.0}, {"measured": 256.0}]
    for run in runs:
        alone, _ = trained([run])
        jax.tree.map(np.testing.assert_array_equal, together[run.steps], alone[run.steps])

    stop, checkpointer = threading.Event(), Checkpointer(tmp_path, worth=0.0)
    taken = []

    def progress(steps):
        taken.append(steps)
        if sum(taken) > 85:
            stop.set()

    with pytest.raises(Interrupted):
        trained(runs, stopping=stop.is_set, progress=progress, checkpointer=checkpointer)
    after, outcomes = trained(runs, checkpointer=checkpointer)
    assert set(after) == {256}  # the branch had ended; its final metrics are not lost
    assert [outcome.final for outcome in outcomes] == [{"measured": 64.0}, {"measured": 256.0}]
    jax.tree.map(np.testing.assert_array_equal, after[256], together[256])


def test_missing_and_damaged_files_are_one_line_errors(tmp_path):
    with pytest.raises(LabError, match="were not kept"):
        parameters.load(tmp_path, "abc")
    parameters.save(tmp_path, "abc", {"a": {"b": np.arange(3)}})
    assert parameters.load(tmp_path, "abc")["a"]["b"].tolist() == [0, 1, 2]
    whole = parameters.path(tmp_path, "abc").read_bytes()
    flipped = bytes([*whole[:60], whole[60] ^ 255, *whole[61:]])
    for broken in (b"PK nothing", whole[:-40], whole[:20], flipped):
        parameters.path(tmp_path, "abc").write_bytes(broken)
        with pytest.raises(LabError, match="cannot be read"):
            parameters.load(tmp_path, "abc")


def test_a_name_without_a_match_lists_a_few_runs(tiny, tmp_path):
    nobody = dataclasses.replace(tiny, keep=lambda point: False)
    runner.run(nobody, tmp_path, limit=8)
    with pytest.raises(
        LabError, match=r"no run of .* kept its parameters; select runs with 'keep' in .*py"
    ):
        kept_runs.runs(nobody, tmp_path)
    folder = tmp_path / tiny.name
    done = [cell for cell in tiny.cells if cell.name in set(Store(folder).runs()["run"])]
    marks = [config.fingerprint(cell.run) for cell in done]
    for mark in marks:
        parameters.save(folder, mark, {"a": np.zeros(1)})
    assert [run.fingerprint for run in kept_runs.runs(tiny, tmp_path, marks[3])] == [marks[3]]
    with pytest.raises(LabError, match="is named 'gru'; name one of ") as raised:
        kept_runs.runs(tiny, tmp_path, "gru")
    said = str(raised.value)
    shown = [mark for mark in marks if f"{mark} (N = " in said]
    assert len(shown) == kept_runs.SHOWN
    assert f"{len(marks) - kept_runs.SHOWN} more" in said


def test_a_rule_that_fails_says_where(tiny):
    broken = dataclasses.replace(tiny, keep=lambda point: point["sed"] == 0)
    with pytest.raises(LabError, match=r"'keep' in .*KeyError: 'sed'"):
        broken.kept(broken.cells)


def test_which_runs_keep_their_parameters_may_be_a_condition(tiny):
    def kept(keep):
        runs = dataclasses.replace(tiny, keep=keep).kept(tiny.cells)
        return {cell.name for cell in tiny.cells if cell.run in runs}

    largest = kept("D == D.max() and not learning_rate in [3e-3]")
    assert largest == kept(lambda point: point["D"] == 1000 and point["learning_rate"] == 1e-2)
    assert len(largest) == 2
    assert kept("N in [] or D == None") == set()
    for keep, said in (("learning_rat > 0", "did you mean 'learn"), ("D = 60", "write '=='")):
        with pytest.raises(LabError, match=rf"\A'keep' in [^\n]*{said}[^\n]*\Z"):
            kept(keep)
