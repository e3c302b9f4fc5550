"""What every registered model keeps to, and what those keep to that read tokens or pairs."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from scaling_lab import counting, models, protocols, registry
from scaling_lab.data import Spec
from scaling_lab.text.pairs import PAD

PICTURES = [
    Spec(shape=(8, 8), outputs=2, examples=100, unit="images"),
    Spec(shape=(16, 12, 3), outputs=2, examples=100, unit="images"),
]
MAKING = ("autoencoder", "flow", "adversaries")  # kinds whose networks know a picture's shape
SPECS = {
    "array": [
        Spec(shape=(8, 8), outputs=10, examples=100, unit="images"),
        Spec(shape=(16, 12, 3), outputs=4, examples=100, unit="images"),
    ],
    "tokens": [Spec(shape=(40,), outputs=30, examples=100, unit="tokens")],
    "pairs": [Spec(shape=(9,), outputs=30, examples=100, unit="pairs")],
    "items": [Spec(shape=(), outputs=30, examples=100, unit="items")],
    "circle": [Spec(shape=(), outputs=2, examples=100, unit="points")],
    **dict.fromkeys(MAKING, PICTURES),
}
NAMES = registry.names("model")
CASES = [
    pytest.param(name, spec, id=f"{name}-{'x'.join(map(str, spec.shape))}")
    for name in NAMES
    for spec in SPECS[models.reads(registry.get("model", name))]
]
TOKENS = [name for name in NAMES if models.reads(registry.get("model", name)) == "tokens"]
PAIRS = [name for name in NAMES if models.reads(registry.get("model", name)) == "pairs"]


def inputs(model, spec, count):
    """A batch of what the model reads."""
    key, kind = jax.random.key(1), models.reads(model)
    x = jax.random.normal(key, (count, *spec.shape)) / 2
    if kind in ("array", "flow", "circle"):
        return (x % 6.0 if kind == "circle" else x,)
    if kind == "items":
        return (jnp.arange(count),)
    if kind == "autoencoder":
        return x, jnp.ones((count, model.latent))
    if kind == "adversaries":
        return jax.random.normal(key, (count, model.latent)), jnp.arange(count) % spec.outputs
    ids = jax.random.randint(key, (2, count, *spec.shape), 0, spec.outputs)
    return tuple(ids) if kind == "pairs" else (ids[0],)


def network_of(model, spec):
    shape = (spec.shape,) if models.reads(model) in MAKING else ()
    return model.network(spec.outputs, *shape)


def rows(model, spec):
    """The shape of what comes out for one example; of the first thing, where there are several."""
    kind = models.reads(model)
    if kind in ("tokens", "pairs"):
        return (*spec.shape, spec.outputs)
    if kind == "autoencoder":
        return (*spec.shape, spec.outputs)
    others = {"flow": (math.prod(spec.shape),), "adversaries": ()}
    return others.get(kind, (spec.outputs,))


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_counts_are_those_of_the_tree(name, spec):
    model = registry.get("model", name)()
    network = network_of(model, spec)
    params = jax.eval_shape(network.init, jax.random.key(0), *inputs(model, spec, 1))["params"]
    assert counting.by_group(params) == model.cost(spec).N
    assert model.cost(spec).parameters == sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_the_output_has_a_row_an_example(name, spec):
    model = registry.get("model", name)()
    network = network_of(model, spec)
    out, _ = jax.jit(network.init_with_output)(jax.random.key(0), *inputs(model, spec, 3))
    out = jax.tree.leaves(out)[0]
    assert out.shape == (3, *rows(model, spec))
    assert np.isfinite(out).all()
    assert np.asarray(out).std() > 0


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_sized_is_near_and_grows(name, spec):
    model = registry.get("model", name)()
    counts = [model.sized(n, spec).cost(spec).parameters for n in (1e4, 1e5, 1e6, 1e7)]
    np.testing.assert_allclose(counts, (1e4, 1e5, 1e6, 1e7), rtol=0.25)
    assert type(model.sized(1e4, spec)) is type(model)


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_compute_is_counted_by_known_parts(name, spec):
    cost = registry.get("model", name)().cost(spec)
    assert set(cost.forward) <= set(counting.PARTS)
    assert set(cost.N) == set(counting.GROUPS)
    step = cost.step(7)
    assert step.total == pytest.approx(3 * 7 * sum(cost.forward.values()))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_a_frozen_value(name):
    model = registry.get("model", name)()
    assert isinstance(model, protocols.Family)
    assert hash(model) == hash(type(model)())
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(model, dataclasses.fields(model)[0].name, 3)


def slopes(network, params, given, chosen):
    """Gradients of what is chosen of the logits, by the embedding of each of the ids given."""

    def value(added):
        rest = list(added)

        def call(following, args, kwargs, context):
            out = following(*args, **kwargs)
            embedded = isinstance(context.module, nn.Embed) and context.method_name == "__call__"
            return out + rest.pop(0) if embedded else out

        with nn.intercept_methods(call):
            return chosen(network.apply(params, *given))

    width = params["params"]["embedding"]["embedding"].shape[1]
    zeros = [jnp.zeros((*ids.shape, width)) for ids in given]
    return map(np.asarray, jax.jit(jax.grad(value))(zeros))


@pytest.fixture(scope="module", params=TOKENS)
def reader(request):
    """A model of text: its network, parameters and a batch of ids."""
    model, (spec,) = registry.get("model", request.param)(), SPECS["tokens"]
    network = model.network(spec.outputs)
    (ids,) = inputs(model, spec, 2)
    return network, jax.jit(network.init)(jax.random.key(0), ids), ids


def test_the_future_is_not_seen(reader):
    """By gradients of the logits with respect to what is read at each position."""
    network, params, ids = reader
    at = ids.shape[1] // 2
    (gradient,) = slopes(network, params, (ids,), lambda logits: logits[0, at].sum())
    assert np.abs(gradient[0, : at + 1]).max(-1).min() > 0
    assert np.abs(gradient[0, at + 1 :]).max() == 0
    assert np.abs(gradient[1]).max() == 0


def test_a_cache_changes_nothing(reader):
    """Ids read in pieces, each after what the cache holds, get the logits that all get at once."""
    network, params, ids = reader
    extend = jax.jit(lambda *given: network.apply(params, *given, method="extend"))
    cache, found = network.empty(*ids.shape), []
    assert {len(leaf) for leaf in jax.tree.leaves(cache)} == {len(ids)}
    for begin, end in itertools.pairwise([0, 5, 6, 7, ids.shape[1]]):
        logits, cache = extend(ids[:, begin:end], cache)
        found.append(logits)
    whole = jax.jit(network.apply)(params, ids)
    np.testing.assert_allclose(np.concatenate(found, 1), whole, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module", params=PAIRS)
def translator(request):
    """A model of pairs: its network, parameters, sources of 9 and of 6 tokens, and targets."""
    model, (spec,) = registry.get("model", request.param)(), SPECS["pairs"]
    network = model.network(spec.outputs)
    source, target = (ids.at[ids == PAD].set(7) for ids in inputs(model, spec, 2))
    source = source.at[1, 6:].set(PAD)
    return network, jax.jit(network.init)(jax.random.key(0), source, target), source, target


def test_all_of_the_source_is_seen_but_padding_and_no_future_of_the_target(translator):
    network, params, source, target = translator
    at = 4
    for row, length in ((0, 9), (1, 6)):
        by_source, by_target = slopes(
            network, params, (source, target), lambda logits, row=row: logits[row, at].sum()
        )
        assert np.abs(by_source[row, :length]).max(-1).min() > 0
        assert not by_source[row, length:].any()
        assert not by_source[1 - row].any()
        assert np.abs(by_target[row, : at + 1]).max(-1).min() > 0
        assert not by_target[row, at + 1 :].any()
        assert not by_target[1 - row].any()


def test_longer_padding_changes_nothing(translator):
    network, params, source, target = translator
    longer = jnp.pad(source, ((0, 0), (0, 5)), constant_values=PAD)
    further = jnp.pad(target, ((0, 0), (0, 3)), constant_values=PAD)
    found = jax.jit(network.apply)(params, longer, further)[:, : target.shape[1]]
    expected = jax.jit(network.apply)(params, source, target)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_translation_goes_on_from_its_cache(translator):
    """Token by token and in pieces, the logits are those of the whole target at once."""
    network, params, source, target = translator
    extend = jax.jit(lambda *given: network.apply(params, *given, method="extend"))
    encode = jax.jit(lambda ids: network.apply(params, ids, target.shape[1], method="encode"))
    cache, found = encode(source), []
    assert {len(leaf) for leaf in jax.tree.leaves(cache)} == {len(source)}
    for begin, end in itertools.pairwise([0, 1, 2, 3, target.shape[1]]):
        logits, cache = extend(target[:, begin:end], cache)
        found.append(logits)
    whole = jax.jit(network.apply)(params, source, target)
    np.testing.assert_allclose(np.concatenate(found, 1), whole, rtol=1e-4, atol=1e-5)
