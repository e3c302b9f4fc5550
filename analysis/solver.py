"""Solver: the least sum of Huber functions of the log residuals, from many starts at once.

    minimise over theta    sum_i  w_i huber_delta(log L(x_i; theta) - log L_i)

`theta` are the logarithms of the parameters (of a Real, its value): of a scale, of what it
contributes at the geometric mean of the variables, without which the problem is badly conditioned;
of a place or a level, in units of the geometric mean of its variable or of the response. Starts
lie on a grid of the other parameters, or are a Halton sequence where those are many; given them the
law is linear and non-negative least squares give the scales.
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
from scipy.stats import qmc

from scaling_lab.errors import LabError

from .laws import Kind, Law, Level, Place, Real, Scale

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
        """What the program reads: x and y padded, and the units of theta (`_parameters`)."""
        log_x = {name: np.log(values) for name, values in self.x.items()}
        centre = {name: float(values.mean()) for name, values in log_x.items()}
        return {
            "centre": centre,
            "level": self.level,
            "ranges": {name: _range(self, centre, name) for name in self.law.nonlinear},
            "x": {name: np.exp(self._padded(v, centre[name])) for name, v in log_x.items()},
            "y": self._padded(self.y, self.level),
        }

    @functools.cached_property
    def level(self) -> float:
        """The unit of the response: its geometric mean, or root mean square where signs differ."""
        if self.y.min() > 0:
            return float(np.exp(np.log(self.y).mean()))
        return float(np.sqrt(np.mean(self.y**2))) or 1.0

    @property
    def room(self) -> int:
        """How many points it is filled up to."""
        return max(32, 1 << (len(self.y) - 1).bit_length())

    def _padded(self, values: np.ndarray, fill: float = 0.0) -> np.ndarray:
        room = [(0, 0)] * (values.ndim - 1) + [(0, self.room - len(self.y))]
        return np.pad(values, room, constant_values=fill)

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
    """About STARTS starts [starts, parameters], the most promising first."""
    with float64_on_cpu():
        theta, misfit = _linear_starts(
            problem.law, problem.points, problem.weights(), _spread(problem)
        )
    theta, misfit = np.asarray(theta), np.asarray(misfit)
    return theta[np.argsort(np.where(np.isfinite(misfit), misfit, np.inf))]


def _spread(problem: Problem) -> np.ndarray:
    """Theta of the parameters that are no scales [starts, nonlinear]: a grid, or a sequence."""
    ranges = np.array(list(problem.points["ranges"].values())).reshape(-1, 2)
    if len(ranges) > 3:
        unit = qmc.Halton(len(ranges), scramble=False).random(STARTS + 1)[1:]
    else:
        side = max(2, round(STARTS ** (1 / max(len(ranges), 1))))
        axes = np.meshgrid(*[np.linspace(0, 1, side)] * len(ranges), indexing="ij")
        unit = np.stack([axis.ravel() for axis in axes], axis=-1) if axes else np.empty((1, 0))
    return ranges[:, 0] + unit * (ranges[:, 1] - ranges[:, 0])


def _range(problem: Problem, centre: Mapping[str, float], name: str) -> tuple[float, float]:
    """Where the starts of a parameter lie, in theta."""
    law, kind = problem.law, problem.law.parameters[name]
    given = law.starts(problem.x, problem.y) if law.starts else {}
    if name in given:
        ends = np.array(given[name], dtype="float64")
        if isinstance(kind, Real):
            return ends[0], ends[1]
        low, high = np.log(ends / _unit(kind, {"centre": centre, "level": problem.level}))
        return low, high
    assert not isinstance(kind, Scale)
    if isinstance(kind, Real):
        return kind.low, kind.high
    return math.log(kind.low), math.log(kind.high)


def _unit(kind: Kind, points: Mapping[str, Any]) -> Any:
    """What a place, a level or a pure number is counted in."""
    if isinstance(kind, Place):
        return math.e ** points["centre"][kind.variable]
    return points["level"] if isinstance(kind, Level) else 1.0


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
    flat = np.reshape(theta, (-1, np.shape(theta)[-1]))
    with float64_on_cpu():
        found = _all_parameters(problem.law, problem.points, flat)
        return {name: np.asarray(v).reshape(np.shape(theta)[:-1]) for name, v in found.items()}


def predict(law: Law, p: Mapping[str, Any], x: Mapping[str, Any]) -> np.ndarray:
    """The law's loss, in float64; parameters and columns broadcast."""
    with float64_on_cpu():
        return np.asarray(law.loss(dict(p), dict(x)))


