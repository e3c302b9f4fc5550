"""Multi30k: the real pairs in one fixed order, truncated if too long; damaged copies are named."""

import gzip
import shutil

import numpy as np
import pytest

from scaling_lab import LabError, Multi30k
from scaling_lab.text import pairs

pytestmark = [pytest.mark.usefixtures("own_cache"), pytest.mark.slow]
NEEDED = [f"{n}.{c}.gz" for n in ("train", "val", "test_2016_flickr") for c in ("en", "de")]


@pytest.fixture(scope="module")
def source():
    found = Multi30k(vocabulary=600, longest=20)
    if found.location() is None:
        pytest.skip("Multi30k is not available: set SCALING_LAB_DATA")
    return found


@pytest.fixture(scope="module")
def splits(source):
    return source.load()


def test_the_pairs_are_those_of_multi30k(source, splits):
    assert [len(split.references) for split in splits] == [29_000, 1_014, 1_000]
    english = source.sentences().test[0]
    assert english == (
        "A man in an orange hat starring at something.",
        "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
    )


def test_training_pairs_come_in_the_fixed_order_so_subsets_nest(source, splits):
    from scaling_lab.data import order
    from scaling_lab.text.documents import read

    german = read(source.location() / "train.de.gz").strip().split("\n")
    assert splits.train.references[:50] == [german[i].strip() for i in order(29_000)[:50]]


def test_long_sentences_are_truncated_and_still_end(splits):
    lengths = splits.train.target_length
    assert lengths.max() == 20
    full = splits.train.target[lengths == 20]
    assert len(full) > 1_000
    assert (full[:, -1] == pairs.END).all()


def test_both_languages_share_one_encoding(source, splits):
    tokenizer = source.tokenizer()
    assert tokenizer.pieces[:3] == list(pairs.MARKS)
    for split, part in zip(splits, source.sentences(), strict=True):
        short = np.flatnonzero(split.source_length < 20)[:20]
        for i in short:
            ids = split.source[i, : split.source_length[i] - 1]
            assert tokenizer.decode(ids) == part[i][0]


def test_the_other_direction_swaps_the_pairs(source):
    turned = Multi30k(target="en", vocabulary=600, longest=20).sentences()
    assert turned.valid == [(b, a) for a, b in source.sentences().valid]


def test_bad_input_is_a_one_line_error(source, tmp_path, monkeypatch):
    with pytest.raises(LabError, match="language of Multi30k 'fr'"):
        Multi30k(target="fr")
    with pytest.raises(LabError, match="give 259 or more"):
        _ = Multi30k(vocabulary=258).spec
    with pytest.raises(LabError, match="longest is 1"):
        _ = Multi30k(longest=1).spec
    here = source.location()
    monkeypatch.setenv("SCALING_LAB_DATA", str(tmp_path))
    with pytest.raises(LabError, match=r"not found; put train, val .*multi30k/$"):
        Multi30k().load()
    (tmp_path / "multi30k").mkdir()
    for name in NEEDED:
        shutil.copy(here / name, tmp_path / "multi30k" / name)
    short = tmp_path / "multi30k" / "val.de.gz"
    short.unlink()
    short.write_bytes(gzip.compress(b"ein Satz\n"))
    with pytest.raises(LabError, match="1014 English and 1 German sentences"):
        Multi30k().load()
