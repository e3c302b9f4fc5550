"""The contract of every data source that streams: order, nesting, resumption, damaged files."""

import dataclasses
import os
from functools import partial

import jax
import numpy as np
import pytest

from scaling_lab import MLP, LabError, Recipe, Run, Supervised, Transformer, protocols, registry
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import train
from scaling_lab.learners.language import Language
from scaling_lab.stream import streams

NAMES = [name for name in registry.names("data") if streams(registry.get("data", name))]
CONTEXT = 16


@pytest.fixture(scope="module", params=NAMES)
def source(request, given_source):
    found = given_source(request.param)
    if found is None:
        pytest.fail(f"tests/contract/conftest.py gives no small data for {request.param}")
    return found


@pytest.fixture(scope="module")
def run(source):
    return run_on(source)


def run_on(source):
    """A run on a source, with a learner that reads its kind."""
    text = source.spec.shape == ()
    learner = Language(context=CONTEXT, evaluation_tokens=64) if text else Supervised()
    model = Transformer(width=8, depth=1) if text else MLP(depth=1, width=4)
    recipe = Recipe(batch_size=5)
    return Run(learner=learner, data=source, model=model, recipe=recipe, D=source.spec.examples)


def stream(run, **fields):
    run = dataclasses.replace(run, **fields)
    return run.learner.bind(run).stream(run)


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def joined(parts):
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def examples(tree):
    """Each example of a tree of arrays as bytes."""
    leaves = jax.tree.leaves(tree)
    return [b"".join(leaf[i].tobytes() for leaf in leaves) for i in range(len(leaves[0]))]


def files(source):
    home = source.location()
    return [path for path in home.iterdir() if path.suffix in (".bin", ".array_record")]


def test_it_is_a_source_and_gives_records(source, run):
    assert isinstance(source, protocols.Data)
    assert isinstance(stream(run), protocols.Stream)
    assert isinstance(stream(run).records, protocols.Records)


def test_batches_match_the_spec(source, run):
    leaves = jax.tree.leaves(stream(run).batch)
    batch = jax.tree.leaves(stream(run).batches(0, 3))
    assert [(leaf.shape, leaf.dtype) for leaf in batch] == [
        ((3 * leaf.shape[0], *leaf.shape[1:]), leaf.dtype) for leaf in leaves
    ]
    assert all(leaf.shape[0] == run.recipe.batch_size for leaf in leaves)
    assert leaves[0].shape[1:] == (source.spec.shape or (CONTEXT + 1,))


def test_a_batch_depends_on_seed_D_and_step_alone(run):
    """However batches are asked for, and in whatever order: nothing has to be checkpointed."""
    whole = stream(run, seed=3).batches(0, 40)
    same(whole, joined([stream(run, seed=3).batches(at, 1) for at in range(40)]))
    one = stream(run, seed=3)
    backwards = [one.batches(at, 8) for at in (32, 24, 16, 8, 0)]
    same(whole, joined(backwards[::-1]))
    assert examples(whole) != examples(stream(run, seed=4).batches(0, 40))


def test_an_epoch_sees_every_example_once(run):
    size = len(stream(run).records)
    D = size * (CONTEXT if isinstance(run.learner, Language) else 1)
    steps = -(-2 * size // run.recipe.batch_size)
    seen = examples(stream(run, D=D).batches(0, steps))[: 2 * size]
    everything = sorted(examples(stream(run).records.read(np.arange(size))))
    assert sorted(seen[:size]) == sorted(seen[size:]) == everything


def test_subsets_nest(run):
    D = run.D // 4
    size = D // (CONTEXT if isinstance(run.learner, Language) else 1)
    first = {*examples(stream(run).records.read(np.arange(size)))}
    few = examples(stream(run, D=D).batches(0, -(-size // run.recipe.batch_size)))
    assert {*few[:size]} == first
    assert {*examples(stream(run, D=D, seed=9).batches(50, 20))} <= first


def test_evaluation_data_are_arrays_and_share_no_example_with_training(source, run):
    _, valid, test = source.load()
    parts = [examples(tuple(part)) for part in (valid, test)] if source.spec.shape else []
    if parts:
        training = examples(stream(run).records.read(np.arange(source.spec.examples)))
        assert not {*training} & {*parts[0]}
        assert not {*training} & {*parts[1]}
        assert not {*parts[0]} & {*parts[1]}
    assert len(valid[0]) > 0
    assert len(test[0]) > 0


def test_a_run_trains_and_is_the_same_again(run):
    run = dataclasses.replace(run, steps=40)
    data = program.load(run)
    built = program.build(run, 1, data)
    (first,), (second,) = train(built, data, [run]), train(built, data, [run])
    assert first.status == "done"
    assert first.curve == second.curve


@pytest.fixture
def damaged(request, given_source):
    """Name of a file -> a source of the kind whose file of that kind can be damaged."""
    return given_source(request.param)


@pytest.mark.parametrize("damaged", NAMES, indirect=True)
def test_a_missing_or_torn_file_is_named(damaged):
    for path in sorted(files(damaged)):
        whole = path.read_bytes()
        torn = partial(os.truncate, path, len(whole) - 1)
        for harm in (path.unlink, torn):
            harm()
            with pytest.raises(LabError) as error:
                dataclasses.replace(damaged).load()
            assert path.stem in str(error.value)
            assert len(str(error.value).splitlines()) == 1
            path.write_bytes(whole)
    assert dataclasses.replace(damaged).load()


@pytest.mark.parametrize("damaged", NAMES, indirect=True)
def test_a_file_torn_in_mid_run_is_named(damaged):
    """The stream is open, and records have been read from the file."""
    records = stream(run_on(damaged)).records
    records.read(np.arange(len(records)))
    (path,) = [path for path in files(damaged) if path.stem in ("train", "train-00000")]
    os.truncate(path, 100)
    with pytest.raises(LabError, match=path.name) as error:
        records.read(np.arange(len(records)))
    assert len(str(error.value).splitlines()) == 1
