"""The LSTM sequence-to-sequence: its state by hand, its counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from scaling_lab import LabError, Seq2Seq, counting
from scaling_lab.data import Spec
from scaling_lab.layers import recurrent
from scaling_lab.text.pairs import PAD

SPEC = Spec(shape=(9,), outputs=30, examples=100, unit="pairs")


def gates(layer):
    """Our matrices under the names of flax's cell."""
    parts = {name: jnp.split(layer[name], 4, axis=-1) for name in ("input", "recurrent", "bias")}
    found = {}
    for i, gate in enumerate("ifgo"):
        found[f"i{gate}"] = {"kernel": parts["input"][i]}
        found[f"h{gate}"] = {"kernel": parts["recurrent"][i], "bias": parts["bias"][i]}
    return {"params": found}


def test_it_is_two_unrolled_lstms_of_which_the_second_goes_on_from_the_first():
    """By flax's cell, token by token, each source read backwards and without its padding."""
    model = Seq2Seq(width=8, depth=2)
    network, cell = model.network(30), nn.OptimizedLSTMCell(8)
    source, target = jax.random.randint(jax.random.key(1), (2, 2, 5), 3, 30)
    source = source.at[1, 3:].set(PAD)
    params = jax.jit(network.init)(jax.random.key(0), source, target)["params"]
    found = jax.jit(network.apply)({"params": params}, source, target)
    table = params["embedding"]["embedding"]

    def read(layers, ids, carries):
        for token in ids:
            x, kept = table[token] * 8**0.5, []
            for layer, carry in zip(layers, carries, strict=True):
                carry, x = cell.apply(gates(params[layer]), carry, x)
                kept.append(carry)
            carries = kept
            yield x @ table.T, carries

    for row, length in ((0, 5), (1, 3)):
        nothing = [(jnp.zeros(8), jnp.zeros(8))] * 2
        backwards = source[row, :length][::-1]
        *_, (_, state) = read(["encoder_0", "encoder_1"], backwards, nothing)
        logits = [x for x, _ in read(["decoder_0", "decoder_1"], target[row], state)]
        np.testing.assert_allclose(found[row], jnp.stack(logits), rtol=1e-4, atol=1e-5)


def test_options_are_counted():
    model, ids = Seq2Seq(width=16, depth=3, tied=False), jnp.ones((1, 9), jnp.int32)
    params = jax.eval_shape(model.network(30).init, jax.random.key(0), ids, ids)["params"]
    assert counting.by_group(params) == model.cost(SPEC).N


def test_flops_are_xlas_within_two_percent(xlas, monkeypatch):
    """Of the loop unrolled, as XLA counts a loop's body once."""
    monkeypatch.setattr(recurrent, "UNROLL", 8)
    spec = Spec(shape=(8,), outputs=512, examples=1, unit="pairs")
    model = Seq2Seq(width=512, depth=2)
    assert model.cost(spec).step(32).total == pytest.approx(xlas(model, spec, 32), rel=0.02)


def test_the_network_of_2014_can_be_had():
    """384 million parameters, of which 64 in the layers (Sutskever et al. 2014, section 3.4); there
    the vocabularies were 160,000 and 80,000 and nothing was shared."""
    spec = Spec(shape=(50,), outputs=80_000, examples=1, unit="pairs")
    cost = Seq2Seq(width=1_000, depth=4, tied=False).cost(spec)
    assert cost.N["matmul"] == 64_000_000
    assert cost.parameters + 160_000 * 1_000 == pytest.approx(384e6, rel=0.001)


def test_what_cannot_be_is_named():
    for fields in ({"width": 4}, {"width": 20}, {"depth": 0}):
        with pytest.raises(LabError, match="multiple of 8 and 1 layer or more"):
            Seq2Seq(**fields)
