"""Convolutions with SAME padding, in the form that is fast on the device at hand.

On a CPU, XLA has a fast kernel for one form of convolution only, (B,H,W,C) * (H,W,I,O). It brings
others into that form in the entry computation but not inside loops, where training happens: there
the two convolutions of a backward pass take a kernel some fifty times slower. So on a CPU

- a convolution and its two gradients are written in that form, and under vmap run one after
  another: a vmapped convolution is a grouped one, which has no fast kernel;
- a convolution of few channels, such as an image's own, is a matrix product over its neighbours:
  the kernel is slow on them;
- a narrow network does best with its images on the last axis (`images_last`): all its convolutions
  are such products, and everything it does is on long rows of neighbouring numbers.

On an accelerator it is `lax.conv_general_dilated` and, under vmap over kernels, a batched matrix
product over neighbours: grouped convolutions are slow there, too, in the backward pass.

The three maps y = f(x, k), dx = g(dy, k) and dk = h(x, dy) are linear in each argument, and the
gradients of each are the other two. So gradients of any order work in reverse mode (a gradient
penalty needs the second); forward mode (jvp) does not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from .. import products
from .linear import product

KERNEL = 3
FEW = 4  # input channels, up to which a product over neighbours is faster on a CPU
NARROW = 8  # channels, up to which images last are faster on a CPU
LARGE = 1 << 20  # numbers that a convolution reads, beyond which neighbours outgrow the cache
LAYOUT = ("NHWC", "HWIO", "NHWC")

Bilinear = Callable[[jax.Array, jax.Array], jax.Array]


class Convolution(nn.Module):
    """x_BHWC -> x_BHWC: a SAME convolution with a square kernel, and a bias.

    images_last: x_CHWB -> x_CHWB instead. The parameters are the same.
    """

    features: int
    side: int = KERNEL
    stride: int = 1
    initializer: nn.initializers.Initializer = nn.initializers.lecun_normal()
    images_last: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        inputs = x.shape[0 if self.images_last else -1]
        shape = (self.side, self.side, inputs, self.features)
        kernel = self.param("kernel", self.initializer, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        if self.images_last:
            _, height, width, _ = x.shape
            form = _Shape((height, width), self.side, self.stride).images_last
            return form(x, kernel) + bias.reshape(-1, 1, 1, 1)
        return convolved(x, kernel, self.stride) + bias.reshape(1, 1, 1, -1)


def images_last(channels: int, read: int) -> bool:
    """Whether a network is faster on x_CHWB on this device: a narrow one on a CPU.

    channels: the most at the first stage; later ones may have twice as many whenever height and
    width are halved. read: numbers in the largest input of a convolution, all images together.
    """
    return jax.default_backend() == "cpu" and channels <= NARROW and read <= LARGE


def convolved(x_BHWI: jax.Array, kernel_SSIO: jax.Array, stride: int = 1) -> jax.Array:
    """x_BHWI -> y_BHWO, of height and width divided by the stride and rounded up; SAME padding."""
    height, width, inputs = x_BHWI.shape[1:]
    side = kernel_SSIO.shape[0]
    if side == stride == 1:
        return product(x_BHWI, kernel_SSIO[0, 0])
    shape = _Shape((height, width), side, stride)
    if products.counting():
        return shape.forward(x_BHWI, kernel_SSIO)
    if jax.default_backend() != "cpu":
        return on_accelerator(shape)(x_BHWI, kernel_SSIO)
    if inputs <= FEW:
        return shape.product(x_BHWI, kernel_SSIO)
    return on_cpu(shape)(x_BHWI, kernel_SSIO)


class _Shape(NamedTuple):
    """Height and width of the input, side of the kernel and stride."""

    size: tuple[int, int]
    side: int
    stride: int

    @property
    def outputs(self) -> list[int]:
        """Height and width of the output."""
        return [-(-n // self.stride) for n in self.size]

    @property
    def padding(self) -> list[tuple[int, int]]:
        """SAME padding of height and width, before and after."""
        needs = [
            max((out - 1) * self.stride + self.side - n, 0)
            for n, out in zip(self.size, self.outputs, strict=True)
        ]
        return [(need // 2, need - need // 2) for need in needs]

    def forward(self, x_BHWI: jax.Array, kernel_SSIO: jax.Array) -> jax.Array:
        """y_BHWO by the library."""
        return _canonical(x_BHWI, kernel_SSIO, self.padding, stride=self.stride)

    def product(self, x_BHWI: jax.Array, kernel_SSIO: jax.Array) -> jax.Array:
        """y_BHWO as one matrix product over the gathered neighbours, all images in each row."""
        side, stride, (height, width) = self.side, self.stride, self.outputs
        inputs, outputs = kernel_SSIO.shape[2:]
        padded_IBHW = jnp.pad(x_BHWI.transpose(3, 0, 1, 2), ((0, 0), (0, 0), *self.padding))
        near = [
            padded_IBHW[
                :,
                :,
                i : i + (height - 1) * stride + 1 : stride,
                j : j + (width - 1) * stride + 1 : stride,
            ]
            for i in range(side)
            for j in range(side)
        ]
        rows = jnp.concatenate(near).reshape(side * side * inputs, -1)
        y_OBHW = kernel_SSIO.reshape(-1, outputs).T @ rows
        return y_OBHW.reshape(outputs, len(x_BHWI), height, width).transpose(1, 2, 3, 0)

    def images_last(self, x_IHWB: jax.Array, kernel_SSIO: jax.Array) -> jax.Array:
        """y_OHWB as one matrix product over the neighbours, gathered along rows, then columns."""
        outputs = kernel_SSIO.shape[3]
        near = x_IHWB
        for axis in (2, 1):
            near = jnp.concatenate([self._tap(near, axis, at) for at in range(self.side)])
        y = kernel_SSIO.reshape(-1, outputs).T @ near.reshape(len(near), -1)
        return y.reshape(outputs, *self.outputs, x_IHWB.shape[3])

    def _tap(self, x_IHWB: jax.Array, axis: int, at: int) -> jax.Array:
        """For each output along an axis, the input under number `at` of the kernel's side."""
        before, _ = self.padding[axis - 1]
        end = (self.outputs[axis - 1] - 1) * self.stride + 1
        edges = [(0, 0, 0)] * 4
        edges[axis] = (before - at, at + end - before - self.size[axis - 1], 0)
        moved = lax.pad(x_IHWB, jnp.zeros((), x_IHWB.dtype), edges)
        return lax.slice_in_dim(moved, 0, end, self.stride, axis)

    def by_input(self, y_BHWO: jax.Array, kernel_SSIO: jax.Array) -> jax.Array:
        """Gradient with respect to x_BHWI of the sum of y_BHWO times the output."""
        padding = [
            (self.side - 1 - before, n + before - (out - 1) * self.stride - 1)
            for n, out, (before, _) in zip(self.size, self.outputs, self.padding, strict=True)
        ]
        turned_SSOI = kernel_SSIO[::-1, ::-1].swapaxes(2, 3)
        return _canonical(y_BHWO, turned_SSOI, padding, spread=self.stride)

    def by_kernel(self, x_BHWI: jax.Array, y_BHWO: jax.Array) -> jax.Array:
        """Gradient with respect to kernel_SSIO of the sum of y_BHWO times the output."""
        # Strides may leave out the last rows and columns; negative padding is not canonical.
        height, width = ((out - 1) * self.stride + self.side for out in self.outputs)
        x_IHWB = x_BHWI[:, :height, :width].transpose(3, 1, 2, 0)
        y_HWBO = y_BHWO.transpose(1, 2, 0, 3)
        kernel_ISSO = _canonical(x_IHWB, y_HWBO, self.padding, reach=self.stride)
        return kernel_ISSO.transpose(1, 2, 0, 3)


