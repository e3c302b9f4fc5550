"""Residuals of a law and their derivatives, in float64.

Laws of plain operators are evaluated by numpy (`dual`) where the table is short; the others, and
long tables, by compiled programs (`compiled`), for which jax is first imported then.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from scaling_lab.errors import LabError

from ..laws import Law
from . import dual
from .penalty import Penalty
from .problem import Problem


class Slopes(NamedTuple):
    """Objective [lanes], its gradient [lanes, parameters] and curvature [.., parameters]."""

    objective: np.ndarray
    gradient: np.ndarray
    curvature: np.ndarray


@np.errstate(all="ignore")
def evaluate(
    problem: Problem,
    theta: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    penalty: Penalty,
    majorant: np.ndarray | float = 0.0,
) -> Slopes:
    """The objective and its derivatives at coordinates theta [lanes, parameters].

    `weights` [rows, points] multiply the problem's own, and `rows` [lanes] says which of them is a
    lane's; `penalty` and `majorant` (see `penalty.curvature`) hold numbers or arrays [lanes]. The
    curvature is Gauss and Newton's, which leaves out the law's own.
    """
    nothing = np.zeros(len(theta))
    *taken, majorant = (number + nothing for number in (*penalty, majorant))
    values = problem.values(theta)
    found = _by(problem).evaluate(
        problem, values, _stretch(problem, values), weights, rows, Penalty(*taken), majorant
    )
    objective, product = found
    return Slopes(objective, product[..., -1], product[..., :-1])


def basis(problem: Problem, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each scale adds to the law per unit, given the other parameters [lanes, others].

    Returns that [lanes, points, scales], and the law with all scales zero [lanes, points].
    """
    law, shape = problem.law, (len(others), len(problem))
    p = {name: others[:, i, None] for i, name in enumerate(law.nonlinear)}
    zero = p | dict.fromkeys(law.scales, np.zeros((1, 1)))
    nothing = np.broadcast_to(predict(law, zero, problem.x), shape)
    added = np.empty((*shape, len(law.scales)))
    with np.errstate(over="ignore", invalid="ignore"):
        for i, name in enumerate(law.scales):
            added[:, :, i] = predict(law, zero | {name: np.ones((1, 1))}, problem.x) - nothing
    return added, nothing


@np.errstate(all="ignore")
def check(problem: Problem) -> None:
    """Try the law's loss once. Raises LabError if it fails or returns no array of the points."""
    law, one = problem.law, np.ones(1)
    try:
        if dual.suits(problem) and _operators_alone(law):
            found = np.asarray(law.loss(dict.fromkeys(law.parameters, one), problem.x))
        else:
            from . import compiled

            found = compiled.traced(law, problem.x)
        if found.dtype.kind not in "fiu":
            raise TypeError(f"it returns values of type {found.dtype}")
        np.broadcast_to(np.empty(found.shape), (len(problem),))
    except LabError:
        raise
    except Exception as error:
        why = (str(error).strip().splitlines() or ["no message"])[0]
        raise LabError(
            f"the loss of law '{law}' fails: {type(error).__name__}: {why}; it may read the "
            f"parameters {', '.join(law.parameters)} and the variables {', '.join(law.variables)}, "
            "with operators and jax.numpy only"
        ) from error


@np.errstate(all="ignore")
def predict(law: Law, p: Mapping[str, Any], x: Mapping[str, Any]) -> np.ndarray:
    """The law's response, in float64; parameters and columns broadcast."""
    at_p, at_x = (
        {name: np.asarray(value, dtype="float64") for name, value in part.items()}
        for part in (p, x)
    )
    if not _operators_alone(law):
        from . import compiled

        return compiled.predict(law, at_p, at_x)
    shape = np.broadcast_shapes(*(value.shape for value in (*at_p.values(), *at_x.values())))
    return np.array(np.broadcast_to(law.loss(at_p, at_x), shape))


def residuals(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """The residuals [..., points] that are penalised, at coordinates theta [..., parameters]."""
    p = {name: value[..., None] for name, value in problem.named(theta).items()}
    found = predict(problem.law, p, problem.x)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.log(found) - np.log(problem.y) if problem.space == "log" else found - problem.y
    return apart if problem.noise is None else apart / problem.noise


@np.errstate(all="ignore")
def jacobian(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """Derivatives of the residuals in the coordinates, at one theta; [points, parameters]."""
    values = problem.values(theta)
    return _by(problem).jacobian(problem, values, _stretch(problem, values)).T


def float64(law: Law) -> AbstractContextManager[None]:
    """Inside, the law's functions compute in float64, whatever the rest of the process uses."""
    if _operators_alone(law):
        return nullcontext()
    from . import compiled

    return compiled.float64_on_cpu()


@functools.cache
def _operators_alone(law: Law) -> bool:
    """Whether numpy can evaluate the law: functions of jax.numpy refuse arrays of objects."""
    one = np.ones(1, dtype=object)
    p, x = dict.fromkeys(law.parameters, one), dict.fromkeys(law.variables, one)
    try:
        law.loss(p, x)
        if law.frontier is not None:
            law.frontier(p, one, 6.0)
    except (TypeError, ValueError, AttributeError):
        return False
    return True


def _stretch(problem: Problem, values: np.ndarray) -> np.ndarray:
    """What a coordinate's unit changes its parameter by."""
    return np.where(problem.logarithmic, values, 1.0)


def _by(problem: Problem) -> Any:
    """The module that evaluates the problem."""
    if problem.mixing is not None:
        from . import mixed

        return mixed
    if dual.suits(problem):
        return dual
    from . import compiled

    return compiled
