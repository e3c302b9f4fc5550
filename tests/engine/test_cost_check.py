"""A declared cost is compared with the step that is trained; without one it is counted."""

import dataclasses
import importlib

import pytest
from flax import linen as nn
from flax import nnx

from scaling_lab import MLP, Digits, LabError, Recipe, Run, Supervised, axis, cells, registry
from scaling_lab.counting import Cost, cost_of
from scaling_lab.data import Spec
from scaling_lab.engine import cost_check
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import train
from scaling_lab.models.transformer import Transformer


@pytest.fixture(autouse=True)
def cache(own_cache):
    with registry.scratch():
        yield own_cache


def run_of(model, **fields):
    given = {"learner": Supervised(), "data": Digits(), "recipe": Recipe(batch_size=8)}
    return Run(**{**given, "model": model, "D": 100, "steps": 40, **fields})


@pytest.mark.parametrize("name", registry.names("learner"))
def test_the_cost_of_every_learners_example_is_right(name):
    report = cost_check.check([registry.get("learner", name).example()])
    assert report.notes == []


@pytest.mark.parametrize("fields", [{}, {"scan": True, "remat": True}, {"tied": True}])
def test_loops_and_recomputation_count_as_the_plain_model_does(fields):
    run = registry.get("learner", "language").example()
    model = Transformer(width=32, depth=2, head_size=16, **fields)
    assert cost_check.check([dataclasses.replace(run, model=model)]).notes == []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wrong(MLP):
    """An MLP whose declared cost is off in one place."""

    place: str = ""

    def cost(self, spec):
        cost = super().cost(spec)
        if self.place == "N":
            return dataclasses.replace(cost, N={**cost.N, "matmul": cost.N["matmul"] + 1})
        if self.place == "matmul":
            return dataclasses.replace(
                cost, forward={**cost.forward, "matmul": 1.2 * cost.forward["matmul"]}
            )
        return dataclasses.replace(cost, input_gradient=0.0)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            "N",
            r"N of group 'matmul' is declared as 577 and the parameters count 576; correct Wrong",
        ),
        (
            "matmul",
            r"group 'matmul' of the forward pass on one example: declared 1382, counted 1152",
        ),
        ("input_gradient", r"input_gradient of one example: declared 0, counted 1024"),
    ],
)
def test_a_wrong_cost_is_one_line_that_says_where(place, message):
    registry.register("model", "wrong")(Wrong)
    with pytest.raises(LabError, match=message) as error:
        cost_check.check([run_of(Wrong(width=8, depth=2, place=place))])
    assert "\n" not in str(error.value)


def test_a_learners_cost_is_told_from_its_models():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Twice(Supervised):
        def cost(self, run):
            cost = super().cost(run)
            return dataclasses.replace(cost, flops={k: 2 * v for k, v in cost.flops.items()})

    registry.register("learner", "twice")(Twice)
    with pytest.raises(LabError, match="the model's own cost is right; the learner's is wrong"):
        cost_check.check([run_of(MLP(width=8), learner=Twice())])


def test_a_model_that_cannot_be_traced_is_one_line():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Broken(MLP):
        def network(self, outputs):
            return nn.Sequential([nn.Dense(3), lambda x: x.reshape(5, 5)])

    registry.register("model", "broken")(Broken)
    with pytest.raises(LabError, match=r"a step of .*Broken.* cannot be traced: TypeError"):
        cost_check.check([run_of(Broken())])


def test_what_was_counted_is_kept(monkeypatch):
    run = run_of(MLP(width=11))
    before = cost_check.check([run])

    def fail(*_, **__):
        raise AssertionError("counted again")

    monkeypatch.setattr(cost_check.products, "count", fail)
    assert cost_check.check([run]) == before
    with pytest.raises(LabError, match="counted again"):
        cost_check.check([run_of(MLP(width=12))])


