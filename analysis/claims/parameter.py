"""A parameter of a fit lies in the predicted range.

    {"name": "L(D) at the largest model", "law": "power_law_floor", "x": "D",
     "where": "N == N.max()", "loss": "best_test_loss",
     "parameter": "alpha", "low": 0.3, "high": 0.7}

`law` is fitted to the rows that `where` selects among all families. It may instead name something
that the report makes anyway: a study, by slug or title ("best_n"), or a slice ("L(N) at D = 1000").
The parameter is then one of its `params`, and `x` and `where` are ignored. Either end of the range
may be null.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from scaling_lab import conditions
from scaling_lab.errors import LabError, unknown

from .. import laws
from ..studies import Refusal, Result, require, slug_of
from .verdict import UNDECIDED, Verdict, in_range

if TYPE_CHECKING:  # `plan` checks claims without pandas
    from ..experiment_tables import Tables
    from ..fitting.parameter import Parameter

SLICE = re.compile(r"L\([ND]\) at [ND] = [\d.e+]+")  # as `experiment_tables.slice_name` gives

EXAMPLE = {
    "name": "L(D) of all models",
    "law": "power_law_floor",
    "x": "D",
    "parameter": "alpha",
    "low": 0.05,
    "high": 2.0,
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
    evidence, name = _evidence(claim, tables, fits, studies), claim["parameter"]
    if name not in evidence.params:
        why = f"It could not be evaluated: {unknown('parameter', name, evidence.params)}."
        return Verdict(claim, UNDECIDED, why, evidence=evidence)
    found = evidence.params[name]
    interval = (found.low, found.high)
    word, why = in_range(claim, interval)
    return Verdict(claim, word, why, found.value, interval, name, evidence)


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown law, parameter or column.

    Claims about a study or a slice pass: its parameters are known only once it is made.
    """
    if _is_made_anyway(claim["law"]):
        return
    law = laws.get(claim["law"])
    if claim["parameter"] not in law.parameters:
        raise unknown("parameter", claim["parameter"], law.parameters)
    for name in columns_of(claim).values():
        if name not in columns:
            raise unknown("column", name, columns)
    condition(claim, columns)


def columns_of(claim: Mapping[str, Any]) -> dict[str, str]:
    """Role -> column of the run table, for `tables.checked`."""
    law = laws.get(claim["law"])
    asked = claim.get("x", [])
    variables = law.variables if law.variables != ("x",) else asked
    names = [variables] if isinstance(variables, str) else list(variables)
    return {name: name for name in names} | {"L": claim.get("loss", "best_test_loss")}


def condition(claim: Mapping[str, Any], columns: Collection[str]) -> str:
    """The claim's condition on the rows; empty for all.

    Raises LabError if it cannot be read or names a column that does not exist.
    """
    text = str(claim.get("where") or "").strip()
    if text:
        conditions.parse(text).require(columns)
    return text


def _is_made_anyway(name: str) -> bool:
    if re.split("[+:]", name)[0] in laws.names():
        return False  # without importing the studies, and pandas and scipy with them
    return slug_of(name) is not None or SLICE.fullmatch(name) is not None


def _evidence(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Measured:
    """The fit, or the result of a study, that the claim is about."""
    from ..fitting.fit import fit
    from ..tables import checked

    made = fits.get(claim["law"])
    if made is None and (slug := slug_of(claim["law"])) is not None:
        made = require(studies, slug)
    if made is not None:
        if not isinstance(made, Measured):
            raise LabError(f"'{claim['law']}' has no parameters; name a law, or another study")
        return made
    where = condition(claim, list(map(str, tables.families.columns)))
    table = checked(tables.families, columns_of(claim), where=where)
    return fit(laws.get(claim["law"]), table)
