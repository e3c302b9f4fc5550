"""A parameter of a fit, or of a study, lies in the predicted range.

    {"name": "L(D) at the largest model", "law": "power_law_floor", "x": "D",
     "where": "N == N.max()", "loss": "best_test_loss",
     "parameter": "alpha", "low": 0.3, "high": 0.6, "source": "Rosenfeld 2019"}

`law` is fitted to the rows that `where` selects among all families. It may instead name something
that the report makes anyway: a study, by slug or title ("best_n"), or a slice ("L(N) at D = 1000").
The parameter is then one of its `params`, and `x` and `where` are ignored. Either end of the range
may be null.

The gate asks for what a fitted exponent needs: levels, decades, clusters and seeds, a certified
optimum without lack of fit, and the same word with and without a floor.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from scaling_lab import conditions
from scaling_lab.errors import LabError, unknown

from .. import laws
from ..experiment_tables import Tables
from ..studies import Refusal, Result, require, slug_of
from ..tables import checked
from . import level, planned, rangecheck
from .gate import EXPONENT
from .support import Support, of_fit, of_study
from .verdict import INSUFFICIENT, Verdict, in_range

if TYPE_CHECKING:
    from ..fitting.parameter import Parameter

FIELDS = ("law", "x", "parameter", "low", "high", "quantity")
GATE = EXPONENT
SLICE = re.compile(r"L\([ND]\) at [ND] = [\d.e+]+")  # as `experiment_tables.slice_name` gives

EXAMPLE = {
    "name": "L(D) of the transformers at the largest N",
    "law": "power_law_floor",
    "x": "D",
    "where": "model == 'transformer' and N == N.max()",
    "parameter": "alpha",
    "low": 0.3,
    "high": 0.5,
}


@runtime_checkable
class Measured(Result, Protocol):
    """A fit, or the result of a study, that has parameters with intervals."""

    @property
    def params(self) -> Mapping[str, Parameter]: ...


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """Compare the parameter's 95% interval with the predicted range.

    Raises LabError if the law cannot be fitted, and the study's own error if it was refused.
    """
    evidence, support = _evidence(claim, tables, fits, studies)
    name = claim["parameter"]
    if name not in evidence.params:
        why = f"It could not be evaluated: {unknown('parameter', name, evidence.params)}."
        return Verdict(claim, INSUFFICIENT, why, evidence=evidence)
    if support is None:
        support = of_study(evidence, name, tables)
    found = level.widened(evidence.params[name], getattr(evidence, "certificate", None))
    interval = (found.low, found.high)
    word, why = in_range(claim, interval)

    def reword(fit: Any) -> str:
        if name not in fit.params:
            return ""
        other = level.widened(fit.params[name], fit.certificate)
        return in_range(claim, (other.low, other.high))[0]

    support = replace(support, reword=reword)
    return Verdict(claim, word, why, found.value, interval, name, evidence, support=support)


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown law, parameter or column, and for a range that says nothing.

    The parameters of a study or a slice are known only once it is made.
    """
    if is_made_anyway(claim["law"]):
        rangecheck.refuse(claim, "the parameter")
        return
    law = laws.get(claim["law"])
    if claim["parameter"] not in law.parameters:
        raise unknown("parameter", claim["parameter"], law.parameters)
    for name in columns_of(claim).values():
        if name not in columns:
            raise unknown("column", name, columns)
    condition(claim, columns)
    rangecheck.refuse(claim, claim["parameter"], law.parameters[claim["parameter"]])


def plan(claim: Mapping[str, Any], rows: Any) -> Support | None:
    """What the claim would rest on in the planned runs; None if that is known only afterwards."""
    if is_made_anyway(claim["law"]):
        if slug_of(claim["law"]) == "best_n" and planned.follows(rows, "C", "N"):
            raise LabError(
                "C follows from N in this grid (all runs see equally many examples), so the best N "
                "for each C is known beforehand; give each N several D or numbers of steps"
            )
        return None
    law, own = laws.get(claim["law"]), planned.selected(rows, condition(claim, list(rows)))
    roles = columns_of(claim)
    planned.refuse_counted(claim)
    variables = [role for role in roles if role != "L"]
    from .gate.dependence import determined

    axes = determined(law, variables, claim["parameter"])
    return Support(own, axes={roles[role]: k for role, k in axes.items()})


def columns_of(claim: Mapping[str, Any]) -> dict[str, str]:
    """Role -> column of the run table, for `tables.checked`."""
    law = laws.get(claim["law"])
    asked = claim.get("x", [])
    variables = law.variables if law.variables != ("x",) else asked
    names = [variables] if isinstance(variables, str) else list(variables)
    return {name: name for name in names} | {"L": claim.get("loss") or "best_test_loss"}


def condition(claim: Mapping[str, Any], columns: Collection[str], name: str = "where") -> str:
    """The claim's condition on the rows; empty for all.

    Raises LabError if it cannot be read or names a column that does not exist.
    """
    text = str(claim.get(name) or "").strip()
    if text:
        conditions.parse(text).require(columns)
    return text


def fitted(claim: Mapping[str, Any], tables: Tables, side: str = "where") -> tuple[Any, Support]:
    """The fit of the claim's law to the rows of a condition, and what it rests on."""
    from ..fitting.fit import fit

    where = condition(claim, list(map(str, tables.families.columns)), side)
    table = checked(tables.families, columns_of(claim), where=where)
    found = fit(laws.get(claim["law"]), table)
    return found, of_fit(found, table.rows, table, claim.get("parameter") or "")


def is_made_anyway(name: str) -> bool:
    """Whether a claim's law names a study or a slice, which the report makes anyway."""
    return slug_of(name) is not None or SLICE.fullmatch(name) is not None


def _evidence(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> tuple[Measured, Support | None]:
    """The fit, or the result of a study, that the claim is about; a study's support comes later."""
    made = fits.get(claim["law"])
    rows = None
    if made is not None and SLICE.fullmatch(claim["law"]) and hasattr(made, "certificate"):
        at, value = claim["law"].partition(" at ")[2].split(" = ")
        rows = tables.chosen[tables.chosen[at] == float(value)]
    if made is None and (slug := slug_of(claim["law"])) is not None:
        made = require(studies, slug)
    if made is not None:
        if not isinstance(made, Measured):
            raise LabError(f"'{claim['law']}' has no parameters; name a law, or another study")
        if rows is not None:
            return made, of_fit(made, rows)  # pyright: ignore[reportArgumentType]
        return made, None
    return fitted(claim, tables)
