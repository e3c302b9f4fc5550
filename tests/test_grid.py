"""The grid algebra and its special axes N, C and epochs."""

import json

import pytest

from scaling_lab import (
    CNN,
    MLP,
    LabError,
    axis,
    cells,
    chain,
    derive,
    experiment,
    grid,
    override,
    product,
    where,
    zip_,
)
from scaling_lab.definition import axes


def test_combinators_give_plain_points():
    a, b = axis("a", [1, 2]), axis("b", [3, 4])
    assert product(a, b) == ({"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4})
    assert zip_(a, b) == ({"a": 1, "b": 3}, {"a": 2, "b": 4})
    assert chain(a, axis("a", [5])) == ({"a": 1}, {"a": 2}, {"a": 5})
    assert where(product(a, b), lambda p: p["a"] + p["b"] == 5) == (
        {"a": 1, "b": 4},
        {"a": 2, "b": 3},
    )
    assert derive(b, c=lambda p: p["b"] ** 2, d=lambda p: p["b"] + p["c"]) == (
        {"b": 3, "c": 9, "d": 12},
        {"b": 4, "c": 16, "d": 20},
    )
    assert override(product(a, b), a=7) == ({"a": 7, "b": 3}, {"a": 7, "b": 4})
    assert override(a, b=[1, 2]) == product(a, axis("b", [1, 2]))


def test_override_does_not_cross_what_the_grid_has_zipped():
    n, d, lr = axis("N", [1, 2]), axis("D", [10, 20]), axis("lr", [3, 4])
    zipped = product(zip_(n, d), lr)
    assert override(zipped, D=20, lr=5) == ({"N": 2, "D": 20, "lr": 5},)
    assert override(zipped, D=[10.0, 20]) == zipped
    with pytest.raises(LabError, match=r"axis D goes with N in this grid.* alone to 20, 30; set N"):
        override(zipped, D=[20, 30])
    assert override(zipped, N=[5, 6], D=30, lr=3) == (
        {"N": 5, "D": 30, "lr": 3},
        {"N": 6, "D": 30, "lr": 3},
    )
    derived = derive(n, rate=lambda p: 1 / p["N"])
    with pytest.raises(LabError, match="axis N goes with rate"):
        override(derived, N=3)
    assert override(derived, N=2) == ({"N": 2, "rate": 0.5},)


def test_override_of_chosen_points_selects_or_crosses():
    """Neither axis determines the other, as in isoFLOP grids."""
    grid = where(product(axis("C", [1, 2]), axis("N", [3, 4, 5])), lambda p: p["C"] + p["N"] < 7)
    assert override(grid, C=2) == ({"C": 2, "N": 3}, {"C": 2, "N": 4})
    assert override(grid, C=9) == tuple({"C": 9, "N": n} for n in (3, 4, 5))


def test_axes_reach_fields_by_path_and_by_bare_name(small):
    (cell,) = cells(
        small, product(axis("learning_rate", [1]), axis("model.width", [5.0]), axis("D", [1e2]))
    )
    assert (cell.run.recipe.learning_rate, cell.run.model.width, cell.run.D) == (1.0, 5, 100)
    assert isinstance(cell.run.recipe.learning_rate, float)
    assert isinstance(cell.run.model.width, int)
    assert cell.name == "learning_rate=1/model.width=5/D=100"


def test_n_finds_the_nearest_shape(small):
    (cell,) = cells(small, axis("N", [1_000]))
    model, spec = cell.run.model, small.data.spec
    count = model.cost(spec).parameters
    for width in (model.width - 1, model.width + 1):
        other = type(model)(depth=1, width=width).cost(spec).parameters
        assert abs(count / 1_000 - 1) < abs(other / 1_000 - 1)


def test_c_and_epochs_choose_the_steps(small):
    (cell,) = cells(small, axis("C", [1e9]))
    spent = cell.run.learner.cost(cell.run).total * cell.run.steps
    assert spent == pytest.approx(1e9, rel=0.01)
    (cell,) = cells(small, product(axis("epochs", [3]), axis("D", [320])))
    assert cell.run.steps == 30


def test_a_whole_part_is_an_axis(small):
    grid = cells(
        small, product(axis("model", [small.model, CNN(channels=4)]), axis("N", [500, 5_000]))
    )
    assert [type(cell.run.model).__name__ for cell in grid] == ["MLP", "MLP", "CNN", "CNN"]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (axis("learning_rte", [1]), "did you mean 'learning_rate'"),
        (axis("D", [0]), "D is 0; digits has 1 to 1197"),
        (axis("D", [10**6]), "D is 1000000"),
        (axis("D", [1.5]), "give whole numbers"),
        (axis("N", [-3]), "give positive numbers"),
        (axis("N", ["many"]), "give positive numbers"),
        (axis("seed", [-1]), "from 0 to"),
        (axis("steps", [0]), "steps is 0"),
        (axis("optimizer", ["adan"]), "did you mean 'adam"),
        (axis("optimizer", [3]), "it takes a str"),
        (axis("seed", [1, 1]), "twice"),
        (axis("N", [600, 601]), "are the same run"),
        (axis("N", [1e300]), "the nearest mlp has"),
        (product(axis("N", [600]), axis("width", [64])), "N fixes model.width"),
        (product(axis("learning_rate", [1]), axis("recipe.learning_rate", [2])), "given twice"),
        (axis("bias", ["maybe"]), "give True or False"),
        (axis("D", [float("inf")]), "give whole numbers"),
        (axis("D", [float("nan")]), "give whole numbers"),
        (axis("C", [1e30]), "too many for one run"),
        (axis("momentum", [float("nan")]), "momentum is nan"),
        (axis("model", ["cnn"]), "model is 'cnn'; give an object"),
        (product(axis("optimizer", ["sgd"]), axis("weight_decay", [0.1])), "sgd has none"),
        (product(axis("C", [1e9]), axis("steps", [3])), "give one of them"),
        (axis("seed", []), "has no points"),
    ],
)
def test_what_cannot_be_is_named(small, points, message):
    with pytest.raises(LabError, match=message):
        cells(small, points)


