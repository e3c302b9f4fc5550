"""A branch of a trunk is the run trained alone to that budget, to the last bit."""

import dataclasses

import pytest

from scaling_lab import MLP, Digits, Recipe, Run, Supervised
from scaling_lab.engine import ensemble
from scaling_lab.engine.training import branching, program
from scaling_lab.engine.training.trainer import train
from scaling_lab.engine.work import Task

BUDGETS = (50, 100, 200)


@pytest.fixture(scope="module")
def base():
    recipe = Recipe(batch_size=32, schedule="wsd", warmup=5, decay=0.25)
    model = MLP(depth=1, width=8)
    return Run(learner=Supervised(), data=Digits(), model=model, recipe=recipe, D=300, steps=200)


@pytest.fixture(scope="module")
def data(base):
    return program.load(base)


@pytest.fixture(scope="module")
def budgets(base):
    return [dataclasses.replace(base, steps=steps) for steps in BUDGETS]


def test_a_group_holds_what_shares_a_trunk(base, budgets):
    other = [dataclasses.replace(run, seed=1) for run in budgets]
    cosine = dataclasses.replace(base.recipe, schedule="cosine")
    alone = [dataclasses.replace(run, recipe=cosine) for run in budgets]
    found = branching.trunk_groups([*budgets, *other, *alone], lambda run: run)
    assert found == [budgets, other, *([run] for run in alone)]


def test_a_group_costs_little_more_than_its_longest_run(budgets):
    assert [branching.fork(run) for run in budgets] == [38, 75, 150]
    assert branching.steps_to_train(budgets) == 200 + 12 + 25


@pytest.mark.parametrize("width", [1, 2])
def test_branches_are_the_runs_trained_alone(base, data, budgets, width):
    built = program.build(base, width, data)
    second = [dataclasses.replace(run, seed=1) for run in budgets]
    runs = budgets if width == 1 else [*budgets, *second]
    steps = []
    together = train(built, data, runs, progress=steps.append)
    assert sum(steps) == width * branching.steps_to_train(budgets)
    for run, outcome in zip(runs, together, strict=True):
        pair = [run] if width == 1 else [run, dataclasses.replace(run, seed=1 - run.seed)]
        alone = train(built, data, sorted(pair, key=lambda one: one.seed))
        match = alone[0] if width == 1 else alone[run.seed]
        assert outcome.curve == match.curve
        assert outcome.ended


@pytest.mark.parametrize("decay", [0.0, 0.001, 1.0])
def test_decays_of_nothing_and_of_everything_end_with_an_evaluation(base, data, budgets, decay):
    recipe = dataclasses.replace(base.recipe, decay=decay)
    runs = [dataclasses.replace(run, recipe=recipe) for run in budgets]
    built = program.build(runs[0], len(branching.trunk_groups(runs, lambda run: run)), data)
    for run, outcome in zip(runs, train(built, data, runs), strict=True):
        assert outcome.curve[-1]["step"] == run.steps


def test_only_groups_that_branch_alike_go_together(base, budgets):
    from scaling_lab.counting import StepCost
    from scaling_lab.grid import GridPoint
    from scaling_lab.plan import PlannedRun

    def planned(run):
        return PlannedRun(GridPoint({}, run), "", "", "p", StepCost({}, {"matmul": 1.0}, 1))

    alike = [planned(dataclasses.replace(run, seed=s)) for s in range(3) for run in budgets]
    unlike = [planned(dataclasses.replace(run, seed=9)) for run in budgets[1:]]
    cut = ensemble.cut([*alike, *unlike], 2)
    assert [len(runs) for runs in cut] == [6, 3, 2]
    tasks = [Task(experiment="x", runs=runs) for runs in cut]
    assert sum(task.flops for task in tasks) == 3 * 237 + 200 + 25