def _canonical(
    x_BHWI: jax.Array,
    kernel_HWIO: jax.Array,
    padding: list[tuple[int, int]],
    *,
    stride: int = 1,
    spread: int = 1,
    reach: int = 1,
) -> jax.Array:
    """The form that XLA's fast CPU kernel takes. spread, reach: dilation of x, of the kernel."""
    strides, spreads, reaches = ((step, step) for step in (stride, spread, reach))
    return lax.conv_general_dilated(
        x_BHWI, kernel_HWIO, strides, padding, spreads, reaches, dimension_numbers=LAYOUT
    )


@cache
def on_cpu(shape: _Shape) -> Bilinear:
    """The convolution x, kernel -> y whose gradients have the canonical form, one by one."""
    pieces = shape.forward, shape.by_input, shape.by_kernel
    return _with_gradients(*map(jax.custom_batching.sequential_vmap, pieces))


@cache
def on_accelerator(shape: _Shape) -> Bilinear:
    """The library's convolution x, kernel -> y; vmapped over kernels, products over neighbours."""

    def by_input(form: Bilinear) -> Bilinear:
        def gradient(y_BHWO: jax.Array, kernel_SSIO: jax.Array) -> jax.Array:
            x = jnp.zeros((len(y_BHWO), *shape.size, kernel_SSIO.shape[2]), y_BHWO.dtype)
            return jax.vjp(lambda x: form(x, kernel_SSIO), x)[1](y_BHWO)[0]

        return gradient

    def by_kernel(form: Bilinear) -> Bilinear:
        def gradient(x_BHWI: jax.Array, y_BHWO: jax.Array) -> jax.Array:
            side, dtype = shape.side, x_BHWI.dtype
            kernel = jnp.zeros((side, side, x_BHWI.shape[3], y_BHWO.shape[3]), dtype)
            return jax.vjp(lambda kernel: form(x_BHWI, kernel), kernel)[1](y_BHWO)[0]

        return gradient

    one, many = shape.forward, shape.product
    return _with_gradients(
        _vmapped_as(one, many),
        _vmapped_as(by_input(one), by_input(many)),
        _vmapped_as(by_kernel(one), by_kernel(many)),
    )


def _vmapped_as(one: Bilinear, many: Bilinear) -> Bilinear:
    """`one`, and under vmap over both arguments `many`."""
    mapped = jax.custom_batching.custom_vmap(one)

    @mapped.def_vmap
    def _(size: int, batched: list[bool], a: jax.Array, b: jax.Array):
        del size
        axes = tuple(0 if there else None for there in batched)
        return jax.vmap(many if all(batched) else one, axes)(a, b), True

    return mapped


def _with_gradients(forward: Bilinear, by_input: Bilinear, by_kernel: Bilinear) -> Bilinear:
    """`forward`, with gradients of any order in reverse mode: each map's are the other two."""
    f, g, h = map(jax.custom_vjp, (forward, by_input, by_kernel))
    f.defvjp(lambda x, k: (f(x, k), (x, k)), lambda xk, dy: (g(dy, xk[1]), h(xk[0], dy)))
    g.defvjp(lambda y, k: (g(y, k), (y, k)), lambda yk, dx: (f(dx, yk[1]), h(dx, yk[0])))
    h.defvjp(lambda x, y: (h(x, y), (x, y)), lambda xy, dk: (g(xy[1], dk), f(xy[0], dk)))
    return f
