"""An ensemble travels as plain data, and any worker makes the same records of it."""

import json
import pickle
from dataclasses import replace

import pytest

from scaling_lab import Digits, LabError, Store, experiment, identity, registry
from scaling_lab.engine import work, workspace
from scaling_lab.engine.training.trainer import Interrupted
from scaling_lab.engine.widths import Widths
from scaling_lab.plan import make

CLOCK = {"wall_s", "compile_s", "energy_J", "started", "finished"}


class Quiet:
    """A link that remembers what it is told."""

    def __init__(self, stop=False):
        self.stop, self.names, self.flops, self.lines = stop, [], 0.0, []

    def stopping(self):
        return self.stop

    def began(self, names):
        self.names += names

    def advance(self, flops):
        self.flops += flops

    def say(self, line):
        self.lines.append(line)


@pytest.fixture(scope="module")
def task(root, tmp_path_factory):
    found = experiment.load(str(root / "tests" / "tiny_experiment.py"))
    plan = make("tiny", found.cells, Store(tmp_path_factory.mktemp("none")))
    runs = next(iter(plan.programs.values()))
    return work.Task(experiment="tiny", file=str(found.file), runs=tuple(runs[:2]), width=2)


def test_a_task_is_plain_data(task):
    plain = task.to_plain()
    assert json.loads(json.dumps(plain)) == plain
    sent = pickle.loads(pickle.dumps(replace(task, kept={"another", task.names[0]}, beside=2)))
    assert [run.cell.run for run in sent.runs] == [run.cell.run for run in task.runs]
    assert [run.fingerprint for run in sent.runs] == [run.fingerprint for run in task.runs]
    assert (sent.names, sent.flops, sent.program) == (task.names, task.flops, task.program)
    assert (sent.kept, sent.beside, sent.width) == ({task.names[0]}, 2, 2)
    asked = replace(task, snapshots={"another": (1, 2), task.names[1]: (3, 4)})
    assert pickle.loads(pickle.dumps(asked)).snapshots == {task.names[1]: [3, 4]}


def test_a_task_that_travelled_gives_the_same_rows(task, tmp_path):
    here = work.train(task, str(tmp_path), link := Quiet())
    assert link.names == [*task.names]
    assert link.flops == pytest.approx(task.flops)
    there = work.train(pickle.loads(pickle.dumps(task)), str(tmp_path), Quiet())
    workspace.clear()
    for a, b in zip(here.runs, there.runs, strict=True):
        assert {k: v for k, v in a.items() if k not in CLOCK} == {
            k: v for k, v in b.items() if k not in CLOCK
        }
    assert here.curves == there.curves


def test_runs_that_are_others_over_there_are_refused(task):
    plain = task.to_plain()
    plain["runs"][0]["fingerprint"] = "000000000000"
    with pytest.raises(LabError, match="another fingerprint"):
        work.from_plain(plain)
    with pytest.raises(LabError, match=r"the files of digits on .* are not the driver's"):
        work.from_plain(task.to_plain() | {"data": "other"})
    assert work.from_plain(task.to_plain() | {"data": None}).names == task.names


def test_a_class_of_the_experiments_file_is_found_over_there(task, tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        '"""Own.\n\nQuestion: ?\nPrediction: .\nCost: .\nCommand: .\n"""\n'
        "from dataclasses import dataclass\n"
        "from scaling_lab import MLP, Digits, Recipe, Run, Supervised, register\n"
        '@register("model", "own_of_a_file")\n'
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Own(MLP):\n    pass\n"
        "base = Run(learner=Supervised(), data=Digits(), model=Own(depth=1, width=8),"
        " recipe=Recipe(batch_size=32), D=100, steps=10)\n"
        "grid = ({'seed': 0},)\n"
    )
    with registry.scratch():
        found = experiment.load(str(file))
        plan = make("own", found.cells, Store(tmp_path))
        sent = pickle.dumps(work.Task(experiment="own", file=str(file), runs=plan.runs, width=1))
    with registry.scratch():
        assert type(pickle.loads(sent).runs[0].cell.run.model).__name__ == "Own"


def test_a_stop_before_the_beginning_is_heard(task, tmp_path):
    for function in (work.train, work.measure):
        with pytest.raises(Interrupted):
            function(task, str(tmp_path), Quiet(stop=True))


def test_a_worker_tells_its_width_and_knows_one_measured_before(task, tmp_path):
    found = work.measure(replace(task, width=0), str(tmp_path), link := Quiet())
    assert (found.width, link.lines) == (1, [])  # too little work to be worth a trial
    known = replace(task, known={found.device: 3})
    assert work.measure(known, str(tmp_path), Quiet(stop=True)) == (found.device, 3)


def test_widths_that_are_no_widths_are_measured_again(tmp_path):
    path = tmp_path / ".work" / "widths.json"
    path.parent.mkdir()
    for text in ("[1]", '"a"', "7", "{", '{"p on cpu": 0}', '{"p on cpu": "4"}', '{"p on c": 2.5}'):
        path.write_text(text)
        said = []
        assert Widths(tmp_path, said.append).of("p") == {}
        assert said == [f"{path} holds what is no width: ignored, and measured again"]
    for width in (-3, True, None, 10**9):
        path.write_text(json.dumps({"p on cpu": width, "p on gpu: on loan": 64}))
        assert Widths(tmp_path).of("p") == {"gpu: on loan": 64}
    Widths(tmp_path).remember("p", "cpu", 2)
    assert Widths(tmp_path, said.append).of("p") == {"gpu: on loan": 64, "cpu": 2}
    assert len(said) == 1


def test_a_checkpoint_is_of_the_data_it_was_trained_on(task, tmp_path):
    """The bytes of a source's files are not in the fingerprint, but a digest of them is known."""
    folders = {work.checkpointer(replace(task, data=d), tmp_path).folder for d in ("a", "b", None)}
    assert len(folders) == 3
    sent = pickle.loads(pickle.dumps(one := replace(task, data=identity.data_digest(Digits()))))
    assert one.data is not None
    assert work.checkpointer(sent, tmp_path).folder == work.checkpointer(one, tmp_path).folder
