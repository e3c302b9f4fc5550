"""`run --until-decided`: looks once at each registered share, and stops when decided."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from scaling_lab import MLP, Claim, Digits, LabError, Looks, Recipe, Run, Supervised, axis, product
from scaling_lab.analysis.report.read import read
from scaling_lab.analysis.report.write import judge
from scaling_lab.cli import until_decided
from scaling_lab.engine import runner
from scaling_lab.experiment import Experiment
from scaling_lab.registration import log, path

TEXT = dict.fromkeys(("title", "question", "prediction", "cost", "command"), "x")


def experiment(folder, high):
    """Four cells of three seeds, and a claim about the cheaper ones."""
    base = Run(
        learner=Supervised(),
        data=Digits(),
        model=MLP(depth=1),
        recipe=Recipe(batch_size=32, learning_rate=1e-3),
        D=60,
        steps=4,
    )
    grid = product(axis("N", [600, 2_000]), axis("steps", [4, 8]), axis("seed", [0, 1, 2]))
    claim = Claim(
        name="loss",
        kind="value",
        at={"N": 600},
        where="steps == 4",
        low=0,
        high=high,
        reason="a test",
        gate={"undertrained": 1, "sweep_end": 1},
    )
    file = folder / "e01_looks.py"
    file.write_text('"""x"""')
    return Experiment(name="e01_looks", file=file, text=TEXT, base=base, grid=grid, claims=(claim,))


@pytest.fixture
def call(tmp_path):
    def call(found, given, folder=tmp_path):
        said, trained = [], []

        def train(one, names):
            trained.append(sorted(names))
            return runner.run(one, folder, names=names, width=1)

        found = until_decided.registered(found, folder / found.name, given)
        summary = until_decided.run(found, folder, train, said.append)
        assert sum(summary.recorded.values()) == sum(map(len, trained))
        assert (summary.seconds > 0) == bool(trained)
        return said, trained

    return call


def costs(found):
    return [cell.run.learner.cost(cell.run).total * cell.run.steps for cell in found.cells]


def test_it_stops_at_the_look_that_decides(call, tmp_path):
    found = experiment(tmp_path, high=100)
    said, trained = call(found, f"{sum(costs(found))}")
    looks = path.read(tmp_path / found.name).looks
    assert looks[-1].claims[0]["word"] == "held"
    assert said[-1] == "every claim is decided"
    assert sum(map(len, trained)) < len(found.cells)
    assert all("/steps=4/" in run for run in trained[0])
    registered = log.read(tmp_path / found.name)
    assert registered.last.texts.looks["budget"] == pytest.approx(sum(costs(found)))
    again, more = call(found, None)
    assert (again, more) == (["every claim is decided"], [])
    # Verdicts of the page have the level of the last look, and a plain run amends nothing.
    shown = read(tmp_path / found.name)
    judge(shown)
    assert shown.path.last == looks[-1]
    runner.run(found, tmp_path, limit=1)
    assert len(log.read(tmp_path / found.name).entries) == 1


def exponent(folder):
    """Six cells of two seeds, and a claim about an exponent that they leave open."""
    found = experiment(folder, 1)
    grid = product(axis("steps", [2, 3, 4, 6, 8, 12]), axis("seed", [0, 1]))
    claim = Claim(name="alpha", law="power_law", x="C", parameter="alpha", low=1, high=2)
    return replace(found, grid=grid, claims=(claim,))


def told(folder):
    """What a path says, without the times."""
    found = path.read(folder)
    looks = [replace(look, time="") for look in found.looks]
    return looks, [replace(one, time="") for one in found.rounds]


def test_the_cells_are_chosen_by_what_they_tell_once_enough_is_known(call, tmp_path):
    found = exponent(tmp_path)
    said, trained = call(found, f"{sum(costs(found))}")
    looks, rounds = told(tmp_path / found.name)
    whys = [one.why["alpha"] for one in rounds]
    assert whys[0] == "the cheapest, while too little is known"
    assert whys[-1].startswith("they lower the expected error of alpha")
    # Whole cells, each once, and no more than was chosen.
    assert [sorted(one.runs) for one in rounds] == trained
    every = [run for one in rounds for run in one.runs]
    assert sorted(every) == sorted(cell.name for cell in found.cells)
    shares = [look.share for look in looks]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert said[-1] == "undecided: alpha"
    assert sum(1 - look.level for look in looks) == pytest.approx(0.05)


def test_nothing_is_trained_that_no_open_claim_is_about(call, tmp_path):
    found = experiment(tmp_path, high=1e-6)
    found = replace(found, claims=(replace(found.claims[0], gate={"cell_seeds": 9}),))
    total = sum(costs(found))
    said, trained = call(found, f"{total}")
    looks, _ = told(tmp_path / found.name)
    assert sum(map(len, trained)) == 3  # the cell at N = 600 and 4 steps
    share = sum(costs(found)[:3]) / total
    # Nothing is left: one look, before the budget is spent, and at the level of what is spent.
    assert [look.share for look in looks] == [pytest.approx(share)]
    assert 1 - looks[0].level == pytest.approx(Looks(budget=1).spent(share))
    assert said[-1] == "undecided: loss"
    assert call(found, None) == (["undecided: loss"], [])


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_until_decided as own
from scaling_lab.cli import until_decided
from scaling_lab.engine import recorder, runner
from scaling_lab.registration import path

folder, where, count = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
calls = dict.fromkeys(("record", "begin", "append"), 0)

def counted(name, function, dies_first):
    def call(*given, **named):
        calls[name] += 1
        dies = name == where and calls[name] == count
        if dies and dies_first:
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*given, **named)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    return call

recorder.Recorder.record = counted("record", recorder.Recorder.record, False)
path.begin = counted("begin", path.begin, False)
path.append = counted("append", path.append, True)
found = own.exponent(folder)
budget = f"{sum(own.costs(found))}"
found = until_decided.registered(found, folder / found.name, budget)
train = lambda one, names: runner.run(one, folder, names=names, width=1)
until_decided.run(found, folder, train, print)
"""


