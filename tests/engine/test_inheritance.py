"""Runs that start from the kept parameters of another experiment's."""

import dataclasses
import threading

import jax
import numpy as np
import pytest

from scaling_lab import LabError, Store, config, definition, experiment, identity, registry
from scaling_lab.engine import inheritance, runner
from scaling_lab.engine.training import program
from scaling_lab.engine.training.checkpoint import Checkpointer
from scaling_lab.engine.training.trainer import Interrupted, train
from scaling_lab.plan import make, state_of
from scaling_lab.storage import parameters

TEXT = '"""{title}.\n\nQuestion: ?\nPrediction: .\nCost: .\nCommand: .\n"""\n'
PRETRAINING = """
from scaling_lab import MLP, Digits, Recipe, Run, Snapshots, Supervised, axis, product

base = Run(
    learner=Supervised(), data=Digits(), model=MLP(depth=1), recipe=Recipe(batch_size=32), steps=40
)
grid = product(axis("N", [700, 2_000]), axis("D", [100, 200]), axis("seed", [0, 1]))
keep = "D == max(D) and seed == 0"
snapshots = Snapshots(first=10)
"""
TUNING = """
from dataclasses import dataclass, replace

from scaling_lab import (
    MLP, Digits, Recipe, Run, Supervised, axis, chain, parents, product, register
)
from scaling_lab.data import Split, Splits


@register("data", "low_digits")
@dataclass(frozen=True, kw_only=True)
class LowDigits(Digits):
    spec = replace(Digits.spec, outputs=4, examples=400)

    def load(self):
        splits = Digits().load()
        low = [Split(x[y < 4], y[y < 4]) for x, y in splits]
        return Splits(Split(low[0].x[:400], low[0].y[:400]), *low[1:])


base = Run(
    learner=Supervised(), data=LowDigits(), model=MLP(depth=1, width=8),
    recipe=Recipe(batch_size=32), steps=20,
)
pretrained = parents("pretraining", "D == 200", ["N"])
grid = chain(
    product(pretrained, axis("D", [50, 100])),
    product(axis("model", [pretrained[0]["parent"].defined.model]), axis("D", [50])),
)
keep = "D == 50"
"""


@pytest.fixture
def files(tmp_path):
    """Two experiment files: one to start from, and one that fine-tunes on four classes."""
    for name, text in (("pretraining", PRETRAINING), ("tuning", TUNING)):
        (tmp_path / f"{name}.py").write_text(TEXT.format(title=name) + text)
    with registry.scratch():
        yield tmp_path


def test_a_grid_finds_the_parent_of_each_size(files):
    found, other = (experiment.load(str(files / f"{n}.py")) for n in ("tuning", "pretraining"))
    assert files / "pretraining.py" in found.behind
    *tuned, fresh = found.cells
    assert [cell.axes["N"] for cell in tuned] == [700, 700, 2_000, 2_000]
    assert fresh.run.parent is None
    kept = {cell.name: cell.run for cell in other.cells}
    for cell in tuned:
        parent = cell.run.parent
        assert parent is not None
        assert parent.run == f"N={cell.axes['N']}/D=200/seed=0"
        assert config.fingerprint(kept[parent.run]) == parent.fingerprint
        assert cell.run.model == kept[parent.run].model
    assert tuned[0].name == "N=700/parent=pretraining(N=700, D=200, seed=0)/D=50"
    assert definition.described(found)["axes"]["parent"] == [
        *(f"pretraining(N={n}, D=200, seed=0)" for n in (700, 2_000)),
        None,
    ]
    assert definition.described(found)["families"] == {"parent_experiment": "pretraining"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("parents('pretraining', 'D == 100')", "selects none of the 2 runs of pretraining"),
        ("parents('pretraining', 'E == 100')", r"the condition of parents\('pretraining', ...\)"),
        ("parents('pretraining', axes=['width'])", "axis of pretraining.*'width'"),
        ("parents('pretraining', step=7)", r"no snapshot after 7 steps; .* \(10, 20\)"),
        ("parents('tuning')", "tuning starts from runs of its own"),
        ("parents('nowhere')", "unknown experiment 'nowhere'"),
    ],
)
def test_a_wrong_choice_of_parents_is_one_line(files, call, said):
    text = (files / "tuning.py").read_text()
    (files / "tuning.py").write_text(
        text.replace('parents("pretraining", "D == 200", ["N"])', call)
    )
    with pytest.raises(LabError, match=said) as raised:
        experiment.load(str(files / "tuning.py"))
    assert "\n" not in str(raised.value)


