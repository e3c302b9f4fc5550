"""The Transformer encoder-decoder: its attention across, its options, its counts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import EncoderDecoder, LabError, counting
from scaling_lab.data import Spec
from scaling_lab.layers import attention

SPEC = Spec(shape=(9,), outputs=30, examples=100, unit="pairs")
TINY = EncoderDecoder(width=16, depth=1, head_size=8)


def test_attention_across_is_softmax_of_what_is_known():
    query, key, value = jax.random.normal(jax.random.key(0), (3, 2, 5, 1, 4))
    known = jnp.arange(5)[None] < jnp.array([[5], [2]])
    found = attention.among(query, key, value, known)
    scores = jnp.einsum("bthk,bshk->bts", query, key) / 2
    weights = jax.nn.softmax(jnp.where(known[:, None], scores, -jnp.inf), axis=-1)
    expected = jnp.einsum("bts,bshk->bthk", weights, value)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "change", [{"activation": "gelu", "tied": False}, {"depth": 3, "head_size": 16}], ids=str
)
def test_options_are_counted(change):
    model = dataclasses.replace(TINY, **change)
    ids = jnp.ones((1, 9), jnp.int32)
    params = jax.eval_shape(model.network(30).init, jax.random.key(0), ids, ids)["params"]
    assert counting.by_group(params) == model.cost(SPEC).N


@pytest.mark.parametrize("tied", [True, False])
def test_flops_are_xlas_within_two_percent(tied, monkeypatch, xlas):
    monkeypatch.setattr(attention, "BLOCK", 128)
    spec = Spec(shape=(64,), outputs=512, examples=1, unit="pairs")
    model = EncoderDecoder(width=512, depth=1, head_size=128, tied=tied)
    cost = model.cost(spec)
    assert cost.step(2).total == pytest.approx(xlas(model, spec, 2), rel=0.02)
    assert cost.forward["attention"] > 0.01 * sum(cost.forward.values())


def test_it_begins_near_the_uniform_distribution():
    model = dataclasses.replace(TINY, depth=6)
    ids = jax.random.randint(jax.random.key(1), (2, 9), 3, 30)
    logits, _ = jax.jit(model.network(30).init_with_output)(jax.random.key(0), ids, ids)
    assert 0.5 < np.asarray(logits).std() < 2.0


def test_what_cannot_be_is_named():
    with pytest.raises(LabError, match="multiple of 8"):
        EncoderDecoder(width=20)
    with pytest.raises(LabError, match="did you mean 'gelu'"):
        EncoderDecoder(activation="gleu")
