"""A recorded run is trained again: equal bits, or what differs and since when."""

import json

import pytest

from scaling_lab import LabError, Store, config, experiment, rerun, run
from scaling_lab.engine import comparison, provenance
from scaling_lab.engine.training.trainer import Interrupted
from scaling_lab.storage.objects import mirror
from scaling_lab.storage.schema import RUN_COLUMNS

NAMES = [f"N=600/D=60/learning_rate={rate}" for rate in (0.003, 0.01)]


@pytest.fixture(scope="module")
def store(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    found = experiment.load(str(root / "tests" / "tiny_experiment.py"))
    run(found, folder, only="N == 600 and D == 60", width=2, workers=1)
    return Store(folder / "tiny_experiment")


def rows(store):
    """The rows of both tables, missing values as None."""
    frames = store.runs(config=True), store.curves()
    return [frame.astype(object).where(frame.notna(), None).to_dict("records") for frame in frames]


def altered(store, folder, change):
    """A copy of the store in which `change(row, curve)` has altered the first run's record."""
    runs, curves = rows(store)
    change(runs[0], [one for one in curves if one["run"] == runs[0]["run"]])
    copy = Store(folder / "tiny_experiment")
    copy.append(runs, curves)
    return copy


def test_a_run_gives_the_same_bits_again_and_nothing_is_recorded(store):
    before = rows(store)
    found = rerun(store, NAMES[1])
    assert found.run == NAMES[1]
    assert found.differences == found.provenance == found.unknown == ()
    assert (found.tolerance, found.parts_at, found.equal) == (0.0, None, 300)
    assert found.compared > 50
    assert rows(store) == before
    assert [path.name for path in store.folder.parent.iterdir()] == ["tiny_experiment"]


def test_what_differs_is_told_with_its_size_and_the_step_it_begins_at(store, tmp_path):
    def change(row, curve):
        row["test_loss"] *= 1 + 1e-3
        for point in curve[4:]:
            point["valid_loss"] *= 1 - 1e-6
        environment = json.loads(row["environment"])
        row["environment"] = json.dumps(environment | {"threads": 64, "OMP_NUM_THREADS": "7"})
        row["versions"] = json.dumps(json.loads(row["versions"]) | {"jax": "0.0.1"})
        row["code"] = "other"

    changed = altered(store, tmp_path, change)
    steps = [row["step"] for row in rows(changed)[1] if row["run"] == NAMES[0]]
    found = rerun(changed, found_mark := rows(changed)[0][0]["fingerprint"][:8])
    assert found.fingerprint.startswith(found_mark)
    assert found.tolerance == pytest.approx(1e-3, rel=1e-2)
    assert found.largest is not None
    assert (found.largest.name, found.largest.step) == ("test_loss", None)
    assert (found.equal, found.parts_at) == (steps[3], steps[4])
    assert {what for what, _, _ in found.provenance} == {
        "environment threads",
        "environment OMP_NUM_THREADS",
        "versions jax",
        "code",
    }


def test_an_old_record_does_not_tell_all(store, tmp_path):
    new = {"code", "data_digest", "environment"}
    assert new <= {column.name for column in RUN_COLUMNS}
    old = altered(store, tmp_path, lambda row, curve: row.update(dict.fromkeys(new)))
    found = rerun(old, NAMES[0])
    assert {*found.unknown} == new
    assert found.differences == ()


def test_the_ensemble_is_trained_again_and_recorded_elsewhere(store, tmp_path):
    found = rerun(store, NAMES[0], ensemble=True, to=tmp_path)
    assert found.differences == ()
    other = Store(tmp_path / "tiny_experiment")
    assert [row["run"] for row in rows(other)[0]] == [row["run"] for row in rows(store)[0]]
    with pytest.raises(LabError, match="holds the record itself"):
        rerun(store, NAMES[0], to=store.folder.parent)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("N=600", "is 2 runs of tiny_experiment"),
        ("none", "no recorded run of tiny_experiment is 'none'"),
        ("", "no recorded run of tiny_experiment is ''"),
    ],
)
def test_a_bad_name_is_one_line(store, name, told):
    with pytest.raises(LabError, match=told):
        rerun(store, name)


def test_a_failed_run_and_fields_of_the_past_are_one_line(store, tmp_path):
    failed = {"status": "failed", "reason": "ValueError: no"}
    with pytest.raises(LabError, match="failed: ValueError: no; it left nothing to compare"):
        rerun(altered(store, tmp_path / "a", lambda row, _: row.update(failed)), NAMES[0])

    def older(row, curve):
        values = json.loads(row["config"])
        values["recipe"]["sharpness"] = 1.0
        row["config"] = json.dumps(values)

    with pytest.raises(LabError, match="sharpness"):
        rerun(altered(store, tmp_path / "b", older), NAMES[0])
    with pytest.raises(LabError, match="holds no recorded run"):
        rerun(Store(tmp_path / "empty"), NAMES[0])


