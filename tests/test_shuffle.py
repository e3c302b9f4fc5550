"""The stateless shuffle: a permutation for every D, fair, and a function of seed and epoch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab.shuffle import (
    Chunk,
    draw,
    evaluation_batches,
    minibatch,
    minibatch_on_host,
    permute,
    permute_on_host,
    subset,
    subset_on_host,
)


@jax.jit
def whole(positions, epoch, seed, size):
    return permute(positions, epoch, seed, size)


@pytest.mark.parametrize("size", [1, 2, 3, 100, 1_197, 4_097])
def test_an_epoch_sees_every_example_once(size):
    at = jnp.arange(size, dtype=jnp.uint32)
    for epoch in range(3):
        index = whole(at, jnp.uint32(epoch), jnp.int32(7), jnp.int32(size))
        assert sorted(np.asarray(index).tolist()) == list(range(size))


def test_epochs_and_seeds_give_other_orders():
    at = jnp.arange(500, dtype=jnp.uint32)
    orders = [
        np.asarray(whole(at, jnp.uint32(epoch), jnp.int32(seed), jnp.int32(500)))
        for epoch in range(4)
        for seed in range(4)
    ]
    for i, a in enumerate(orders):
        for b in orders[:i]:
            assert np.mean(a == b) < 0.03


def test_positions_and_neighbours_are_fair():
    """Chi-squared of where example 0 lands and of the step between neighbours."""
    size, seeds = 20, 4_000
    at = jnp.arange(size, dtype=jnp.uint32)
    orders = np.asarray(
        jax.vmap(lambda seed: permute(at, jnp.uint32(0), seed, jnp.int32(size)))(jnp.arange(seeds))
    )
    for values in (orders.argmin(1), orders[:, 3], (orders[:, 1] - orders[:, 0]) % size - 1):
        bins = size if values.max() == size - 1 else size - 1
        counts = np.bincount(values, minlength=bins)
        chi = ((counts - seeds / bins) ** 2 / (seeds / bins)).sum()
        assert chi < 55  # p = 1e-4 .. 3e-5 at 18 and 19 degrees of freedom


def test_minibatches_walk_through_the_epochs():
    steps = [np.asarray(minibatch(jnp.int32(s), 8, jnp.int32(1), jnp.int32(12))) for s in range(3)]
    seen = np.concatenate(steps)
    assert sorted(seen[:12].tolist()) == list(range(12))
    assert sorted(seen[12:].tolist()) == list(range(12))


def test_subsets_nest():
    """The first D of one order: a smaller D draws only from the larger D's examples."""
    small = np.asarray(minibatch(jnp.int32(0), 64, jnp.int32(3), jnp.int32(10)))
    assert small.max() < 10


@pytest.mark.parametrize(
    ("examples", "largest", "shape"), [(7, 3, (3, 3)), (6, 3, (2, 3)), (2, 9, (1, 2))]
)
def test_evaluation_takes_every_example_once(examples, largest, shape):
    index, known = evaluation_batches(examples, largest)
    assert index.shape == known.shape == shape
    assert index[known].tolist() == list(range(examples))
    assert not index[~known].any()


def test_subsets_of_a_data_seed_nest_and_differ_from_those_of_another():
    def chosen(count, data_seed=0):
        places = jnp.arange(count, dtype=jnp.int32)
        device = subset(places, jnp.int32(data_seed) if data_seed else None, 100)
        host = subset_on_host(np.asarray(places), data_seed, 100)
        np.testing.assert_array_equal(device, host)
        return [*map(int, host)]

    assert chosen(7) == [0, 1, 2, 3, 4, 5, 6]
    one, two = chosen(100, 1), chosen(100, 2)
    assert sorted(one) == sorted(two) == [*range(100)]
    assert one[:40] == chosen(40, 1)
    assert len({*one[:40]} & {*two[:40]}) < 30
    # The order of the subset is not the order of an epoch.
    epoch = permute(jnp.arange(100, dtype=jnp.uint32), jnp.uint32(0), jnp.uint32(1), jnp.int32(100))
    assert one != [*map(int, epoch)]


@pytest.mark.parametrize("size", [1, 2, 3, 100, 4_097, 2**20 + 1, 2**31 - 1, 2**31])
def test_the_host_has_the_same_permutation(size):
    rng = np.random.default_rng(size)
    at = rng.integers(0, size, 500, np.uint32)
    epoch = rng.integers(0, 2**32, 500, np.uint32)
    for seed in (0, 1, 2**31 - 1, -1):
        device = whole(at, epoch, jnp.int32(seed), jnp.uint32(size))
        host = permute_on_host(at, epoch, seed, size)
        np.testing.assert_array_equal(np.asarray(device).astype(np.uint32), host.astype(np.uint32))


@pytest.mark.parametrize(
    ("batch", "size", "step"), [(8, 12, 0), (5, 1, 3), (7, 1_000, 613_566_750)]
)
def test_the_host_has_the_same_minibatches(batch, size, step):
    """Also where a minibatch crosses into the next epoch, and where positions near 2^32."""
    each = jax.jit(minibatch, static_argnums=1)
    device = [each(jnp.int32(step + i), batch, jnp.int32(3), jnp.int32(size)) for i in range(4)]
    np.testing.assert_array_equal(
        np.concatenate(device), minibatch_on_host(step, 4, batch, 3, size)
    )


def test_a_chunk_holds_what_resident_data_hold():
    train, size, batch = np.arange(50) ** 2, jnp.int32(33), 4
    chunk = Chunk(jnp.asarray(train[minibatch_on_host(6, 3, batch, 1, 33)]))
    for step in range(6, 9):
        for held in (jnp.asarray(train), chunk):
            examples, index = draw(held, jnp.int32(step), batch, jnp.int32(1), size)
            expected = train[minibatch_on_host(step, 1, batch, 1, 33)]
            np.testing.assert_array_equal(examples[index], expected)


@pytest.mark.parametrize("size", [1, 2, 3, 1_000, 1_025, 50_000, 65_537])
def test_an_accelerator_draws_the_same_order(size, monkeypatch):
    """A fixed number of applications there, as many as it takes on a CPU."""
    at = jnp.arange(size, dtype=jnp.uint32)
    here = permute(at, jnp.uint32(3), jnp.int32(7), jnp.int32(size))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    there = permute(at, jnp.uint32(3), jnp.int32(7), jnp.int32(size))
    np.testing.assert_array_equal(here, there)


def test_batches_of_large_examples_are_small():
    index, known = evaluation_batches(5_000, 2_000, numbers=224 * 224 * 3)
    assert index.shape[1] * 224 * 224 * 3 * 4 <= 128 * 2**20
    assert known.sum() == 5_000
    assert evaluation_batches(5_000, 2_000, numbers=784)[0].shape == (3, 1_667)
    assert evaluation_batches(2, 2_000, numbers=10**9)[0].shape == (2, 1)
