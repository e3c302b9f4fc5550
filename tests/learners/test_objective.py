"""A learner says which metric chooses and in which direction, and everything that chooses obeys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from scaling_lab import (
    MLP,
    Digits,
    Experiment,
    Recipe,
    Run,
    Store,
    Supervised,
    axis,
    config,
    definition,
    product,
    protocols,
    register,
    registry,
)
from scaling_lab.analysis.report import write
from scaling_lab.engine import rows, runner
from scaling_lab.engine.trainer import RunResult
from scaling_lab.learners import BoundLearner


@dataclass(frozen=True, kw_only=True)
class ByAccuracy:
    """Classification in which the validation accuracy chooses."""

    objective: ClassVar[str] = "valid_accuracy"
    direction: ClassVar[str] = "max"

    @staticmethod
    def example() -> Run:
        return replace(Supervised.example(), learner=ByAccuracy())

    def spec(self, run):
        return run.data.spec

    def cost(self, run):
        return Supervised().cost(run)

    def bind(self, run) -> BoundLearner:
        inner = Supervised().bind(replace(run, learner=Supervised()))

        def evaluate(state, traced):
            found = inner.evaluate(state, traced)
            return {f"{name}_accuracy": 1.0 - found[f"{name}_error"] for name in ("valid", "test")}

        return inner._replace(evaluate=evaluate, objective=self.objective, direction=self.direction)


@pytest.fixture(scope="module", autouse=True)
def registered():
    with registry.scratch():
        register("learner", "by_accuracy")(ByAccuracy)
        yield


@pytest.fixture(scope="module")
def experiment():
    """Two learning rates, one so small that nothing is learned."""
    base = Run(
        learner=ByAccuracy(),
        data=Digits(),
        model=MLP(depth=1, width=8),
        recipe=Recipe(batch_size=32),
        D=500,
        steps=100,
    )
    text = dict.fromkeys(("title", "question", "prediction", "cost", "command"), "Does it learn?")
    grid = product(axis("learning_rate", [1e-6, 1e-2]), axis("seed", [0, 1]))
    return Experiment(name="accuracy", file=Path("none"), text=text, base=base, grid=grid)


@pytest.fixture(scope="module")
def results(experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    runner.run(experiment, folder, width=2)
    return folder / experiment.name


def test_it_is_a_learner():
    assert isinstance(ByAccuracy(), protocols.Learner)


def test_the_best_step_has_the_largest_objective(results):
    runs, curves = Store(results).runs(), Store(results).curves()
    most = curves.groupby("run")["valid_accuracy"].max()
    least = curves.groupby("run")["valid_accuracy"].min()
    found = runs.set_index("run")["best_valid_accuracy"]
    assert found.to_dict() == most.to_dict()
    assert (most > least).any()


def test_a_step_in_the_middle_can_be_the_best():
    run = ByAccuracy.example()
    curve = [
        {"step": step, "train_loss": 1.0, "valid_accuracy": value, "test_accuracy": value - 0.1}
        for step, value in ((32, 0.5), (45, 0.9), (50, 0.7))
    ]
    outcome = RunResult(run, curve=curve)
    assert rows.ending(outcome, "valid_accuracy", "max")["best_step"] == 45
    assert rows.ending(outcome, "valid_accuracy", "min")["best_step"] == 32


def test_the_recipe_with_the_largest_objective_is_chosen(experiment, results):
    described = definition.described(experiment)
    assert (described["objective"], described["direction"]) == ("valid_accuracy", "max")
    tables = write.read(results).tables
    assert set(tables.chosen["learning_rate"]) == {1e-2}
    assert set(tables.chosen["seed"]) == {0, 1}
    assert tables.loss == "best_test_accuracy"


@pytest.mark.parametrize("name", registry.names("learner"))
def test_the_functions_have_the_objective_of_the_class(name):
    run = registry.get("learner", name).example()
    bound = run.learner.bind(run)
    assert (bound.objective, bound.direction) == (run.learner.objective, run.learner.direction)
    assert run.learner.direction in ("min", "max")
    assert "objective" not in config.to_dict(run)["learner"]
