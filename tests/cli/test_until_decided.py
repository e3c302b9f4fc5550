"""`run --until-decided`: looks once at each registered share, and stops when decided."""

from dataclasses import replace

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
        gate={"undertrained": 1},
    )
    file = folder / "e01_looks.py"
    file.write_text('"""x"""')
    return Experiment(name="e01_looks", file=file, text=TEXT, base=base, grid=grid, claims=(claim,))


@pytest.fixture
def call(tmp_path):
    def call(found, given, most=9):
        said, trained = [], []

        def train(one, names):
            trained.append(sorted(names))
            if len(trained) > most:
                raise KeyboardInterrupt
            return runner.run(one, tmp_path, names=names, width=1)

        found = until_decided.registered(found, tmp_path / found.name, given)
        until_decided.run(found, tmp_path, train, said.append)
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


def test_an_interrupted_call_goes_on_and_looks_once_at_each_share(call, tmp_path):
    found = experiment(tmp_path, high=1e-6)
    found = replace(found, claims=(replace(found.claims[0], gate={"cell_seeds": 9}),))
    budget = f"{sum(costs(found))}"
    with pytest.raises(KeyboardInterrupt):
        call(found, budget, most=1)
    before = path.read(tmp_path / found.name).looks
    said, _ = call(found, budget)
    looks = path.read(tmp_path / found.name).looks
    assert looks[: len(before)] == before
    shares = [look.share for look in looks]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert said[-1] == "undecided: loss"
    assert sum(1 - look.level for look in looks) == pytest.approx(0.05)


def test_another_budget_than_the_registered_is_refused(call, tmp_path):
    found = replace(experiment(tmp_path, 1), looks=Looks(budget=1e9))
    with pytest.raises(LabError, match=r"1e\+09 FLOP is registered"):
        call(found, "600s")
    with pytest.raises(LabError, match="needs --budget"):
        call(replace(found, looks=None), None)
