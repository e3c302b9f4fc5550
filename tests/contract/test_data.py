"""What every registered data source keeps to."""

import numpy as np
import pytest

from scaling_lab import registry
from scaling_lab.data import order

NAMES = registry.names("data")


@pytest.fixture(scope="module", params=NAMES)
def source(request):
    source = registry.get("data", request.param)()
    if source.location() is None:
        pytest.skip(f"{request.param} is not here: set SCALING_LAB_DATA ({source.origin})")
    return source


@pytest.fixture(scope="module")
def splits(source):
    return source.load()


def test_it_is_what_its_spec_says(source, splits):
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


def test_loading_twice_gives_the_same(source, splits):
    again = source.load()
    for a, b in zip(splits, again, strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.y, b.y)


def test_small_subsets_are_mixed(source, splits):
    """The first D of the order are a fair sample: each class is among the first hundred."""
    assert len(set(splits.train.y[:100].tolist())) == source.spec.outputs


def test_it_says_where_it_comes_from(source):
    assert source.origin
    assert source.licence
    assert source.spec.unit


def test_the_order_is_fixed():
    assert order(10).tolist() == [9, 3, 4, 0, 8, 6, 5, 7, 1, 2]
    assert sorted(order(1_000).tolist()) == list(range(1_000))
