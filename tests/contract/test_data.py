"""The contract of every registered data source: arrays, text and sentence pairs."""

from typing import get_args, get_type_hints

import numpy as np
import pytest

from scaling_lab import protocols, registry
from scaling_lab.data import Pairs, Split, Tokens, order
from scaling_lab.stream import streams
from scaling_lab.text import pairs

SLOW = {"cifar10", "multi30k"}


def sources_of(kind: type) -> list:
    """Names of the sources whose splits are of that kind; plain `Splits` are arrays.

    Those that stream have a suite of their own.
    """
    sources = {n: registry.get("data", n) for n in registry.names("data")}
    hints = {n: get_type_hints(cls.load) for n, cls in sources.items() if not streams(cls)}
    names = [
        name for name, hint in hints.items() if (get_args(hint["return"]) or (Split,))[0] is kind
    ]
    return [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in names]


def available(name, given_source):
    source = given_source(name) or registry.get("data", name)()
    assert isinstance(source, protocols.Data)
    if source.location() is None:
        pytest.skip(f"{name} is not available: set SCALING_LAB_DATA ({source.origin})")
    return source


@pytest.fixture(scope="module", params=sources_of(Split))
def source(request, given_source):
    return available(request.param, given_source)


@pytest.fixture(scope="module", params=sources_of(Tokens))
def text(request, given_source):
    return available(request.param, given_source)


@pytest.fixture(scope="module", params=sources_of(Pairs))
def translation(request, given_source):
    return available(request.param, given_source)


@pytest.fixture(scope="module")
def splits(source):
    return source.load()


def test_arrays_match_the_spec(source, splits):
    x, y = splits.train
    assert x.shape == (source.spec.examples, *source.spec.shape)
    assert y.shape == (source.spec.examples,)
    for split in splits:
        assert len(split.x) == len(split.y) > 0
        assert split.y.min() >= 0
        assert split.y.max() < source.spec.outputs
    assert x.mean() == pytest.approx(source.spec.mean, rel=0.02)
    assert x.std() == pytest.approx(source.spec.std, rel=0.02)


def test_splits_share_no_example(splits):
    seen = [{row.tobytes() for row in split.x} for split in splits]
    shared = len(seen[0] & seen[1]) + len(seen[0] & seen[2]) + len(seen[1] & seen[2])
    assert shared == 0


def test_loading_is_deterministic(source, splits):
    again = source.load()
    for a, b in zip(splits, again, strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.y, b.y)


def test_small_subsets_are_mixed(source, splits):
    """The order is shuffled: the first hundred examples contain every class."""
    assert len(set(splits.train.y[:100].tolist())) == source.spec.outputs


def test_tokens_match_the_spec(text):
    splits = text.load()
    assert splits.train.ids.shape == (text.spec.examples,)
    assert text.spec.shape == ()
    assert text.spec.outputs == text.tokenizer().size == len(text.tokenizer().pieces)
    for split in splits:
        assert split.ids.dtype == text.tokenizer().dtype
        assert split.ids.max() < text.spec.outputs
        assert not split.ids.flags.writeable


def test_tokens_decode_to_the_documents(text):
    """In order and complete, except for characters that the training text lacks."""
    tokenizer = text.tokenizer()
    for split, documents in zip(text.load(), text.documents(), strict=True):
        expected = "".join(documents)
        assert split.bytes == len(expected.encode())
        start = tokenizer.decode(split.ids[:50_000])
        differ = sum(a != b for a, b in zip(start, expected, strict=False))
        assert differ <= start.count("\ufffd") <= 1e-4 * len(start)


def test_splits_share_no_document(text):
    train, valid, test = ({*documents} for documents in text.documents())
    assert not train & valid
    assert not train & test
    assert not valid & test


def test_the_tokenizer_is_trained_on_training_text_only(text):
    from scaling_lab.text import tokenizers

    alone = tokenizers.train(text.tokens, text.vocabulary, text.documents().train)
    assert alone.spellings == text.tokenizer().spellings


def test_pairs_match_the_spec(translation):
    splits, spec = translation.load(), translation.spec
    assert len(splits.train.source) == spec.examples
    for split in splits:
        for ids, lengths in (
            (split.source, split.source_length),
            (split.target, split.target_length),
        ):
            assert ids.shape == (len(split.references), *spec.shape)
            assert ids.max() < spec.outputs
            last = ids[np.arange(len(ids)), lengths - 1]
            assert (last == pairs.END).all()
            assert (ids != pairs.PAD).sum() == lengths.sum()


def test_pairs_decode_to_their_references(translation):
    tokenizer, valid = translation.tokenizer(), translation.load().valid
    for i in range(100):
        if (length := valid.target_length[i]) < translation.spec.shape[0]:
            assert tokenizer.decode(valid.target[i, : length - 1]) == valid.references[i]


def test_splits_share_no_pair(translation):
    train, valid, test = ({*both} for both in translation.sentences())
    assert not train & (valid | test)
    assert not valid & test


@pytest.mark.parametrize("name", registry.names("data"))
def test_origin_and_licence_are_stated(name):
    source = registry.get("data", name)
    assert source.origin
    assert source.licence


def test_the_order_is_fixed():
    assert order(10).tolist() == [9, 3, 4, 0, 8, 6, 5, 7, 1, 2]
    assert sorted(order(1_000).tolist()) == list(range(1_000))
