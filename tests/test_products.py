"""Products counted from a trace: against XLA's own analysis, and where that cannot count."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from scaling_lab import products

X, W = jnp.zeros((4, 8)), jnp.zeros((8, 8))
ONE = 2 * 4 * 8 * 8  # FLOP of X @ W


def xla(function, *given):
    analysis = jax.jit(function).lower(*given).compile().cost_analysis()
    assert analysis is not None
    return analysis["flops"]


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (jnp.matmul, (X, W)),
        (
            lambda a, b: jnp.einsum("bth,bsh->bts", a, b),
            (jnp.zeros((3, 5, 7)), jnp.zeros((3, 6, 7))),
        ),
        (
            lambda x, w: lax.conv(x, w, (1, 1), "VALID"),
            (jnp.zeros((2, 3, 9, 9)), jnp.zeros((5, 3, 3, 3))),
        ),
        (
            lambda x, w: lax.conv(x, w, (2, 2), "VALID"),
            (jnp.zeros((2, 3, 9, 9)), jnp.zeros((5, 3, 3, 3))),
        ),
    ],
)
def test_one_product_is_as_xla_counts_it(function, given):
    assert products.count(function, *given).flop == pytest.approx(xla(function, *given), rel=1e-6)


def test_elementwise_work_is_not_counted():
    assert products.count(lambda x: jax.nn.softmax(jnp.exp(x) + 1.0).sum(), X).flop == 0


def test_a_backward_pass_is_two_forward_passes():
    def loss(weights, x):
        for w in weights:
            x = jax.nn.relu(x @ w)
        return x.sum()

    weights = [W] * 3
    assert products.count(loss, weights, X).flop == 3 * ONE
    # The gradient with respect to the data is not computed.
    assert products.count(jax.grad(loss), weights, X).flop == 8 * ONE
    assert products.count(jax.grad(loss, argnums=(0, 1)), weights, X).flop == 9 * ONE


def layer(x, w):
    return jax.nn.relu(x @ w), None


@pytest.mark.parametrize("body", [layer, jax.checkpoint(layer)], ids=["kept", "recomputed"])
def test_a_loop_counts_its_turns_and_what_is_recomputed_counts_once(body):
    def loss(weights, x):
        return lax.scan(body, x, weights)[0].sum()

    weights = jnp.stack([W] * 5)
    assert products.count(loss, weights, X).flop == 5 * ONE
    assert products.count(jax.grad(loss), weights, X).flop == 3 * 5 * ONE
    assert xla(loss, weights, X) < 2.5 * ONE  # it counts the body of the loop once


def test_of_two_branches_the_larger_counts():
    def either(x, w):
        return lax.cond(x.sum() > 0, lambda: x @ w @ w, lambda: x @ w)

    assert products.count(either, X, W).flop == 2 * ONE


def test_what_no_result_needs_is_not_counted():
    assert products.count(lambda x, w: (x @ w, x)[1], X, W).flop == 0


def test_a_loop_of_unknown_length_is_named():
    def until_large(x, w):
        return lax.while_loop(lambda x: x.sum() < 1.0, lambda x: x @ w, x)

    assert "loop of unknown length" in " ".join(products.count(until_large, X, W).hidden)
    assert not products.count(lambda x: lax.while_loop(lambda x: x.sum() < 1, jnp.exp, x), X).hidden


def test_operands_are_told_by_what_they_depend_on():
    found = products.count(lambda x, w: (x @ w) @ (x @ w).T, X, W, labels=["input", "weight"])
    one = (frozenset({"input"}), frozenset({"weight"}))
    assert found.by_operands[one] == ONE
    both = frozenset({"input", "weight"})
    assert found.by_operands[both, both] == 2 * 4 * 4 * 8


def test_what_cannot_be_counted_is_said_in_every_branch_and_of_ragged_products():
    def call(flag, x):
        return jax.lax.cond(
            flag, lambda x: jax.pure_callback(lambda x: x, x, x), lambda x: x @ x, x
        )

    found = products.count(call, jax.ShapeDtypeStruct((), bool), jax.ShapeDtypeStruct((4, 4), "f4"))
    assert found.flop == 128
    assert found.hidden == {"a kernel (pure_callback)"}
    ragged = products.count(
        jax.lax.ragged_dot,
        *(jax.ShapeDtypeStruct(shape, "f4") for shape in ((8, 4), (2, 4, 6))),
        jax.ShapeDtypeStruct((2,), "i4"),
    )
    assert len(ragged.hidden) == 1
