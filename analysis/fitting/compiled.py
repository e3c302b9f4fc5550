"""Compiled: a law and its derivatives, by a program of XLA.

A call takes a block of fixed shape: so many lanes (parameter vectors, each with its own weights) by
so many points. Tables are cut into blocks, and the last is padded with points of weight zero, so
one program per shape serves every fit of a law. It runs in float64 on the CPU, whatever the rest of
the process uses.

A law is a function of each point alone, so one reverse sweep gives the derivatives of every
residual in every parameter.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scaling_lab.engine import compilation_cache
from scaling_lab.errors import LabError

from ..laws import Law
from . import penalty
from .penalty import Penalty
from .problem import Problem

# Lanes x points of a call. Each is a program of its own to compile.
SHORT = (64, 32)  # a table of few points
WIDE = (32, 256)
LONG = (1, 8192)  # few lanes of a long table


class Column:
    """Positive values known by their logarithm: x ** a is exp(a log x), a third of pow's cost.

    It knows arithmetic and comparison; a law that hands a column itself to a function of jax.numpy
    is given arrays instead (`_columns`).
    """

    __array_ufunc__ = None  # numpy leaves arithmetic to the methods below

    def __init__(self, log: jax.Array) -> None:
        self.log = log

    def __jax_array__(self) -> jax.Array:
        return jnp.exp(self.log)

    def __pow__(self, exponent: Any) -> jax.Array:
        return jnp.exp(jnp.asarray(exponent) * self.log)


def _as_array(operator: str) -> Any:
    def method(self: Column, *others: Any) -> Any:
        return getattr(self.__jax_array__(), operator)(*map(jnp.asarray, others))

    return method


for _operator in ("add", "sub", "mul", "truediv", "pow"):
    if _operator != "pow":
        setattr(Column, f"__{_operator}__", _as_array(f"__{_operator}__"))
    setattr(Column, f"__r{_operator}__", _as_array(f"__r{_operator}__"))
for _operator in ("neg", "lt", "le", "gt", "ge"):
    setattr(Column, f"__{_operator}__", _as_array(f"__{_operator}__"))


@contextmanager
def float64_on_cpu() -> Iterator[None]:
    """Inside, jax computes in float64 on the CPU; the process's own settings are not touched."""
    with jax.enable_x64(True), jax.default_device(_cpu()):
        yield


