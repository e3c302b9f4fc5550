"""Two sides of a comparison: `where` and `against`, at the claim's point if it has one.

Without a law each side is the mean of a cell, runs that differ in their seed alone. With a law each
side is a parameter of the law fitted to the side's rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from scaling_lab import conditions
from scaling_lab.errors import LabError, unknown

from .. import laws
from ..checks import Finding
from ..checks.finding import worst_first
from ..experiment_tables import Tables
from . import cells, level, parameter, planned, value
from .cells import Mean
from .gate import CELLS, EXPONENT
from .support import Support

if TYPE_CHECKING:
    from ..fitting.parameter import Parameter
    from ..fitting.result import Fit

FIELDS = ("against", "at", "law", "x", "parameter", "low", "high")
GATE = tuple(dict.fromkeys((*CELLS, "margin", *EXPONENT)))
SIDES = ("where", "against")


@dataclass(frozen=True)
class Pair:
    """The same law fitted to both sides."""

    where: Fit
    against: Fit

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with either fit, the worst first."""
        both = {"where": self.where, "against": self.against}
        return worst_first(
            replace(one, what=f"{side}: {one.what}")
            for side, fit in both.items()
            for one in fit.findings
        )

    def estimates(self, parameter: str) -> tuple[Parameter, Parameter]:
        """A parameter of both."""
        one, other = self.where, self.against
        return (
            level.widened(one.params[parameter], one.certificate),
            level.widened(other.params[parameter], other.certificate),
        )

    def card(self) -> dict[str, Any]:
        """Both fits as JSON."""
        return {"where": self.where.card(), "against": self.against.card()}


@dataclass(frozen=True)
class Sides:
    """Both sides: the values of two cells, or a pair of fits, and what they rest on."""

    values: Sequence[Any]
    pair: Pair | None
    support: Support


def sides(claim: Mapping[str, Any], tables: Tables) -> Sides:
    """Both sides of the claim's comparison.

    Raises LabError if a side has no run, or more than one cell, or its law cannot be fitted.
    """
    if claim.get("law"):
        made = [parameter.fitted(claim, tables, side) for side in SIDES]
        (one, first), (other, second) = made
        rows = pd.concat([first.rows, second.rows], ignore_index=True)
        name = claim["parameter"]
        size = (abs(one.params[name].value) + abs(other.params[name].value)) / 2
        fits = {"where": one, "against": other}
        return Sides((), Pair(one, other), Support(rows, fits, axes=first.axes, smallest=size))
    rows = [_cell(claim, tables, side) for side in SIDES]
    means = {
        claim[side]: cells.mean(part[claim["loss"]]) for side, part in zip(SIDES, rows, strict=True)
    }
    size = sum(abs(mean.value) for mean in means.values()) / 2
    support = Support(
        pd.concat(rows, ignore_index=True),
        cells=means,
        unequal=cells.unequal(rows[0], rows[1], named(claim)),
        smallest=size,
    )
    values = (rows[0][claim["loss"]], rows[1][claim["loss"]])
    return Sides(values, None, support)


def difference(
    claim: Mapping[str, Any],
    found: Sides,
    of_values: Callable[[Any], Any] = lambda values: values,
    of_estimate: Callable[[Parameter], Parameter] = lambda estimate: estimate,
) -> tuple[str, float, tuple[float, float]]:
    """What is compared, the difference of the two sides, and its interval.

    of_values and of_estimate give the scale: the values of a cell, and a parameter, as they are or
    as logarithms.
    """
    if found.pair is not None:
        one, other = map(of_estimate, found.pair.estimates(claim["parameter"]))
        return claim["parameter"], *mover(one, other)
    one, other = (cells.mean(of_values(values)) for values in found.values)
    apart = cells.difference(one, other)
    quantity = claim["loss"].removeprefix("best_").replace("_", " ")
    return quantity, apart.value, apart.interval()


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown law, parameter or column, or a side that is missing."""
    for side in SIDES:
        if not parameter.condition(claim, columns, side):
            raise LabError(f"it compares two sides; give `{side}`, the condition of one of them")
    if claim["where"] == claim["against"]:
        raise LabError("it compares a side with itself; give `where` and `against` that differ")
    if claim.get("law"):
        law = laws.get(claim["law"])
        if claim["parameter"] not in law.parameters:
            raise unknown("parameter", claim["parameter"], law.parameters)
    asked = list(parameter.columns_of(claim).values()) if claim.get("law") else [claim["loss"]]
    for name in [*asked, *(claim.get("at") or {})]:
        if name not in columns:
            raise unknown("column", name, columns)


def plan(claim: Mapping[str, Any], rows: Any) -> Support | None:
    """What the claim would rest on in the planned runs."""
    planned.refuse_counted(claim)
    parts = [planned.selected(rows, parameter.condition(claim, list(rows), s)) for s in SIDES]
    if claim.get("law"):
        from .gate.dependence import determined

        roles = parameter.columns_of(claim)
        variables = [role for role in roles if role != "L"]
        axes = determined(laws.get(claim["law"]), variables, claim["parameter"])
        fewest = min(parts, key=lambda part: min(part[roles[role]].nunique() for role in axes))
        return Support(fewest, axes={roles[role]: k for role, k in axes.items()})
    own = [cells.at(part, dict(claim.get("at") or {})) for part in parts]
    means: dict[str, Mean] = {
        claim[side]: planned.cell(part) for side, part in zip(SIDES, own, strict=True)
    }
    return Support(
        pd.concat(own, ignore_index=True),
        cells=means,
        unequal=cells.unequal(own[0], own[1], named(claim)),
    )


def named(claim: Mapping[str, Any]) -> set[str]:
    """The columns that tell the sides apart: those of the clauses that only one side has."""
    one, other = (conditions.parse(claim[side]).clauses for side in SIDES)
    return {name for clause in set(one) ^ set(other) for name in conditions.parse(clause).names}


def mover(one: Parameter, other: Parameter) -> tuple[float, tuple[float, float]]:
    """The difference of two independent estimates, with an interval that follows from both.

    Zou & Donner 2008, "Construction of confidence limits about effect measures" (MOVER).
    """
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return value, (value - below, value + above)


def _cell(claim: Mapping[str, Any], tables: Tables, side: str) -> Any:
    """The rows of one side, which must be one cell."""
    rows = value.of_point(claim, tables, side)
    varied = cells.unequal(rows, rows, set())
    if varied:
        raise LabError(
            f'the side "{claim[side]}" holds runs of several {" and ".join(varied)}; select one '
            "with `at`, or predict an ordering"
        )
    return rows