def test_missing_and_stale_parents_are_refused_before_training(files, tmp_path, monkeypatch):
    tuning = experiment.load(str(files / "tuning.py"))
    results = tmp_path / "results"

    def refused(said):
        with pytest.raises(LabError, match=said) as raised:
            runner.run(tuning, results, width=1)
        assert "\n" not in str(raised.value)
        assert len(Store(results / "tuning").runs()) == 0

    refused("starts from pretraining.*which is not recorded in .*; first: scaling-lab run pretrain")
    pretraining = experiment.load(str(files / "pretraining.py"))
    old = dataclasses.replace(pretraining.base, steps=30)
    runner.run(dataclasses.replace(pretraining, base=old), results, width=1)
    refused("recorded in .* under another definition; .* scaling-lab run pretraining --retrain")
    runner.run(pretraining, results, width=1, retrain=True)
    with monkeypatch.context() as changed:  # under the same fingerprint
        changed.setattr(identity, "data_digest", lambda source: "of other files")
        row = {"data_digest": "of these files"}
        survey = Store.survey
        changed.setattr(
            Store,
            "survey",
            lambda self, *columns: survey(self, *columns)._replace(
                rows={k: {**v, **row} for k, v in survey(self, *columns).rows.items()}
            ),
        )
        with pytest.raises(LabError, match="under another definition"):
            inheritance.require_parents(tuning.cells, results)
    parent = tuning.cells[0].run.parent
    parameters.path(results / "pretraining", parent.fingerprint).unlink()
    refused(f"{parent.fingerprint}.npz does not exist; select it in the 'keep' of pretraining")