def _parameters(law: Law, points: Mapping[str, Any], theta: jax.Array) -> dict[str, jax.Array]:
    """The parameters in the table's units from theta [parameters].

    Positive ones that are no scales are bounded: towards a step or a constant, where data that
    determine no exponent lead, their coefficients would overflow.
    """
    p: dict[str, jax.Array] = {}
    for i, (name, kind) in enumerate(law.parameters.items()):
        value = theta[..., i]
        if isinstance(kind, Real):
            p[name] = value
        elif not isinstance(kind, Scale):
            low, high = points["ranges"][name]
            value = jnp.clip(value, low - math.log(BEYOND), high + math.log(BEYOND))
            p[name] = _unit(kind, points) * jnp.exp(value)
    unit = _contributions(law, p, {name: jnp.exp(c) for name, c in points["centre"].items()})
    for i, name in enumerate(law.parameters):
        if name in unit:
            sound = jnp.isfinite(unit[name]) & (unit[name] > 0)
            p[name] = jnp.exp(theta[..., i]) / jnp.where(sound, unit[name], 1.0)
    return {name: p[name] for name in law.parameters}


_all_parameters = jax.jit(jax.vmap(_parameters, in_axes=(None, None, 0)), static_argnums=0)


def _contributions(law: Law, p: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, Any]:
    """What each scale of one adds to the law at x."""
    zero = dict(p) | dict.fromkeys(law.scales, jnp.zeros(()))
    nothing = law.loss(zero, x) if law.scales else 0.0
    return {name: law.loss(zero | {name: jnp.ones(())}, x) - nothing for name in law.scales}


def _residuals(law: Law, points: Mapping[str, Any], theta: jax.Array) -> jax.Array:
    found = law.loss(_parameters(law, points, theta), points["x"])
    if law.space == "raw":
        return found - points["y"]
    return jnp.log(found) - jnp.log(points["y"])


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
    return jnp.sum(weights * _huber(_residuals(law, points, theta), delta))


@functools.partial(jax.jit, static_argnums=0)
def _optima(
    law: Law, points: Any, weights: Any, starts: Any, delta: Any, tolerance: Any
) -> tuple[Any, Any]:
    method = optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance)

    def lane(weights: jax.Array, start: jax.Array) -> tuple[jax.Array, jax.Array]:
        def residuals(theta: jax.Array, _: None) -> jax.Array:
            r = _residuals(law, points, theta)
            return jnp.sqrt(weights) * _signed_root_huber(r, delta)

        theta = optx.least_squares(residuals, method, start, max_steps=MAX_STEPS, throw=False).value
        return theta, _objective(law, points, weights, theta, delta)

    return jax.vmap(lane)(weights, starts)


@functools.partial(jax.jit, static_argnums=0)
def _linear_starts(law: Law, points: Any, weights: Any, grid: Any) -> tuple[Any, Any]:
    """Start and squared misfit for each row of exponents, scales from non-negative least squares.

    Coordinate descent solves it; a scale that the data push to zero starts small, so that its
    logarithm exists. Residuals are relative where those of the fit are logarithmic.
    """
    x, y = points["x"], points["y"]
    relative = 1 / points["level"] if law.space == "raw" else 1 / y

    def at(others: jax.Array) -> tuple[jax.Array, jax.Array]:
        theta = dict(zip(law.nonlinear, others, strict=True))
        theta |= dict.fromkeys(law.scales, jnp.zeros(()))
        p = _parameters(law, points, jnp.stack([theta[name] for name in law.parameters]))
        nothing = law.loss(p | dict.fromkeys(law.scales, jnp.zeros(())), x)
        target = (y - nothing) * relative
        if not law.scales:
            found = jnp.stack([theta[name] for name in law.parameters])
            return found, jnp.sum(weights * target**2)
        # In units of what each adds at the centre, as theta is.
        columns = [c * p[name] * relative for name, c in _contributions(law, p, x).items()]
        basis = jnp.stack([jnp.broadcast_to(c, y.shape) for c in columns], axis=1)
        gram = basis.T @ (weights[:, None] * basis)
        wanted = basis.T @ (weights * target)
        least = 1e-6 * jnp.abs(wanted) / jnp.diagonal(gram) + 1e-12 * points["level"]

        def sweep(_: int, scales: jax.Array) -> jax.Array:
            for i in range(len(law.scales)):
                rest = wanted[i] - gram[i] @ scales + gram[i, i] * scales[i]
                scales = scales.at[i].set(jnp.maximum(rest / gram[i, i], least[i]))
            return scales

        scales = jax.lax.fori_loop(0, 200, sweep, least)
        misfit = jnp.sum(weights * (basis @ scales - target) ** 2)
        theta |= dict(zip(law.scales, jnp.log(scales), strict=True))
        return jnp.stack([theta[name] for name in law.parameters]), misfit

    return jax.vmap(at)(grid)


@functools.partial(jax.jit, static_argnums=0)
def _slopes(law: Law, points: Any, weights: Any, theta: Any, delta: Any) -> tuple[Any, ...]:
    def objective(theta: jax.Array) -> jax.Array:
        return _objective(law, points, weights, theta, delta)

    value, gradient = jax.value_and_grad(objective)(theta)
    jacobian = jax.jacfwd(lambda theta: _residuals(law, points, theta))(theta)
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
