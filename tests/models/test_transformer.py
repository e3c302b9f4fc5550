"""The Transformer: its attention, its options, its counts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import LabError, counting, optim
from scaling_lab.data import Spec
from scaling_lab.layers import attention
from scaling_lab.models.transformer import Transformer
from scaling_lab.recipe import Recipe

SPEC = Spec(shape=(40,), outputs=30, examples=100, unit="tokens")
TINY = Transformer(width=16, depth=1, head_size=8)


@pytest.fixture
def ids():
    return jax.random.randint(jax.random.key(1), (2, 40), 0, SPEC.outputs)


def logits(model, params, ids):
    return jax.jit(model.network(SPEC.outputs).apply)({"params": params}, ids)


def parameters(model, ids):
    return jax.jit(model.network(SPEC.outputs).init)(jax.random.key(0), ids)["params"]


def test_attention_by_blocks_is_the_librarys():
    query, key, value = jax.random.normal(jax.random.key(0), (3, 2, 70, 3, 8))
    found = jax.jit(attention.causal)(query, key, value)
    theirs = jax.nn.dot_product_attention(query, key, value, is_causal=True)
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-6)


def test_rotary_scores_depend_on_distance_alone():
    query, key = jax.random.normal(jax.random.key(0), (2, 1, 1, 1, 16))

    def score(at, earlier):
        turned = [attention.rotated(x, jnp.array([[p]])) for x, p in ((query, at), (key, earlier))]
        return float(jnp.sum(turned[0] * turned[1]))

    assert score(90, 83) == pytest.approx(score(7, 0), abs=1e-4)
    assert score(7, 0) != pytest.approx(score(8, 0), abs=1e-3)


def test_blocks_in_a_loop_are_the_blocks(ids):
    deep = dataclasses.replace(TINY, depth=2)
    params = parameters(deep, ids)
    blocks = [params.pop(f"blocks_{i}") for i in range(deep.depth)]
    looped = {**params, "loop": jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks)}
    params |= {f"blocks_{i}": block for i, block in enumerate(blocks)}
    model = dataclasses.replace(deep, scan=True)
    assert counting.by_group(looped) == model.cost(SPEC).N
    found = logits(model, looped, ids)
    np.testing.assert_allclose(found, logits(deep, params, ids), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [{"activation": "gelu", "tied": True, "qk_norm": True}, {"scan": True, "qk_norm": True}],
    ids=str,
)
def test_options_are_counted_and_decode_from_a_cache(ids, change):
    model = dataclasses.replace(TINY, **change)
    params = parameters(model, ids)
    assert counting.by_group(params) == model.cost(SPEC).N
    network = model.network(SPEC.outputs)
    extend = jax.jit(lambda *given: network.apply({"params": params}, *given, method="extend"))
    first, cache = extend(ids[:, :33], network.empty(2, 40))
    second, _ = extend(ids[:, 33:], cache)
    found = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(found, logits(model, params, ids), rtol=1e-4, atol=1e-5)


def test_recomputing_changes_no_gradient(ids):
    params = parameters(TINY, ids)

    def gradient(model):
        network = model.network(SPEC.outputs)
        return jax.jit(jax.grad(lambda p: network.apply({"params": p}, ids).std()))(params)

    plain, again = gradient(TINY), gradient(dataclasses.replace(TINY, remat=True))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), plain, again)


def test_16_bits_are_near_32(ids):
    params = parameters(TINY, ids)
    halved = optim.cast_to_precision(Recipe(precision="bfloat16"), params)
    found = logits(TINY, halved, ids)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(jnp.float32), logits(TINY, params, ids), atol=0.15)


def test_it_begins_near_the_uniform_distribution(ids):
    """Logits of the order of 1 at any depth: the residual stream does not grow."""
    model = dataclasses.replace(TINY, depth=8, scan=True)
    assert 0.5 < np.asarray(logits(model, parameters(model, ids), ids)).std() < 1.5


def test_sizes_keep_the_aspect_and_suit_a_gpu():
    spec = Spec(shape=(1024,), outputs=50_304, examples=1, unit="tokens")
    for n in (30e6, 125e6, 350e6):
        model = Transformer(head_size=64, aspect=64, activation="gelu").sized(n, spec)
        assert model.cost(spec).parameters == pytest.approx(n, rel=0.1)
        assert 32 < model.width / model.depth < 128
        assert model.width % 64 == 0


def test_without_an_aspect_the_depth_stays():
    spec = Spec(shape=(1024,), outputs=50, examples=1, unit="tokens")
    for width in (16, 64, 256):
        wanted = Transformer(width=width, depth=3, aspect=0.0)
        assert Transformer(depth=3, aspect=0.0).sized(wanted.cost(spec).parameters, spec) == wanted


@pytest.mark.parametrize(
    ("width", "head_size", "heads"),
    [(64, 32, 2), (16, 32, 1), (112, 32, 2), (768, 64, 12), (24, 8, 3), (1600, 64, 25)],
)
def test_heads_divide_the_width_and_have_about_the_size(width, head_size, heads):
    assert Transformer(width=width, head_size=head_size).heads == heads


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 20}, "multiple of 8"),
        ({"depth": 0}, "1 block or more"),
        ({"activation": "gleu"}, "did you mean 'gelu'"),
        ({"head_size": 0}, "head_size of 2 or more"),
    ],
)
def test_what_cannot_be_is_named(fields, said):
    with pytest.raises(LabError, match=said):
        Transformer(**fields)
