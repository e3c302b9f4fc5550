"""Token files: nanoGPT's layout, what about.json says, and ids that cannot be."""

import dataclasses
import json

import numpy as np
import pytest

from scaling_lab import LabError, Recipe, Run, Text, TokenFile, Transformer
from scaling_lab.engine import program
from scaling_lab.engine.trainer import train
from scaling_lab.learners.language import Language
from scaling_lab.text import corpus


@pytest.fixture(autouse=True)
def _cache(own_cache):
    """A cache of the module's own."""


@pytest.fixture
def folder(tmp_path):
    """train.bin and val.bin as nanoGPT writes them."""
    ids = np.random.default_rng(0).integers(0, 300, 3_000, np.uint16)
    ids[:2_001].tofile(tmp_path / "train.bin")
    ids[2_001:].tofile(tmp_path / "val.bin")
    return tmp_path


def ids(path):
    return np.fromfile(path, "<u2")


def test_the_validation_file_is_halved_without_a_test_file(folder):
    source = TokenFile(path=str(folder), vocabulary=300)
    train, valid, test = source.load()
    assert source.spec.examples == len(train.ids) == 2_001
    assert isinstance(train.ids, np.memmap)
    np.testing.assert_array_equal(train.ids, ids(folder / "train.bin"))
    np.testing.assert_array_equal([*valid.ids, *test.ids], ids(folder / "val.bin"))
    ids(folder / "val.bin").tofile(folder / "test.bin")
    _, valid, test = TokenFile(path=str(folder), vocabulary=300).load()
    assert len(valid.ids) == len(test.ids) == 999


def test_about_json_says_vocabulary_dtype_and_bytes(folder):
    ids(folder / "train.bin").astype("<u4").tofile(folder / "train.bin")
    ids(folder / "val.bin").astype("<u4").tofile(folder / "val.bin")
    ids(folder / "val.bin").tofile(folder / "test.bin")
    about = {"vocabulary": 512, "dtype": "uint32", "valid": {"bytes": 5_000}}
    (folder / "about.json").write_text(json.dumps(about))
    source = TokenFile(path=str(folder))
    assert source.spec.outputs == 512
    assert source.load().train.ids.dtype == np.uint32
    assert [split.bytes for split in source.load()] == [None, 5_000, None]


def test_the_cache_of_a_text_is_a_folder_of_token_files(tmp_path):
    """Its tokeniser comes with it, and losses are in bits a byte as well."""
    for i in range(40):
        (tmp_path / f"{i}.txt").write_text(f"Day {i}. It rained again, and we read.\n" * 20)
    text = Text(path=str(tmp_path), tokens="character")
    source = TokenFile(path=str(corpus.folder(text)))
    assert source.spec == text.spec
    assert source.tokenizer().pieces == text.tokenizer().pieces
    for a, b in zip(source.load(), text.load(), strict=True):
        np.testing.assert_array_equal(a.ids, b.ids)
        assert a.bytes == b.bytes
    learner = Language(context=32, evaluation_tokens=256)
    model, recipe = Transformer(width=8, depth=1), Recipe(batch_size=4, learning_rate=1e-2)
    run = Run(learner=learner, data=source, model=model, recipe=recipe, D=20_000, steps=40)
    data = program.load(run)
    (result,) = train(program.build(run, 1, data), data, [run])
    assert result.curve[-1]["test_loss"] < result.curve[0]["test_loss"]
    assert result.curve[-1]["test_bits_per_byte"] > 0


def test_without_lengths_there_are_no_bits_a_byte(folder):
    learner = Language(context=16, evaluation_tokens=64)
    source = TokenFile(path=str(folder), vocabulary=300)
    run = Run(learner=learner, data=source, model=Transformer(width=8, depth=1), D=500, steps=3)
    data = program.load(run)
    (result,) = train(program.build(run, 1, data), data, [run])
    assert "valid_loss" in result.curve[-1]
    assert "valid_bits_per_byte" not in result.curve[-1]


def test_a_block_holds_the_text_in_order(folder):
    source = TokenFile(path=str(folder), vocabulary=300)
    learner = Language(context=16, evaluation_tokens=64)
    run = Run(learner=learner, data=source, model=Transformer(width=8, depth=1), D=2_001)
    stream = learner.bind(run).stream(run)
    blocks = stream.records.read(np.arange(125))
    whole = ids(folder / "train.bin")
    expected = {whole[at : at + 17].tobytes() for at in range(0, 2_000, 16)}
    assert {block.tobytes() for block in blocks} == expected


@pytest.mark.parametrize(
    ("fields", "about", "said"),
    [
        ({}, None, "does not say its vocabulary"),
        ({"vocabulary": 299}, None, "has the id 299 and a vocabulary of 299"),
        ({"vocabulary": 300, "dtype": "uint32"}, None, "train.bin has 4,002 bytes"),
        ({"vocabulary": 300}, {"dtype": "float32"}, "has the dtype 'float32'"),
        ({"vocabulary": 300}, [1], "about.json is no JSON object"),
        ({}, {"vocabulary": "many"}, "does not say its vocabulary"),
    ],
)
def test_what_cannot_be_is_said(folder, fields, about, said):
    if about is not None:
        (folder / "about.json").write_text(json.dumps(about))
    with pytest.raises(LabError, match=said):
        TokenFile(path=str(folder), **fields).load()


def test_a_fingerprint_follows_the_ids(folder):
    source = TokenFile(path=str(folder), vocabulary=300)
    before = source.numerics
    assert dataclasses.replace(source).numerics == before
    changed = ids(folder / "train.bin")
    changed[1_000] += 1
    changed.tofile(folder / "train.bin")
    assert dataclasses.replace(source).numerics != before


def test_a_plan_counts_no_memory_for_text_that_streams(folder, monkeypatch):
    from scaling_lab.cli.plans import data_bytes

    source = TokenFile(path=str(folder), vocabulary=300)
    before = data_bytes(source)
    monkeypatch.setitem(vars(source), "spec", dataclasses.replace(source.spec, examples=10**12))
    assert data_bytes(source) == before < 10**8


def test_a_folder_without_a_tokeniser_says_so(folder):
    with pytest.raises(LabError, match=r"has no tokenizer\.json"):
        TokenFile(path=str(folder), vocabulary=300).tokenizer()