@pytest.mark.slow
def test_after_kills_the_path_is_that_of_an_undisturbed_run(call, tmp_path):
    found = exponent(tmp_path)
    whole = f"{sum(costs(found))}"
    (tmp_path / "killed").mkdir()
    # In a round's training, before a look is written, and after a round is chosen.
    for where, count in (("record", 3), ("append", 1), ("begin", 2)):
        arguments = [str(Path(__file__).parent), str(tmp_path / "killed"), where, str(count)]
        ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
        assert ended.returncode == -signal.SIGKILL
    again, trained = call(found, whole, folder=tmp_path / "killed")
    said, once = call(found, whole)
    assert told(tmp_path / "killed" / found.name) == told(tmp_path / found.name)
    assert again[-1] == said[-1]
    assert sum(map(len, trained)) < sum(map(len, once))
    tables = (tmp_path / "killed" / found.name / "runs").glob("*.parquet")
    runs = [run for one in tables for run in pd.read_parquet(one, columns=["run"])["run"]]
    assert sorted(runs) == sorted(cell.name for cell in found.cells)


def test_another_budget_than_the_registered_is_refused(call, tmp_path):
    found = replace(experiment(tmp_path, 1), looks=Looks(budget=1e9))
    with pytest.raises(LabError, match=r"1e\+09 FLOP is registered"):
        call(found, "600s")
    with pytest.raises(LabError, match="needs --budget"):
        call(replace(found, looks=None), None)


def test_seconds_are_budgeted_from_what_is_recorded(call, tmp_path):
    found = exponent(tmp_path)
    said, trained = call(found, "1e5s")
    looks, rounds = told(tmp_path / found.name)
    assert len(rounds[0].runs) == 2  # nothing is known of a second: one cell
    assert sum(map(len, trained)) == len(found.cells)
    assert [look.spent > 0 for look in looks] == [True]  # nothing was left, long before the end
    assert 1 - looks[0].level == pytest.approx(Looks(budget=1e5).spent(looks[0].spent / 1e5))
    assert said[-1] == "undecided: alpha"
