"""Runs to and from plain values, fingerprints, static against traced."""

import dataclasses
import json

import pytest

from scaling_lab import MLP, Gan, LabError, Recipe, config


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
    assert config.differences(old, new) == [("D", 200, 7), ("model.width", 8, 9)]
