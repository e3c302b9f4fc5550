"""Which parameters of a law an axis must determine, so that its levels can be counted.

In a law of one variable that axis determines all, a floor too: it is told from the rest by how the
loss bends. In a law of several, an axis determines those parameters whose effect changes along it:
A and alpha of E + A N^-alpha + B D^-beta along N.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from ...fitting import residuals
from ...laws import Law, Place, Real, Scale

BASE = 1e3  # where the law is examined if its file gives no range of data
STEP = 1e-4  # relative change of a parameter
APART = 3.0  # factor between two points of an axis
SAME = 1e-6  # relative change of a derivative that counts as none


def determined(law: Law, variables: Sequence[str], parameter: str = "") -> dict[str, int]:
    """Role -> number of parameters that it determines, for the roles that `parameter` needs.

    Without a parameter, or for one that needs no axis of its own (a floor), all roles are given.
    """
    if law.variables == ("x",) or len(law.variables) == 1:
        return {variables[0]: len(law.parameters)}
    needs = {name: _needs(law, name) for name in law.parameters}
    roles = dict(zip(law.variables, variables, strict=True))
    wanted = needs.get(parameter) or frozenset(law.variables)
    counts = {v: sum(v in axes for axes in needs.values()) for v in law.variables if v in wanted}
    return {roles[v]: count for v, count in counts.items()}


@functools.cache
def _needs(law: Law, parameter: str) -> frozenset[str]:
    """The variables along which the effect of a parameter changes."""
    x = {v: math.sqrt(math.prod(law.grid.get(v, (BASE, BASE)))) for v in law.variables}
    p = {name: law.example.get(name, _usual(kind, x)) for name, kind in law.parameters.items()}

    def slope(at: dict[str, float]) -> float:
        step = STEP * (abs(p[parameter]) or 1.0)
        ends = [
            residuals.predict(law, p | {parameter: p[parameter] + sign * step}, at).item()
            for sign in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * step)

    here = slope(x)
    moved = {v: slope(x | {v: APART * x[v]}) for v in law.variables}
    return frozenset(
        v for v, there in moved.items() if abs(there - here) > SAME * max(abs(here), abs(there))
    )


def _usual(kind: object, x: dict[str, float]) -> float:
    """A value in the middle of the range of a parameter's starts."""
    if isinstance(kind, Scale):
        return 1.0
    assert isinstance(kind, Real) or hasattr(kind, "low")
    low, high = kind.low, kind.high  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(kind, Real):
        return (low + high) / 2 + 0.1 * (high - low)
    unit = x.get(kind.variable, BASE) if isinstance(kind, Place) else 1.0
    return float(np.sqrt(low * high) * unit)
