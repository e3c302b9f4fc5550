"""Dual numbers: a law of plain operators and its derivatives, by numpy.

A dual number carries a value and its derivatives, and every operator follows the chain rule
(forward differentiation). A law that the operators suffice for needs no compiler: its fits to short
tables are done before one has started. `compiled` does the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..laws import Law
from . import penalty
from .penalty import Penalty
from .problem import Problem

LONG = 2048  # points of a table from which a compiled program is quicker
BLOCK = 1 << 13  # lanes x points of a block, whose arrays stay in the cache


class Dual:
    """A value, and its derivatives by parameter; those that are not there are zero."""

    __array_ufunc__ = None  # numpy leaves arithmetic to the methods below

    def __init__(self, value: Any, slopes: Mapping[str, Any]) -> None:
        self.value, self.slopes = value, slopes

    @functools.cached_property
    def log(self) -> Any:
        """The logarithm of the value, which powers need."""
        return np.log(self.value)

    def __neg__(self) -> Dual:
        return Dual(-self.value, {name: -slope for name, slope in self.slopes.items()})

    def __add__(self, other: Any) -> Dual:
        other = _dual(other)
        return Dual(self.value + other.value, _sum(self.slopes, other.slopes))

    def __sub__(self, other: Any) -> Dual:
        return self + -_dual(other)

    def __mul__(self, other: Any) -> Dual:
        other = _dual(other)
        slopes = _sum(_times(self.slopes, other.value), _times(other.slopes, self.value))
        return Dual(self.value * other.value, slopes)

    def __truediv__(self, other: Any) -> Dual:
        other = _dual(other)
        value, inverse = self.value / other.value, 1 / other.value
        slopes = _sum(_times(self.slopes, inverse), _times(other.slopes, -value * inverse))
        return Dual(value, slopes)

    def __pow__(self, other: Any) -> Dual:
        if not isinstance(other, Dual):
            by_base = _times(self.slopes, other * self.value ** (other - 1))
            return Dual(self.value**other, by_base)
        value = np.exp(other.value * self.log)
        by_base = _times(self.slopes, other.value * value / self.value) if self.slopes else {}
        by_power = _times(other.slopes, value * self.log) if other.slopes else {}
        return Dual(value, _sum(by_base, by_power))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> Dual:
        return _dual(other) - self

    def __rtruediv__(self, other: Any) -> Dual:
        return _dual(other) / self

    def __rpow__(self, other: Any) -> Dual:
        return _dual(other) ** self


def _dual(number: Any) -> Dual:
    return number if isinstance(number, Dual) else Dual(number, {})


def _times(slopes: Mapping[str, Any], factor: Any) -> dict[str, Any]:
    return {name: slope * factor for name, slope in slopes.items()}


def _sum(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for name, slope in other.items():
        both[name] = both[name] + slope if name in both else slope
    return both


def suits(problem: Problem) -> bool:
    """Whether these functions are to be used: for a law of operators and a short table."""
    return len(problem) < LONG and differentiates(problem.law)


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

    As `residuals.evaluate`, of parameters `values` of which a unit of their coordinate changes
    `stretch` [lanes, parameters].
    """

    def derived(some: slice) -> tuple[np.ndarray, np.ndarray]:
        return derivatives(problem, values[some], stretch[some])

    return summed(problem, values.shape, derived, weights, rows, taken, majorant)


def summed(
    problem: Problem,
    shape: tuple[int, ...],
    derived: Callable[[slice], tuple[np.ndarray, np.ndarray]],
    weights: np.ndarray,
    rows: np.ndarray,
    taken: Penalty,
    majorant: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What `evaluate` returns, a block of lanes at a time; shape: (lanes, parameters).

    derived: residuals [lanes, points] and derivatives [lanes, parameters, points] of some lanes.
    """
    lanes, count = shape
    objective, product = np.empty(lanes), np.empty((lanes, count, count + 1))
    size = max(1, BLOCK // len(problem))
    for first in range(0, lanes, size):
        some = slice(first, first + size)
        part = Penalty(*(number[some, None] for number in taken))
        weight = weights[rows[some]] * problem.weights
        r, left = derived(some)
        right = np.empty((len(r), count + 1, len(problem)))
        cost, slope, curvature = penalty.terms(r, part, majorant[some, None])
        np.multiply(left, (weight * curvature)[:, None], out=right[:, :count])
        np.multiply(weight, slope, out=right[:, count])
        objective[some] = np.einsum("ln,ln->l", weight, cost)
        np.matmul(left, right.swapaxes(1, 2), out=product[some])
    return objective, product


def jacobian(problem: Problem, values: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Derivatives of the residuals at one parameter vector [parameters, points]."""
    return derivatives(problem, values[None], stretch[None])[1][0]


def derivatives(
    problem: Problem, values: np.ndarray, stretch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals [lanes, points] and their derivatives [lanes, parameters, points]."""
    law = problem.law
    p = {
        name: Dual(values[:, i, None], {name: stretch[:, i, None]})
        for i, name in enumerate(law.parameters)
    }
    columns, target, sharpness = _points(problem)
    found = _dual(law.loss(p, columns))
    if problem.space == "log":
        r, sharpness = (found.log - target) * sharpness, sharpness / found.value
    else:
        r = (found.value - target) * sharpness
    jacobian = np.zeros((len(values), len(p), len(problem)))
    for i, name in enumerate(p):
        if name in found.slopes:
            np.multiply(found.slopes[name], sharpness, out=jacobian[:, i])
    return np.broadcast_to(r, (len(values), len(problem))), jacobian


@functools.cache
def differentiates(law: Law) -> bool:
    """Whether dual numbers can pass through the law: functions of jax.numpy refuse them."""
    p = {name: Dual(np.ones((1, 1)), {name: np.ones((1, 1))}) for name in law.parameters}
    try:
        law.loss(p, {name: Dual(np.ones(1), {}) for name in law.variables})
    except (TypeError, ValueError, AttributeError):
        return False
    return True


@functools.lru_cache(maxsize=4)
def _points(problem: Problem) -> tuple[dict[str, Dual], np.ndarray, np.ndarray]:
    """Variables, what the residuals are taken from, and what multiplies them."""
    columns = {name: Dual(values, {}) for name, values in problem.x.items()}
    target = np.log(problem.y) if problem.space == "log" else problem.y
    sharpness = np.ones(len(problem)) if problem.noise is None else 1 / problem.noise
    return columns, target, sharpness
