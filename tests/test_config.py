"""Runs to and from plain values, fingerprints, static against traced."""

import dataclasses
import json

import pytest

from scaling_lab import (
    MLP,
    Gan,
    LabError,
    Recipe,
    axis,
    cells,
    config,
    recorded_config,
    registry,
)
from scaling_lab.recipe import renamed, traced


def test_a_run_survives_the_way_through_json(small):
    assert config.from_dict(json.loads(json.dumps(config.to_dict(small)))) == small


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, "did you mean 'steps'"),
        ({"model": {"name": "mpl"}}, "did you mean 'mlp'"),
        ({"model": {"name": "mlp", "widht": 3}}, "did you mean 'width'"),
        ({"recipe": {"optimizer": "adamv"}}, "did you mean 'adam"),
        ({"recipe": {"batch_size": 0}}, "batch_size is 0"),
        ({"recipe": {"learning_rate": float("nan")}}, "recipe.learning_rate is nan"),
    ],
)
def test_what_is_wrong_is_named(small, change, message):
    with pytest.raises(LabError, match=message):
        config.from_dict({**config.to_dict(small), **change})


def test_every_field_moves_the_fingerprint(small):
    marks = {config.fingerprint(small)}
    changes = [{"D": 100}, {"steps": 81}, {"seed": 1}, {"model": MLP(width=9, depth=1)}]
    changes += [{"recipe": dataclasses.replace(small.recipe, learning_rate=2e-3)}]
    for change in changes:
        marks.add(config.fingerprint(dataclasses.replace(small, **change)))
    assert len(marks) == 1 + len(changes)


def test_another_judge_of_pictures_is_another_run(monkeypatch):
    run = Gan.example()
    before = config.fingerprint(run)
    monkeypatch.setattr(Gan, "numerics", Gan.numerics + 1)
    assert config.fingerprint(run) != before


def test_a_default_given_in_words_is_the_same_run(small):
    spelled = dataclasses.replace(small, model=MLP(depth=1, width=8, activation="relu"))
    assert config.fingerprint(spelled) == config.fingerprint(small)


def test_traced_fields_do_not_make_a_program(small):

    recipe = dataclasses.replace(small.recipe, learning_rate=0.5, weight_decay=0.1, warmup=7)
    traced = dataclasses.replace(small, D=10, steps=9, seed=5, recipe=recipe)
    assert config.program_key(traced) == config.program_key(small)
    static = dataclasses.replace(small, recipe=Recipe(batch_size=16))
    assert config.program_key(static) != config.program_key(small)


def test_differences_are_told_field_by_field(small):
    old = config.to_dict(small)
    new = config.to_dict(dataclasses.replace(small, D=7, model=MLP(width=9, depth=1)))
    assert recorded_config.differences(old, new) == [("D", 200, 7), ("model.width", 8, 9)]


@pytest.fixture
def renamed_fields(monkeypatch):
    """A model before and after two of its fields were renamed, one of them traced."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Before(MLP):
        judged: int = 10
        noise: float = traced(0.5)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class After(MLP):
        eval_examples: int = renamed("judged", 10)
        jitter: float = renamed("noise", traced(0.5))

    # Both go by one name, as the same class does in two versions of the code.
    name_of, get = registry.name_of, registry.get

    def named(thing):
        return "model_of_test" if isinstance(thing, Before | After) else name_of(thing)

    def found(kind, name):
        return After if name == "model_of_test" else get(kind, name)

    monkeypatch.setattr(registry, "name_of", named)
    monkeypatch.setattr(registry, "get", found)
    return Before, After


def test_a_renamed_field_is_recorded_under_its_old_name(small, renamed_fields):
    Before, After = renamed_fields
    old = dataclasses.replace(small, model=Before(width=8, depth=1, judged=3, noise=0.1))
    new = dataclasses.replace(small, model=After(width=8, depth=1, eval_examples=3, jitter=0.1))
    assert config.flat(new) == config.flat(old)
    assert config.to_dict(new) == config.to_dict(old)
    assert config.fingerprint(new) == config.fingerprint(old)
    assert config.program_key(new) == config.program_key(old)
    assert config.traced_values(new)["model.jitter"] == pytest.approx(0.1)
    assert config.traced_dtypes(new).keys() == config.traced_values(new).keys()
    assert config.from_dict(config.to_dict(old)) == new
    values = config.to_dict(new)
    values["model"]["eval_examples"] = values["model"].pop("judged")
    assert config.from_dict(values) == new
    with pytest.raises(LabError, match="judged and eval_examples, the old and the new name"):
        config.from_dict({**values, "model": {**values["model"], "judged": 3}})


@pytest.mark.parametrize("name", ["judged", "eval_examples", "model.judged", "model.eval_examples"])
def test_a_renamed_field_is_an_axis_by_either_name(small, renamed_fields, name):
    _, After = renamed_fields
    base = dataclasses.replace(small, model=After(width=8, depth=1))
    one, two = cells(base, axis(name, [3, 4]))
    assert [cell.run.model.eval_examples for cell in (one, two)] == [3, 4]
    assert one.name == ("model.judged=3" if "." in name else "judged=3")


def test_an_old_name_of_another_field_is_an_error():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Confused:
        judged: int = 1
        eval_examples: int = renamed("judged", 2)

    with pytest.raises(LabError, match="Confused: a renamed field"):
        config.make(Confused, {})


def test_what_is_off_at_zero_is_static_and_otherwise_traced(small):
    ema = dataclasses.replace(small.recipe, ema_decay=0.9)
    for name, on in (("data_seed", {"data_seed": 3}), ("recipe.ema_decay", {"recipe": ema})):
        run = dataclasses.replace(small, **on)
        assert name not in config.traced_values(small)
        assert config.traced_values(run)[name] == config.flat(run)[name]
        assert config.program_key(run) != config.program_key(small)
        assert config.fingerprint(run) != config.fingerprint(small)
    other = dataclasses.replace(small, data_seed=4)
    assert config.program_key(other) == config.program_key(dataclasses.replace(small, data_seed=3))


def test_a_parent_is_part_of_the_identity_and_of_no_program(small):
    parent = config.Parent(experiment="e02", run="N=1000/seed=0", fingerprint="abc")
    run = dataclasses.replace(small, parent=parent)
    assert config.from_dict(json.loads(json.dumps(config.to_dict(run)))) == run
    assert config.program_key(run) == config.program_key(small)
    assert config.flat(run)["parent"] == "e02(N=1000, seed=0)"
    marks = {
        config.fingerprint(dataclasses.replace(run, parent=other))
        for other in (None, parent, *(dataclasses.replace(parent, **c) for c in CHANGES))
    }
    assert len(marks) == 4
    assert config.fingerprint(small) in marks


# Only the first two change what a run starts from.
CHANGES = ({"fingerprint": "abd"}, {"step": 64}, {"run": "N=1e3/seed=0"}, {"experiment": "e03"})


def test_a_parent_of_another_kind_is_refused(small):
    with pytest.raises(LabError, match=r"parent is 'e02'; give what parents\(\.\.\.\) makes"):
        cells(small, axis("parent", ["e02"]))
