"""What every registered model keeps to."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import counting, registry
from scaling_lab.data import Spec

SPECS = [
    Spec(shape=(8, 8), outputs=10, examples=100, unit="images"),
    Spec(shape=(16, 12, 3), outputs=4, examples=100, unit="images"),
]
NAMES = registry.names("model")


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: "x".join(map(str, s.shape)))
@pytest.mark.parametrize("name", NAMES)
def test_counts_are_those_of_the_tree(name, spec):
    model = registry.get("model", name)()
    network = model.network(spec.outputs)
    params = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, *spec.shape)))["params"]
    assert counting.by_group(params) == model.cost(spec).N
    assert model.cost(spec).parameters == sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("name", NAMES)
def test_the_output_has_a_row_an_example(name):
    model, spec = registry.get("model", name)(), SPECS[0]
    network = model.network(spec.outputs)
    x = jax.random.normal(jax.random.key(1), (3, *spec.shape))
    out, _ = network.init_with_output(jax.random.key(0), x)
    assert out.shape == (3, spec.outputs)
    assert np.isfinite(out).all()
    assert np.asarray(out).std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_sized_is_near_and_grows(name):
    model, spec = registry.get("model", name)(), SPECS[0]
    counts = [model.sized(n, spec).cost(spec).parameters for n in (3e3, 1e4, 1e5, 1e6)]
    np.testing.assert_allclose(counts, (3e3, 1e4, 1e5, 1e6), rtol=0.25)
    assert type(model.sized(1e4, spec)) is type(model)


@pytest.mark.parametrize("name", NAMES)
def test_compute_is_counted_by_known_parts(name):
    cost = registry.get("model", name)().cost(SPECS[0])
    assert set(cost.forward) <= set(counting.PARTS)
    assert set(cost.N) == set(counting.GROUPS)
    step = cost.step(7)
    assert step.total == pytest.approx(3 * 7 * sum(cost.forward.values()))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_a_frozen_value(name):
    model = registry.get("model", name)()
    assert hash(model) == hash(type(model)())
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(model, dataclasses.fields(model)[0].name, 3)
