"""Floor: whether a table prefers a law with a floor, or the same law without one.

    found = floor.compare(fit("power_law_floor", table), table)
    found.prefers        "with", "without" or "" if the table cannot tell
    found.other          the sibling's fit, with its intervals

The sibling of a law NAME is NAME_floor if there is such a law, and the other way round; a law with
a floor and no sibling of such a name is compared with itself at floor 0.

Two criteria must agree. AICc (Hurvich & Tsai 1989, "Regression and time series model selection in
small samples") compares least-squares fits of the residuals; a difference below 2 prefers neither
(Burnham & Anderson 2002, section 2.6). The hold-out leaves out the highest level of the axis, and
then the two highest, and compares the errors of the forecasts from the levels below: a floor that
is not there makes the forecast too high, and a missing one too low.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import laws
from ..laws import Law
from ..tables import Table
from . import residuals
from .fit import fit
from .optimum import optimum
from .penalty import named
from .result import Fit

SUFFIX = "_floor"
APART = 2.0  # AICc
TIE = 1e-3  # relative difference of forecast errors that is none
HELD = (1, 2)  # highest levels that are held out
SAME_LEVEL = 1.1  # values within this factor are one level
SQUARES = named("squares", 1.0)


@dataclass(frozen=True)
class Floor:
    """A law with a floor and one without, on the same table.

    other     the fit of the sibling of the law that was asked about
    added     whether the sibling is the one with the floor
    aicc      AICc without the floor less that with it: positive speaks for a floor
    errors    root mean square forecast errors with and without; NaN if nothing can be held out
    prefers   "with", "without", or "" if AICc and hold-out do not agree on one
    """

    other: Fit
    added: bool
    aicc: float
    errors: tuple[float, float]
    prefers: str

    @property
    def text(self) -> str:
        """Both criteria in words."""
        better = "with" if self.aicc > 0 else "without"
        said = f"AICc is {abs(self.aicc):.2g} lower {better} one"
        if not math.isfinite(self.aicc):
            said = "too few points for AICc"
        if math.isnan(self.errors[0]):
            return f"{said}, and too few levels to hold one out"
        with_, without = self.errors
        return f"{said}, forecast errors are {with_:.2g} with and {without:.2g} without"


def sibling(found: Fit) -> tuple[Law, bool] | None:
    """The law to compare with, and whether it has a floor; None if there is none."""
    return sibling_of(found.law, tuple(found.certificate["floors"]))


def sibling_of(law: Law, floors: tuple[str, ...]) -> tuple[Law, bool] | None:
    """The same by a law and those of its parameters that are floors."""
    name = law.name
    if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in laws.names():
        return laws.get(name.removesuffix(SUFFIX)), False
    if f"{name}{SUFFIX}" in laws.names():
        return laws.get(f"{name}{SUFFIX}"), True
    return (_without(law, floors), False) if floors else None


@functools.cache
def _without(law: Law, floors: tuple[str, ...]) -> Law:
    """The law with some of its scales at 0."""
    zero, starts = dict.fromkeys(floors, 0.0), law.starts
    return replace(
        law,
        name=f"{law.name} without {' and '.join(floors)}",
        parameters={name: kind for name, kind in law.parameters.items() if name not in floors},
        loss=lambda p, x: law.loss(dict(p) | zero, x),
        frontier=None,
        starts=starts and (lambda x, y: {k: v for k, v in starts(x, y).items() if k not in zero}),
        origin=(law, f"without {', '.join(floors)}"),
    )


def compare(
    found: Fit, table: Table, *, axis: str = "", rows: int | None = None, apart: float = APART
) -> Floor | None:
    """Compare a fit of `table` with that of its sibling; None if its law has no sibling.

    axis    the role along which levels are held out; by default the law's only variable, and for a
            law of several none, so that nothing is held out
    rows    number of independent rows, if it is not that of the table
    apart   the smallest difference of AICc that prefers a law

    Raises LabError, as `fit` does, if the table has too few rows for one of the two.
    """
    to = sibling(found)
    if to is None or found.problem is None:
        return None
    law, has_floor = to
    settings, theirs = found.settings, law.parameters
    options: dict[str, Any] = {
        "penalty": settings["penalty"],
        "delta": settings["delta"],
        "space": settings["space"],
        "tie": {name: one for name, one in settings["tie"].items() if name in theirs},
        "bounds": {name: ends for name, ends in settings["bounds"].items() if name in theirs},
        "starts": settings["starts"],
    }
    replicates = found.certificate["replicates"]
    other = fit(law, table, bootstrap=replicates, seed=found.seed, level=found.level, **options)
    pair = (other, found) if has_floor else (found, other)
    information = [_aicc(one, rows) for one in pair]
    aicc = information[1] - information[0]
    axis = axis or (found.variables[0] if len(found.variables) == 1 else "")
    errors = _forecasts(pair, axis) if axis else (math.nan, math.nan)
    return Floor(other, has_floor, aicc, errors, _preferred(aicc, errors, apart))


def _preferred(aicc: float, errors: tuple[float, float], apart: float) -> str:
    if aicc >= apart and errors[0] < errors[1]:
        return "with"
    # A floor that is fitted as 0 forecasts the same: the law without it is the simpler one.
    return "without" if aicc <= -apart and errors[1] <= (1 + TIE) * errors[0] else ""


def _aicc(one: Fit, rows: int | None) -> float:
    """AICc of the law fitted by least squares, with the scatter as one more parameter."""
    problem = one.problem
    assert problem is not None
    theta = optimum(problem, SQUARES, one.settings["starts"])
    apart = residuals.residuals(problem, theta)
    weights = problem.weights / problem.weights.mean()
    count, k = rows or len(problem), problem.free + 1
    if count <= k + 1:
        return math.inf
    least = 1e-12 * (1.0 if problem.space == "log" else problem.level)
    scatter = float(np.mean(weights * apart**2)) + least**2
    return count * math.log(scatter) + 2 * k + 2 * k * (k + 1) / (count - k - 1)


def _forecasts(pair: tuple[Fit, Fit], axis: str) -> tuple[float, float]:
    """Errors of both laws at the highest levels of the axis, fitted to those below."""
    points = pair[0].points
    assert points is not None
    level = levels(points[axis].to_numpy())
    found: list[tuple[float, float]] = []
    for count in HELD:
        below = level <= level.max() - count
        spare = len(np.unique(level[below])) - max(one.problem.free for one in pair if one.problem)
        if below.any() and spare >= 0:
            found.append((_error(pair[0], below), _error(pair[1], below)))
    if not found:
        return (math.nan, math.nan)
    with_, without = np.sqrt(np.mean(np.square(found), axis=0))
    return float(with_), float(without)


def levels(values: np.ndarray) -> np.ndarray:
    """The index of each value's level, 0 for the lowest."""
    index, order = np.zeros(len(values), dtype=int), np.argsort(values, kind="stable")
    level, first = -1, -math.inf
    for at in order:
        if level < 0 or values[at] > SAME_LEVEL * first:
            level, first = level + 1, values[at]
        index[at] = level
    return index


def _error(one: Fit, below: np.ndarray) -> float:
    """Root mean square residual beyond the levels that the law is fitted to."""
    whole = one.problem
    assert whole is not None
    part, held = whole.part(below), whole.part(~below)
    theta = optimum(part, one.penalty, one.settings["starts"])
    return float(np.sqrt(np.mean(residuals.residuals(held, theta) ** 2)))