def test_data_that_are_not_here_are_named(monkeypatch):
    monkeypatch.setattr(Digits, "location", lambda self: None)
    report = cost_check.check([run_of(MLP(width=13)), run_of(MLP(width=14))])
    assert report.notes == ["the declared cost is not checked: the data digits are not here"]
    assert not report.complete


class Linen(nn.Module):
    width: int
    outputs: int

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(self.width, (3, 3))(x[..., None]))
        x = nn.LayerNorm()(x).reshape(x.shape[0], -1)
        return nn.Dense(self.outputs, name="head")(x)


class Nnx(nnx.Module):
    def __init__(self, width, outputs, *, rngs):
        self.hidden = nnx.Linear(64, width, rngs=rngs)
        self.head = nnx.Linear(width, outputs, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.hidden(x.reshape(x.shape[0], -1))))


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinenModel:
    width: int = 4

    def network(self, outputs):
        return Linen(self.width, outputs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NnxModel:
    width: int = 4

    def network(self, outputs):
        return nnx.bridge.to_linen(Nnx, width=self.width, outputs=outputs)


@pytest.mark.parametrize("cls", [LinenModel, NnxModel])
def test_a_model_without_a_cost_is_counted_checked_and_trained(cls):
    registry.register("model", "counted")(cls)
    (cell, _) = cells(run_of(cls()), axis("model.width", [4, 5]))
    pixels, width = 64, cell.run.model.width
    cost = cost_of(cell.run.model, Digits.spec)
    if cls is LinenModel:
        assert cost.N == {"embedding": 0, "matmul": 36, "head": 2560, "other": 4 + 4 + 4 + 10}
        assert cost.forward["matmul"] == cost.input_gradient == 2 * pixels * 9 * width
    else:
        assert cost.N == {"embedding": 0, "matmul": 256, "head": 40, "other": 14}
        assert cost.forward["matmul"] == cost.input_gradient == 2 * pixels * width
        assert cost.forward["head"] == 2 * width * 10
    assert cost_check.check([cell.run]).notes == []
    data = program.load(cell.run)
    (result,) = train(program.build(cell.run, 1, data), data, [cell.run])
    assert result.status == "done"


def test_axis_n_says_what_such_a_model_lacks():
    registry.register("model", "counted")(LinenModel)
    with pytest.raises(LabError, match=r"counted has no sized\(n, spec\)"):
        cells(run_of(LinenModel()), axis("N", [1_000]))


@pytest.mark.parametrize("fields", [{}, {"tied": True}, {"activation": "gelu", "qk_norm": True}])
def test_counting_finds_what_the_transformer_declares(fields):
    class Bare:
        reads = "tokens"

        def __init__(self, model):
            self.network = model.network

    model = Transformer(width=32, depth=2, head_size=16, **fields)
    spec = Spec(shape=(24,), outputs=50, examples=1, unit="tokens")
    counted, declared = cost_of(Bare(model), spec), model.cost(spec)
    assert isinstance(counted, Cost)
    assert counted.N == declared.N
    assert counted.forward == pytest.approx(declared.forward)
    assert counted.input_gradient == declared.input_gradient == 0


def test_a_helper_in_another_package_of_a_plugin_makes_the_kept_counts_stale(tmp_path, monkeypatch):
    files = {
        "costlab/__init__.py": "",
        "costlab/tools/__init__.py": "",
        "costlab/tools/shapes.py": "SIZE = 1\n",
        "costlab/models/__init__.py": "",
        "costlab/models/mine.py": (
            "from dataclasses import dataclass\nfrom scaling_lab import MLP\n"
            "from ..tools import shapes\n\n"
            "@dataclass(frozen=True, kw_only=True)\nclass Mine(MLP):\n    pass\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    run = run_of(importlib.import_module("costlab.models.mine").Mine(depth=1, width=8))
    before = cost_check._sources(type(run.model))
    assert before == cost_check._sources(type(run.model))
    (tmp_path / "costlab" / "tools" / "shapes.py").write_text("SIZE = 2\n")
    assert cost_check._sources(type(run.model)) != before