def test_words_for_truth_and_whole_numbers_for_floats(small):
    (cell,) = cells(small, product(axis("bias", ["false"]), axis("weight_decay", [1])))
    assert cell.run.model.bias is False
    assert cell.run.recipe.weight_decay == 1.0
    assert isinstance(cell.run.recipe.weight_decay, float)


def test_unequal_zip_and_twice_given_axis():
    with pytest.raises(LabError, match="equal lengths"):
        zip_(axis("a", [1]), axis("b", [1, 2]))
    with pytest.raises(LabError, match="axis 'a' is given twice"):
        derive(axis("a", [1]), a=lambda point: 2)
    with pytest.raises(LabError, match="given twice"):
        product(axis("a", [1]), axis("a", [2]))


def test_an_axis_has_the_values_of_runs_that_leave_it_as_it_is(small):
    points = chain(axis("steps", [3, 5]), axis("seed", [4]))
    found = axes(cells(small, points))
    assert found == {"steps": [3, 5, small.steps], "seed": [4, small.seed]}


def test_a_cost_that_fails_names_its_learner_and_model(small, monkeypatch):
    def broken(self, run):
        return run.model.costs(None)[0]

    monkeypatch.setattr(type(small.learner), "cost", broken)
    with pytest.raises(LabError, match=r"cost of Supervised with MLP raises AttributeError.*costs"):
        cells(small, axis("seed", [0]))


def test_costs_are_asked_once_for_each_choice_of_parts(small, monkeypatch):
    asked = []
    cost = type(small.learner).cost
    monkeypatch.setattr(type(small.learner), "cost", lambda *given: asked.append(1) or cost(*given))
    grid = product(
        axis("N", [800, 2_000]), axis("learning_rate", [1e-3, 1e-2]), axis("seed", range(9))
    )
    made = cells(small, grid)
    assert len(asked) == 4
    assert len({id(cell.run.model) for cell in made}) <= 4


def test_values_that_python_calls_equal_are_not_one_choice(small):
    with pytest.raises(LabError, match="warmup holds True; give whole numbers"):
        cells(small, chain(axis("warmup", [1]), axis("warmup", [True])))
    one, two = cells(small, chain(axis("bias", [True]), axis("bias", ["false"])))
    assert (one.run.model.bias, two.run.model.bias) == (True, False)


def test_a_field_that_is_newer_than_results_is_in_no_name_at_its_default(root):
    """Else the records of every grid with such a part as an axis would belong to no run."""
    old = "mlp(width=128,depth=2,activation=relu,bias=True,remat=False)"
    assert grid.text_of(MLP()) == old
    assert grid.text_of(MLP(parametrization="mup")) == f"{old[:-1]},parametrization=mup)"
    for name in ("e10_language", "e13_architecture"):
        recorded = json.loads((root / "results" / name / "experiment.json").read_text())["cells"]
        found = experiment.load(str(root / "experiments" / f"{name}.py"))
        assert {cell.name for cell in found.cells} == set(recorded)
