"""Solver: the least sum of Huber functions of the log residuals, from many starts at once.

    minimise over theta    sum_i  w_i huber_delta(log L(x_i; theta) - log L_i)

`theta` are the logarithms of the parameters, each coefficient's with its variable measured in units
of its geometric mean, without which the problem is badly conditioned. Starts lie on a grid of
exponents; given the exponents the law is linear and non-negative least squares give the scales.
From each start Levenberg-Marquardt runs on signed square roots of twice the Huber function, whose
squares sum to twice the objective.

Weights stand for resampling, and zero weights fill the points up to a power of two; starts go
through in bundles. So one compiled program serves every fit of a law: all starts, all
replicates, every delta. It runs in float64 on the CPU, whatever the rest of the process uses.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from scaling_lab.errors import LabError

from .laws import Exponent, Law, Place, Scale

STARTS = 64  # from which the optimum of all points is sought
BUNDLE = 1 << 20  # starts x points of one call of the program, at most: a few hundred MB
MAX_STEPS = 200
BEYOND = 5.0  # how far beyond the range of its starts an exponent may go, as a factor


@dataclass(frozen=True)
class Problem:
    """The points of one fit: variables x and losses y, without weights, unpadded."""

    law: Law
    x: Mapping[str, np.ndarray]
    y: np.ndarray

    @functools.cached_property
    def points(self) -> dict[str, Any]:
        """What the program reads: log x about its mean, those means, log y; padded."""
        log_x = {name: np.log(values) for name, values in self.x.items()}
        centre = {name: values.mean() for name, values in log_x.items()}
        return {
            "centre": centre,
            "log_x": {name: self._padded(v - centre[name]) for name, v in log_x.items()},
            "log_y": self._padded(np.log(self.y)),
        }

    @property
    def room(self) -> int:
        """How many points it is filled up to."""
        return max(32, 1 << (len(self.y) - 1).bit_length())

    def _padded(self, values: np.ndarray) -> np.ndarray:
        return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, self.room - len(self.y))])

    def weights(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Weights of the points (one each if None), padded with zeros."""
        return self._padded(np.ones(len(self.y)) if weights is None else weights)


class Optima(NamedTuple):
    """What was reached: theta [replicates, starts, parameters], objective [replicates, starts]."""

    theta: np.ndarray
    objective: np.ndarray

    def best(self) -> tuple[np.ndarray, np.ndarray]:
        """The best theta of each replicate and its objective."""
        index = np.argmin(self.objective, axis=1)
        rows = np.arange(len(index))
        return self.theta[rows, index], self.objective[rows, index]


@contextmanager
def float64_on_cpu() -> Iterator[None]:
    """Inside, jax computes in float64 on the CPU; the process's own settings are not touched."""
    with jax.enable_x64(True), jax.default_device(_cpu()):
        yield


def starts(problem: Problem) -> np.ndarray:
    """About STARTS starts [starts, parameters], a grid of exponents, the most promising first."""
    law = problem.law
    side = max(2, round(STARTS ** (1 / len(law.exponents))))
    kinds = [kind for kind in law.parameters.values() if isinstance(kind, Exponent)]
    axes = [np.geomspace(kind.low, kind.high, side) for kind in kinds]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    with float64_on_cpu():
        theta, misfit = _linear_starts(law, problem.points, problem.weights(), grid)
    return np.asarray(theta)[np.argsort(misfit)]