def test_it_can_be_stopped(store):
    from scaling_lab.engine.rerun import Quietly

    link = Quietly()
    link.stop.set()
    with pytest.raises(Interrupted):
        rerun(store, NAMES[0], link=link)


def test_a_recorded_default_is_trained_as_it_was(store, tmp_path):
    def other_default(row, curve):
        values = json.loads(row["config"])
        values["recipe"]["momentum"] = 0.5
        row["config"] = json.dumps(values)

    found = rerun(altered(store, tmp_path, other_default), NAMES[0])
    assert "fingerprint" in {what for what, _, _ in found.provenance}
    assert found.tolerance > 1e-3


def test_missing_numbers_and_missing_steps_differ():
    row = {"run": "a", "fingerprint": "b", "status": "done", "test_loss": 1.0, "wall_s": 2.0}
    nan = {**row, "test_loss": float("nan"), "wall_s": 3.0}
    curve = [{"run": "a", "step": 1, "valid_loss": 1.0}, {"run": "a", "step": 2, "valid_loss": 0.0}]
    assert comparison.compare(nan, curve, nan, curve).tolerance == 0
    found = comparison.compare(row, curve, nan, curve[:1])
    assert found.tolerance == float("inf")
    assert [(one.name, one.step) for one in found.differences] == [
        ("test_loss", None),
        ("step", 2),
        ("valid_loss", 2),
    ]
    assert (found.equal, found.parts_at) == (1, 2)


def test_the_environment_tells_what_changes_last_bits(monkeypatch):
    monkeypatch.setenv("NPROC", "3")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX2")
    found = provenance.environment()
    assert found["threads"] == 3
    assert found["XLA_FLAGS"] == "--xla_cpu_max_isa=AVX2"
    assert found["x64"] is False
    assert {*provenance.VARIABLES, "instruction_sets", "cores", "tf32", "driver"} <= {*found}
    assert config.digest(found)  # plain values


def test_ensembles_that_cannot_be_told_apart_are_not_trained_as_one(store, tmp_path):
    narrow = Store(tmp_path / "tiny_experiment")
    runs, curves = rows(store)
    narrow.append([row | {"width": 1} for row in runs], curves)
    with pytest.raises(LabError, match="leave --ensemble out"):
        rerun(narrow, NAMES[0], ensemble=True)


def test_the_ensemble_is_known_among_others_of_the_same_second(root, store, tmp_path):
    """As where an ensemble was split for want of memory, or several trained in parallel."""
    found = experiment.load(str(root / "tests" / "tiny_experiment.py"))
    run(found, tmp_path, only="N == 600 and D == 60", width=1, workers=1)
    beside = Store(tmp_path / "tiny_experiment")
    runs, curves = rows(beside)
    assert runs[0]["ensemble"] != runs[1]["ensemble"] != rows(store)[0][0]["ensemble"]
    clock = {name: runs[0][name] for name in ("started", "finished")}
    beside.append([row | clock for row in runs], curves)
    told = []
    again = rerun(beside, NAMES[0], ensemble=True, begin=lambda task: told.extend(task.names))
    assert told == [NAMES[0]]
    assert again.differences == ()
    old = Store(tmp_path / "old" / "tiny_experiment")
    old.append([row | clock | {"ensemble": None} for row in runs], curves)
    with pytest.raises(LabError, match="leave --ensemble out"):
        rerun(old, NAMES[0], ensemble=True)


def test_an_ensemble_of_which_a_run_was_recorded_again_is_refused(store, tmp_path):
    runs, curves = rows(store)
    part = Store(tmp_path / "tiny_experiment")
    part.append([runs[0], runs[1] | {"ensemble": "another"}], curves)
    with pytest.raises(LabError, match="were recorded again since; leave --ensemble out"):
        rerun(part, NAMES[0], ensemble=True)


def test_results_at_the_url_of_a_file_are_trained_again(store):
    found = rerun(Store(mirror.opened(f"file://{store.folder}")), NAMES[1])
    assert found.differences == ()


def test_a_parent_whose_parameters_are_gone_or_elsewhere_is_one_line(store, tmp_path):
    runs, _ = rows(store)
    for name, told in (("pretraining", "the parameters of its parent"), ("../up", "up")):
        parent = {"experiment": name, "run": "seed=0", "fingerprint": "abc", "step": 0}
        text = json.dumps(json.loads(runs[0]["config"]) | {"parent": parent})
        copy = Store(tmp_path / name.strip("./") / "tiny_experiment")
        copy.append([runs[0] | {"config": text}], [])
        with pytest.raises(LabError, match=told):
            rerun(copy, NAMES[0])
