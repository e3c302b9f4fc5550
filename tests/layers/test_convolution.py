"""Convolutions: the library's values and gradients in every form, and the fast form in training."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from scaling_lab import CNN, Digits, Recipe, Run, Supervised
from scaling_lab.engine.training import program
from scaling_lab.layers import convolution
from scaling_lab.layers.convolution import Convolution, convolved, on_accelerator, on_cpu

# Size, side, stride and input channels.
CASES = [((7, 5), 3, 1, 5), ((7, 5), 7, 2, 1), ((8, 8), 3, 2, 5), ((8, 6), 1, 2, 5)]


def library(x, kernel, stride):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=dimensions
    )


def given(size, side, inputs):
    keys = jax.random.split(jax.random.key(0), 2)
    x = jax.random.normal(keys[0], (3, *size, inputs))
    return x, jax.random.normal(keys[1], (side, side, inputs, 6))


def everything(form, x, kernel):
    """The output, the gradients of a function of it, and those of a gradient penalty."""

    def loss(x, kernel):
        return jnp.tanh(form(x, kernel)).sum()

    def penalty(x, kernel):
        return (jax.grad(loss)(x, kernel) ** 2).sum()

    grads = jax.grad(loss, (0, 1))(x, kernel)
    return form(x, kernel), grads, jax.grad(penalty, (0, 1))(x, kernel)


def forms(size, side, stride):
    """Every form of this shape."""
    shape = convolution._Shape(size, side, stride)
    return {
        "as chosen here": lambda x, kernel: convolved(x, kernel, stride),
        "canonical": on_cpu(shape),
        "product": shape.product,
        "accelerator": on_accelerator(shape),
        "images last": lambda x, kernel: swapped(shape.images_last(swapped(x), kernel)),
    }


def swapped(x):
    """x_BHWC <-> x_CHWB."""
    return x.transpose(3, 1, 2, 0)


@pytest.mark.parametrize(("size", "side", "stride", "inputs"), CASES)
def test_every_form_is_the_librarys(size, side, stride, inputs):
    """Values and gradients to float32 rounding: 1e-5 of the largest."""
    x, kernel = given(size, side, inputs)
    every = {"library": lambda x, kernel: library(x, kernel, stride)} | forms(size, side, stride)

    @jax.jit
    def of_all(x, kernel):
        return {name: everything(form, x, kernel) for name, form in every.items()}

    results = of_all(x, kernel)
    wanted = results.pop("library")
    for name, found in results.items():
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            apart = float(jnp.abs(a - b).max() / jnp.abs(b).max())
            assert apart < 1e-5, f"{name}: {apart}"


@pytest.mark.parametrize("form", [on_cpu, on_accelerator])
def test_vmapped_is_one_by_one(form):
    """Over both arguments, and over each alone."""
    x, kernel = given((7, 5), 3, 5)
    xs, kernels = jnp.stack([x, 2 * x]), jnp.stack([kernel, kernel + 1])
    convolve = form(convolution._Shape((7, 5), 3, 2))

    @jax.jit
    def both(xs, kernels):
        def grad(x, kernel):
            return jax.grad(lambda *given: jnp.tanh(convolve(*given)).sum(), (0, 1))(x, kernel)

        def each(f, one):
            grid = jax.vmap(jax.vmap(f, (None, 0)), (0, None))(xs, kernels)
            pairs = jax.vmap(f)(xs, kernels)
            return (
                (grid, pairs)
                if not one
                else (
                    jax.tree.map(
                        lambda *a: jnp.stack(a).reshape(2, 2, *a[0].shape),
                        *[f(x, kernel) for x in xs for kernel in kernels],
                    ),
                    jax.tree.map(lambda *a: jnp.stack(a), *map(f, xs, kernels)),
                )
            )

        return [each(grad, one) for one in (False, True)]

    found, wanted = both(xs, kernels)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_bfloat16_keeps_its_type():
    x, kernel = (part.astype(jnp.bfloat16) for part in given((8, 8), 3, 5))
    out, grads, _ = everything(lambda x, kernel: convolved(x, kernel), x, kernel)
    assert {leaf.dtype for leaf in (out, *grads)} == {jnp.dtype(jnp.bfloat16)}
    np.testing.assert_allclose(
        out.astype(jnp.float32), library(x, kernel, 1).astype(jnp.float32), rtol=0.02, atol=0.1
    )


def test_strides_divide_the_image():
    out = jax.eval_shape(
        lambda x: Convolution(4, stride=2).init_with_output(jax.random.key(0), x)[0],
        jax.ShapeDtypeStruct((2, 7, 8, 3), jnp.float32),
    )
    assert out.shape == (2, 4, 4, 4)


@pytest.mark.parametrize("remat", [False, True])
def test_a_narrow_network_is_the_same_with_images_last(monkeypatch, remat):
    """The parameters' shapes and initial values, the outputs and the gradients."""
    x = jax.random.normal(jax.random.key(0), (3, 7, 6, 2))
    network = CNN(channels=4, stages=2, convolutions=2, remat=remat).network(5)
    lasts = []

    def everything(narrow):
        monkeypatch.setattr(convolution, "NARROW", narrow)
        lasts.append(network.images_last(x.shape))
        params = network.init(jax.random.key(1), x)

        @jax.jit
        def both(params, x):
            grads = jax.grad(lambda *given: jnp.tanh(network.apply(*given)).sum(), (0, 1))
            return network.apply(params, x), grads(params, x)

        return params, both(params, x)

    (ours, found), (theirs, wanted) = everything(4), everything(3)
    assert lasts == [True, False]
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert float(jnp.abs(a - b).max() / jnp.abs(b).max()) < 1e-5


@pytest.mark.parametrize(
    ("channels", "convolutions", "shape", "last"),
    [
        (8, 1, (512, 28, 28, 1), True),
        (8, 2, (128, 28, 28, 1), True),
        (8, 2, (256, 28, 28, 1), False),
        (8, 1, (2_000, 28, 28, 1), False),
        (9, 1, (128, 28, 28, 1), False),
        (8, 1, (16, 28, 28, 9), False),
    ],
)
def test_images_go_last_in_narrow_networks_that_read_little(channels, convolutions, shape, last):
    network = CNN(channels=channels, stages=2, convolutions=convolutions).network(10)
    assert network.images_last(shape) == last


@pytest.mark.parametrize("width", [1, 2])
def test_only_the_fast_form_reaches_the_training_loop(width):
    """Inside a loop on a CPU, XLA has a fast kernel only for the canonical form, without groups."""
    run = Run(
        learner=Supervised(),
        data=Digits(),
        model=CNN(channels=16, stages=2, convolutions=1),
        recipe=Recipe(batch_size=16),
        D=64,
        steps=4,
    )
    built = program.build(run, width, program.load(run))
    found = [line for line in built.executable.as_text().splitlines() if " convolution(" in line]
    # The first has few input channels; the second has two gradients, and there are two splits.
    assert len(found) == 5
    for line in found:
        assert "dim_labels=b01f_01io->b01f" in line, line
        assert "feature_group_count" not in line, line
        assert "batch_group_count" not in line, line
        assert "rhs_reversal" not in line, line
        assert not re.search(r"pad=\S*-", line), line