def solve(
    problem: Problem,
    starts: np.ndarray,
    weights: np.ndarray,
    delta: float,
    tolerance: float = 1e-10,
) -> Optima:
    """Optima from starts [starts, parameters], for each row of weights [replicates, points].

    A start ends when its last step changed theta and residuals by less than `tolerance`.
    """
    replicates, count = len(weights), len(starts)
    lanes = replicates * count
    together = min(STARTS, max(1, BUNDLE // problem.room))
    theta, objective = [], []
    with float64_on_cpu():
        for first in range(0, lanes, together):
            # The last bundle is filled up with its last lane.
            lane = np.minimum(np.arange(first, first + together), lanes - 1)
            bundle = (weights[lane // count], starts[lane % count])
            found = _optima(problem.law, problem.points, *bundle, delta, tolerance)
            theta.append(np.asarray(found[0]))
            objective.append(np.asarray(found[1]))
    values = np.concatenate(objective)[:lanes].reshape(replicates, count)
    shape = (replicates, count, len(problem.law.parameters))
    values = np.where(np.isfinite(values), values, np.inf)
    return Optima(np.concatenate(theta)[:lanes].reshape(shape), values)


class Slopes(NamedTuple):
    """Objective, gradient and Hessian in theta; Jacobian of the log losses [points, parameters]."""

    objective: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    jacobian: np.ndarray


def slopes(problem: Problem, theta: np.ndarray, delta: float) -> Slopes:
    """Derivatives at theta, all points weighing one."""
    with float64_on_cpu():
        found = _slopes(problem.law, problem.points, problem.weights(), theta, delta)
        objective, gradient, hessian, jacobian = (np.asarray(part) for part in found)
    return Slopes(objective, gradient, hessian, jacobian[: len(problem.y)])


def parameters(problem: Problem, theta: np.ndarray) -> dict[str, np.ndarray]:
    """The law's parameters, in the table's units, from theta [..., parameters]."""
    law, centre = problem.law, problem.points["centre"]
    with float64_on_cpu():
        p = {name: np.asarray(v) for name, v in _positive(law, jnp.asarray(theta)).items()}
    units = {}
    for name, kind in law.parameters.items():
        if isinstance(kind, Place):
            units[name] = np.exp(centre[kind.variable])
        elif isinstance(kind, Scale) and kind.variable:
            units[name] = np.exp(centre[kind.variable] * p[kind.exponent])
    return p | {name: p[name] * unit for name, unit in units.items()}


def predict(law: Law, p: Mapping[str, Any], x: Mapping[str, Any]) -> np.ndarray:
    """The law's loss, in float64; parameters and columns broadcast."""
    with float64_on_cpu():
        return np.asarray(law.loss(dict(p), dict(x)))


def _positive(law: Law, theta: jax.Array) -> dict[str, jax.Array]:
    """The parameters from their logarithms [..., parameters]; variables in units of their means.

    Exponents are bounded: towards a step or a constant, where data that determine no exponent
    lead, their coefficients would overflow.
    """
    p = {}
    for i, (name, kind) in enumerate(law.parameters.items()):
        value = theta[..., i]
        if isinstance(kind, Exponent):
            low, high = kind.low / BEYOND, kind.high * BEYOND
            value = jnp.clip(value, math.log(low), math.log(high))
        p[name] = jnp.exp(value)
    return p


def _log_residuals(law: Law, points: Mapping[str, Any], theta: jax.Array) -> jax.Array:
    p = _positive(law, theta)
    x = {name: jnp.exp(values) for name, values in points["log_x"].items()}
    return jnp.log(law.loss(p, x)) - points["log_y"]


def _huber(r: jax.Array, delta: jax.Array) -> jax.Array:
    size = jnp.abs(r)
    return jnp.where(size <= delta, 0.5 * r**2, delta * (size - 0.5 * delta))


def _signed_root_huber(r: jax.Array, delta: jax.Array) -> jax.Array:
    """sign(r) sqrt(2 huber(r)): r itself up to delta; the inner `where` keeps its slope finite."""
    size = jnp.abs(r)
    beyond = size > delta
    root = jnp.sqrt(2 * delta * jnp.where(beyond, size, delta) - delta**2)
    return jnp.where(beyond, jnp.sign(r) * root, r)


def _objective(law: Law, points: Any, weights: Any, theta: Any, delta: Any) -> jax.Array:
    return jnp.sum(weights * _huber(_log_residuals(law, points, theta), delta))


@functools.partial(jax.jit, static_argnums=0)
def _optima(
    law: Law, points: Any, weights: Any, starts: Any, delta: Any, tolerance: Any
) -> tuple[Any, Any]:
    method = optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance)

    def lane(weights: jax.Array, start: jax.Array) -> tuple[jax.Array, jax.Array]:
        def residuals(theta: jax.Array, _: None) -> jax.Array:
            r = _log_residuals(law, points, theta)
            return jnp.sqrt(weights) * _signed_root_huber(r, delta)

        theta = optx.least_squares(residuals, method, start, max_steps=MAX_STEPS, throw=False).value
        return theta, _objective(law, points, weights, theta, delta)

    return jax.vmap(lane)(weights, starts)


@functools.partial(jax.jit, static_argnums=0)
def _linear_starts(law: Law, points: Any, weights: Any, grid: Any) -> tuple[Any, Any]:
    """Start and squared misfit for each row of exponents, scales from non-negative least squares.

    Multiplicative updates (Lee & Seung 2001, with the dictionary fixed) solve it: they keep every
    scale positive, so its logarithm exists. Residuals are relative, as log residuals are.
    """
    x = {name: jnp.exp(values) for name, values in points["log_x"].items()}
    y = jnp.exp(points["log_y"])

    def at(exponents: jax.Array) -> tuple[jax.Array, jax.Array]:
        p = dict(zip(law.exponents, exponents, strict=True))
        zero = dict.fromkeys(law.scales, jnp.zeros(()))
        columns = [law.loss(p | zero | {name: jnp.ones(())}, x) / y for name in law.scales]
        basis = jnp.stack([jnp.broadcast_to(column, y.shape) for column in columns], axis=1)
        gram = basis.T @ (weights[:, None] * basis)
        target = basis.T @ weights
        first = target / jnp.sum(gram, axis=1)
        scales = jax.lax.fori_loop(0, 200, lambda _, c: c * target / (gram @ c), first)
        misfit = jnp.sum(weights * (basis @ scales - 1) ** 2)
        # A scale that the data push to zero starts small, not at minus infinity.
        p |= dict(zip(law.scales, jnp.maximum(scales, 1e-6 * first), strict=True))
        return jnp.log(jnp.stack([p[name] for name in law.parameters])), misfit

    return jax.vmap(at)(grid)


@functools.partial(jax.jit, static_argnums=0)
def _slopes(law: Law, points: Any, weights: Any, theta: Any, delta: Any) -> tuple[Any, ...]:
    def objective(theta: jax.Array) -> jax.Array:
        return _objective(law, points, weights, theta, delta)

    value, gradient = jax.value_and_grad(objective)(theta)
    jacobian = jax.jacfwd(lambda theta: _log_residuals(law, points, theta))(theta)
    return value, gradient, jax.hessian(objective)(theta), jacobian


@functools.cache
def _cpu() -> Any:
    """The CPU. Asking for it starts every backend: a GPU's memory must not be claimed by that."""
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
