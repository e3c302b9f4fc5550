"""A loss, or another number of the run table, at a point lies in the predicted range.

    {"kind": "value", "name": "5,000 images at the largest N", "at": {"N": 3.2e6, "D": 5000},
     "low": 0.08, "high": 0.12, "source": "Rosenfeld 2019"}

Without a `law` the value is measured: the mean over the seeds of the runs at the point, with
Student's interval. `at` gives N, D and other columns as the grid asked for them; `where` selects
further. With a `law`, it is what the law, fitted to the rows of `where`, predicts at the point,
with its band; a law of one variable reads the column `x`.

The gate asks for three seeds of a measured value, and of a predicted one for what a fitted exponent
needs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from scaling_lab.errors import LabError, unknown

from .. import laws
from ..experiment_tables import Tables, needs
from ..studies import Refusal, Result
from . import cells, level, parameter, planned, rangecheck
from .gate import CELLS, EXPONENT
from .support import Support
from .verdict import Verdict, in_range

FIELDS = ("at", "law", "x", "low", "high")
GATE = tuple(dict.fromkeys((*CELLS, *EXPONENT)))
EXAMPLE = {
    "name": "the transformer at 2^22 parameters and 2^24 examples",
    "at": {"N": 2.0**22, "D": 2.0**24},
    "where": "model == 'transformer'",
    "low": 2.5,
    "high": 5.0,
}


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """Compare the value's 95% interval with the predicted range.

    Raises LabError if no run is there, or the law cannot be fitted.
    """
    if claim.get("law"):
        return _by_law(claim, tables)
    rows = of_point(claim, tables)
    if varied := cells.unequal(rows, rows, set()):
        raise LabError(
            f"the runs at {point(claim)} have several {' and '.join(varied)}; give each in `at`"
        )
    found = cells.mean(rows[claim["loss"]])
    word, why = in_range(claim, found.interval())
    support = Support(rows, cells={point(claim): found})
    quantity = claim["loss"].removeprefix("best_").replace("_", " ")
    return Verdict(claim, word, why, found.value, found.interval(), quantity, support=support)


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown law or column, no point, or a range that says nothing."""
    if not claim.get("at"):
        raise LabError("it has no point; give `at`, such as {'N': 1e6, 'D': 1e4}")
    for name in [*claim["at"], *([] if claim.get("law") else [claim["loss"]])]:
        if name not in columns:
            raise unknown("column", name, columns)
    if claim.get("law"):
        law = laws.get(claim["law"])
        roles = parameter.columns_of(claim)
        for role, name in roles.items():
            if name not in columns:
                raise unknown("column", name, columns)
            if role != "L" and role not in claim["at"]:
                raise LabError(f"{law} needs {role} to predict; give it in `at`")
    parameter.condition(claim, columns)
    rangecheck.refuse(claim, claim["loss"], possible=rangecheck.POSITIVE)


def plan(claim: Mapping[str, Any], rows: Any) -> Support | None:
    """What the claim would rest on in the planned runs."""
    planned.refuse_counted(claim)
    own = planned.selected(rows, parameter.condition(claim, list(rows)))
    if claim.get("law"):
        from .gate.dependence import determined

        roles = parameter.columns_of(claim)
        variables = [role for role in roles if role != "L"]
        axes = determined(laws.get(claim["law"]), variables)
        return Support(own, axes={roles[role]: k for role, k in axes.items()})
    return Support(own, cells={point(claim): planned.cell(cells.at(own, claim["at"]))})


def of_point(claim: Mapping[str, Any], tables: Tables, side: str = "where") -> Any:
    """The rows of the run table at the claim's point. Raises LabError if there are none."""
    needs(tables.families, [claim["loss"]], "the claim")
    where = parameter.condition(claim, list(map(str, tables.families.columns)), side)
    return cells.at(planned.selected(tables.families, where), dict(claim.get("at") or {}))


def point(claim: Mapping[str, Any]) -> str:
    """The claim's point in words."""
    return ", ".join(f"{name} = {value:g}" for name, value in (claim.get("at") or {}).items())


def _by_law(claim: Mapping[str, Any], tables: Tables) -> Verdict:
    """The value that a law predicts at the point."""
    fit, support = parameter.fitted(claim, tables)

    def predicted(found: Any) -> tuple[float, tuple[float, float]]:
        band = found.predict({role: claim["at"][role] for role in found.variables})
        ends = (float(band.center), float(band.low), float(band.high))
        return ends[0], level.widened_ends(*ends, found.certificate)

    value, interval = predicted(fit)
    word, why = in_range(claim, interval)
    support = replace(support, reword=lambda other: in_range(claim, predicted(other)[1])[0])
    return Verdict(claim, word, why, value, interval, f"L at {point(claim)}", fit, support=support)