def test_arrays_of_equal_path_and_shape_are_taken_and_the_head_is_new(files, tmp_path):
    results = tmp_path / "results"
    tuning = experiment.load(str(files / "tuning.py"))
    runner.run(experiment.load(str(files / "pretraining.py")), results, width=1)
    runner.run(tuning, results, width=2)
    rows = Store(results / "tuning").runs().set_index("run")
    assert rows["program"].nunique() == 2  # of both widths; one serves the run without a parent too
    tuned, fresh = rows.loc[tuning.cells[0].name], rows.loc[tuning.cells[-1].name]
    assert tuned["parent"] == "pretraining(N=700, D=200, seed=0)"
    assert tuned["parent_share"] == pytest.approx(1 - (tuned["N_head"] + 4) / tuned["N"])
    assert np.isnan(fresh["parent_share"])
    assert fresh["parent"] is None or np.isnan(fresh["parent"])

    # In an ensemble with one that starts afresh: each has what it should have.
    runs = [tuning.cells[0].run, tuning.cells[-1].run]
    data = program.load(runs[0])
    built = program.build(runs[0], 2, data)
    carry, _ = built.advance(
        built.begin(), built.stack(runs), data, 0, fresh=True, evaluating=False
    )
    initial = parameters.leaves(jax.device_get(carry.state.params))
    theirs = parameters.leaves(inheritance.load(runs[0].parent, results))
    carry = inheritance.replaced(built, carry, [inheritance.load(runs[0].parent, results), None])
    now = parameters.leaves(jax.device_get(carry.state.params))
    for path, leaf in now.items():
        own = theirs[path] if theirs[path].shape == leaf.shape[1:] else initial[path][0]
        np.testing.assert_array_equal(leaf[0], own)
        np.testing.assert_array_equal(leaf[1], initial[path][1])

    def start(run):
        return inheritance.load(run.parent, results) if run.parent else None

    # Alone, together, and interrupted: the same numbers.
    together = train(built, data, runs, start=start)
    recorded = Store(results / "tuning").curves().query("run == @tuning.cells[0].name")
    assert recorded["test_loss"].tolist() == pytest.approx(
        [row["test_loss"] for row in together[0].curve], rel=1e-5
    )
    untold = train(built, data, runs)
    assert together[1].curve == untold[1].curve
    assert together[0].curve != untold[0].curve
    stop, checkpointer = threading.Event(), Checkpointer(tmp_path / "checkpoints", worth=0.0)
    longer = [dataclasses.replace(run, steps=100) for run in runs]
    uninterrupted = train(built, data, longer, start=start)
    with pytest.raises(Interrupted):
        train(
            built,
            data,
            longer,
            start=start,
            stopping=stop.is_set,
            progress=lambda steps: stop.set(),
            checkpointer=checkpointer,
        )
    resumed = train(built, data, longer, start=start, checkpointer=checkpointer)
    assert [one.curve for one in resumed] == [one.curve for one in uninterrupted]

    # What `plan` says, and a model that can take nothing.
    made = make("tuning", tuning.cells, Store(results / "tuning"))
    programs = {run.program: run.cell.run for run in made.runs}
    shapes = {key: program.build(run, 1, data).shapes for key, run in programs.items()}
    (line,) = inheritance.described(tuning.cells, shapes, results)
    assert line.startswith("4 runs start from 2 kept runs of pretraining; share of N taken: 0.9")
    assert line.endswith("new: head/bias, head/kernel.")
    other = dataclasses.replace(runs[0], model=dataclasses.replace(runs[0].model, width=9))
    nothing = dict.fromkeys(now, (9, 9, 9))
    with pytest.raises(LabError, match="a mlp can take nothing from pretraining"):
        inheritance.inherited(other, nothing, results)


def test_a_child_is_stale_once_its_parent_keeps_other_parameters(files, tmp_path):
    results = tmp_path / "results"
    tuning, pretraining = (
        experiment.load(str(files / f"{n}.py")) for n in ("tuning", "pretraining")
    )
    runner.run(pretraining, results, width=1)
    runner.run(tuning, results, width=2)
    store = Store(results / "tuning")
    rows = store.runs(config=True)
    with_parent = rows["parent"].notna()
    assert rows["parent_content"].notna().tolist() == with_parent.tolist()
    assert set(make("tuning", tuning.cells, store).counts) == {"done"}

    parent = tuning.cells[0].run.parent
    folder = results / "pretraining"
    retrained = jax.tree.map(lambda leaf: leaf + 1, inheritance.load(parent, results))
    parameters.save(folder, parent.fingerprint, retrained)  # trained again, of one fingerprint
    made = make("tuning", tuning.cells, store)
    names = {cell.name for cell in tuning.cells if cell.run.parent == parent}
    assert {run.name for run in made.stale} == names
    ((what, old, new, count),) = made.changes()
    assert what == "parameters kept by its parent in pretraining"
    assert (old, count) == (rows.set_index("run")["parent_content"][min(names)], len(names))
    assert new == inheritance.content(parent, results)
    with pytest.raises(LabError, match="parameters kept by its parent in pretraining: ") as raised:
        runner.run(tuning, results, width=2)
    assert "\n" not in str(raised.value)
    assert runner.run(tuning, results, width=2, retrain=True).recorded == {"done": len(names)}
    assert set(make("tuning", tuning.cells, store).counts) == {"done"}

    recorded = store.survey(*identity.COLUMNS).rows[min(names)]
    now = identity.identities(tuning.cells)[min(names)]
    assert state_of(recorded | {"parent_content": old}, now, results) == "stale"
    assert state_of(recorded | {"parent_content": None}, now, results) == "done"  # an old record
    path = parameters.path(folder, parent.fingerprint)
    path.unlink()  # nothing tells that the child is outdated
    assert set(make("tuning", tuning.cells, store).counts) == {"done"}