def evaluate(
    problem: Problem,
    values: np.ndarray,
    stretch: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    taken: Penalty,
    majorant: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Objective [lanes]; curvature and, last, gradient [lanes, parameters, parameters + 1].

    As `dual.evaluate`.
    """
    lanes, count = values.shape
    packed = np.column_stack([values, stretch, *taken, majorant])
    objective, product = np.zeros(lanes), np.zeros((lanes, count, count + 1))
    shape = _shape(lanes, len(problem))
    with float64_on_cpu():
        for first in range(0, lanes, shape[0]):
            some = slice(first, min(first + shape[0], lanes))
            there = some.stop - some.start
            lane = _filled(packed[some], (shape[0], packed.shape[1]))
            for at, points in _blocks(problem, shape[1]):
                weight = _filled(weights[rows[some], at] * problem.weights[at], shape)
                found = _program(shape)(problem.law, problem.space, points, lane, weight)
                total, pull, bend, *jacobian = (np.asarray(part)[:there] for part in found)
                both = _workspace(2 * count + 1, shape, threading.get_ident())[:, :there]
                left, right = np.stack(jacobian, out=both[:count]), both[count:]
                np.multiply(left, bend, out=right[:-1])
                right[-1] = pull
                objective[some] += total
                product[some] += left.swapaxes(0, 1) @ right.transpose(1, 2, 0)
    return objective, product


def jacobian(problem: Problem, values: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Derivatives of the residuals at one parameter vector [parameters, points]."""
    taken = np.concatenate([values, stretch, [1.0, 1, 1, 1]])
    found = np.empty((len(values), len(problem)))
    shape = _shape(1, len(problem))
    with float64_on_cpu():
        for at, points in _blocks(problem, shape[1]):
            lanes, weight = np.tile(taken, (shape[0], 1)), np.ones(shape)
            columns = _program(shape)(problem.law, problem.space, points, lanes, weight)[3:]
            found[:, at] = [np.asarray(c)[0, : at.stop - at.start] for c in columns]
    return found


def predict(law: Law, p: Mapping[str, np.ndarray], x: Mapping[str, np.ndarray]) -> np.ndarray:
    """The law's response; parameters and columns broadcast."""
    size, arrays = LONG[1], np.broadcast_arrays(*p.values(), *x.values())
    logs = [np.log(array) for array in arrays[len(p) :]]
    flat = [np.ravel(array) for array in (*arrays[: len(p)], *logs)]
    found = np.empty(flat[0].shape)
    with float64_on_cpu():
        for first in range(0, found.size, size):
            at = slice(first, min(first + size, found.size))
            some = [_filled(values[at], (size,)) for values in flat]
            taken = dict(zip((*p, *x), some, strict=True))
            at_p, at_x = ({name: taken[name] for name in part} for part in (p, x))
            found[at] = np.asarray(_values(law, at_p, at_x))[: at.stop - at.start]
    return found.reshape(arrays[0].shape)


def _shape(lanes: int, points: int) -> tuple[int, int]:
    """The shape of block that wastes less."""
    if points <= SHORT[1]:
        return SHORT
    wide, long = (-(-lanes // a) * a * -(-points // b) * b for a, b in (WIDE, LONG))
    return WIDE if wide <= long else LONG


@functools.cache
def _program(shape: tuple[int, int]) -> Any:
    """The compiled `_tangent`. Where calls are short, compiling takes longer than all of them."""
    options = {} if shape == LONG else {"xla_backend_optimization_level": 1}
    return jax.jit(_tangent, static_argnums=(0, 1), compiler_options=options)


def _tangent(law: Law, space: str, points: Any, lanes: Any, weight: Any) -> Any:
    """Objective [lanes]; the penalty's slope and curvature, the Jacobian by parameter [.., points].

    `lanes` holds parameters, what a unit of their coordinates is, the penalty and the majorant.
    """
    count = len(law.parameters)
    values, stretch = lanes[:, :count], lanes[:, count : 2 * count]
    *taken, majorant = (lanes[:, i, None] for i in range(2 * count, lanes.shape[1]))
    columns = _columns(law, {name: values[None] for name, values in points["log_x"].items()})

    def residuals(*moved: Any) -> Any:
        p = {
            name: values[:, i, None] + stretch[:, i, None] * moved[i]
            for i, name in enumerate(law.parameters)
        }
        found = law.loss(p, columns)
        found = jnp.log(found) if space == "log" else found
        return (found - points["y"][None]) * points["sharpness"][None]

    r, pull = jax.vjp(residuals, *[jnp.zeros(weight.shape)] * count)
    jacobian = pull(jnp.ones(weight.shape))
    taken = Penalty(*taken)
    total = jnp.sum(weight * penalty.cost(r, taken), axis=1)
    bend = weight * penalty.curvature(r, taken, majorant)
    return total, weight * penalty.slope(r, taken), bend, *jacobian


@functools.partial(jax.jit, static_argnums=0)
def _values(law: Law, p: Any, log_x: Any) -> Any:
    return law.loss(p, _columns(law, log_x))


def traced(law: Law, x: Mapping[str, Any]) -> Any:
    """Shape and type of the law's response to columns x, without computing it."""
    one = jax.ShapeDtypeStruct((1,), "float32")
    log_x = {name: jax.ShapeDtypeStruct(np.shape(values), "float32") for name, values in x.items()}
    found = jax.eval_shape(
        lambda p, log_x: jnp.asarray(law.loss(p, _columns(law, log_x))),
        dict.fromkeys(law.parameters, one),
        log_x,
    )
    return jax.ShapeDtypeStruct(found.shape, found.dtype)


def _columns(law: Law, log_x: Mapping[str, Any]) -> dict[str, Any]:
    kind = Column if _takes_columns(law) else jnp.exp
    return {name: kind(values) for name, values in log_x.items()}


@functools.cache
def _takes_columns(law: Law) -> bool:
    def tried(p: Mapping[str, Any], log_x: Mapping[str, Any]) -> Any:
        return law.loss(p, {name: Column(values) for name, values in log_x.items()})

    one = jax.ShapeDtypeStruct((1,), "float32")
    try:
        jax.eval_shape(tried, dict.fromkeys(law.parameters, one), dict.fromkeys(law.variables, one))
    except (TypeError, ValueError, AttributeError):
        return False
    return True


@functools.lru_cache(maxsize=8)
def _workspace(arrays: int, shape: tuple[int, int], thread: int) -> np.ndarray:
    """Room for a thread's arrays of a block. Fresh memory would cost more than filling it."""
    return np.empty((arrays, *shape))


def _filled(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Filled up to a block: with its last lane, and with points of no weight."""
    full = np.zeros(shape)
    full[tuple(map(slice, values.shape))] = values
    full[len(values) :] = full[len(values) - 1]
    return full


@functools.lru_cache(maxsize=4)
def _blocks(problem: Problem, size: int) -> list[tuple[slice, Any]]:
    """The points in blocks of one size: which they are, and what the program reads of them."""
    target = np.log(problem.y) if problem.space == "log" else problem.y
    sharpness = np.ones(len(problem)) if problem.noise is None else 1 / problem.noise
    columns = [*(np.log(values) for values in problem.x.values()), target, sharpness]
    blocks = []
    for first in range(0, len(problem), size):
        at = slice(first, min(first + size, len(problem)))
        *logs, y, s = (_filled(column[at], (size,)) for column in columns)
        block = {"log_x": dict(zip(problem.x, logs, strict=True)), "y": y, "sharpness": s}
        blocks.append((at, jax.device_put(block, _cpu())))
    return blocks


@functools.cache
def _cpu() -> Any:
    """The CPU; first asked for before anything is compiled.

    Asking for it starts every backend: a GPU's memory must not be claimed by that.
    """
    compilation_cache.keep()
    name = "XLA_PYTHON_CLIENT_PREALLOCATE"
    unset = name not in os.environ
    os.environ.setdefault(name, "false")
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError as error:
        raise LabError(
            "fits are made on the CPU and JAX_PLATFORMS leaves it out; add cpu to it, or unset it"
        ) from error
    finally:
        if unset:
            del os.environ[name]
