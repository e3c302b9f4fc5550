"""Coverage of differences and ratios of exponents: `benchmarks/differences.py`, reduced."""

import importlib

import pytest

TABLES = 80
LEAST = 0.88  # at a coverage of 95% fewer hold in one of two hundred simulations
NAMES = (
    "power law, 5 levels x 1, both",
    "floor law, 5 x 1 and 8 x 3",
    "floor law, 8 x 3, cells share, both",
)


@pytest.fixture(scope="module")
def bench(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        yield importlib.import_module("differences")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_differences_and_ratios_hold_the_truth(bench, name):
    pair = bench.pairs()[name]
    found = bench.outcome(pair, TABLES)
    for quantity, truth in pair.truth.items():
        held, determined = bench.coverage(found[quantity], truth)
        assert held >= LEAST, quantity
        assert determined > 0.9


def test_intervals_are_those_of_the_claims(bench):
    """One pair of tables; a ratio and a difference agree on which side is larger."""
    found = bench.pairs()["power law, 5 levels x 1, both"].intervals(0)
    low, high = found["difference"]
    assert low < found["where"][1] - found["against"][0]
    assert (low > 0) == (found["ratio"][0] > 1)
    assert high > low
