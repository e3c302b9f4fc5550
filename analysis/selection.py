"""Selection: among laws the one that forecasts best, judged inside the table.

Which law fits best says little about which forecasts best: the more parameters, the better the fit.
So the rows beyond a cut in scale are held out, every law is fitted to the rows below it and judged
on those above; several cuts are averaged, since one alone is a small and lucky sample. The winner
is fitted again to all rows. No row beyond the table is looked at, so its forecasts can be judged
there. Tashman 2000, "Out-of-sample tests of forecasting accuracy": evaluation at a rolling origin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from . import fitting, laws
from .fitting import Fit
from .laws import Law
from .tables import OUTCOMES, Table

CUTS = (0.5, 0.6, 0.7, 0.8)  # of the largest value


@dataclass(frozen=True)
class Selection:
    """The chosen law's fit to all rows, and how every law forecast.

    ranking    law, error: root mean square of the residuals held out, in the law's space, averaged
               over the cuts; best first, infinite where the rows below a cut are too few for a law
    along      the role along which rows were held out
    """

    fit: Fit
    ranking: pd.DataFrame
    along: str

    @property
    def law(self) -> Law:
        return self.fit.law


def choose(
    names: Sequence[str],
    table: Table,
    *,
    along: str = "",
    cuts: Sequence[float] = CUTS,
    bootstrap: int = 400,
    **options: Any,
) -> Selection:
    """The law, of `names`, that best forecasts the rows beyond each cut from those below it.

    A cut is a share of the largest value of `along`: by default C if the table has it, else its one
    variable. `options` are those of `fitting.fit`, for all laws alike; `bounds` of a parameter
    that a law lacks are left out for it.
    Raises LabError if no law is named, `along` is not in the table or no cut can be made.
    """
    if not names:
        raise LabError("no law to choose from; name two or more")
    along = along or _axis(table)
    if along not in table.frame:
        raise LabError(f"the table has no {along} to hold rows out along; give one of its roles")
    x = table.frame[along].to_numpy()
    below = [x <= cut * x.max() for cut in cuts]
    below = [kept for kept in below if 0 < kept.sum() < len(x)]
    if not below:
        raise LabError(f"no cut leaves rows on both sides of it along {along}; give other cuts")
    errors = {
        name: np.mean([_error(name, table, kept, options) for kept in below]) for name in names
    }
    ranking = pd.DataFrame({"law": errors.keys(), "error": errors.values()})
    ranking = ranking.sort_values("error", kind="stable", ignore_index=True)
    if not np.isfinite(ranking["error"][0]):
        raise LabError(f"too few rows below the cuts along {along} for any of {', '.join(names)}")
    best = str(ranking["law"][0])
    fit = fitting.fit(best, table, bootstrap=bootstrap, **_meant_for(best, options))
    return Selection(fit, ranking, along)


def _axis(table: Table) -> str:
    variables = [role for role in table.columns if role not in OUTCOMES]
    if "C" in variables:
        return "C"
    if len(variables) != 1:
        raise LabError(f"say along which of {', '.join(variables)} rows are held out")
    return variables[0]


def _error(name: str, table: Table, kept: np.ndarray, options: dict[str, Any]) -> float:
    """Root mean square error on the rows that are not kept, of the law fitted to those that are."""
    law = laws.get(name)
    if kept.sum() <= len(law.parameters):
        return np.inf
    known = table.frame.iloc[np.flatnonzero(kept)].reset_index(drop=True)
    held = table.frame.iloc[np.flatnonzero(~kept)]
    fit = fitting.fit(
        law, dataclasses.replace(table, frame=known), bootstrap=0, **_meant_for(name, options)
    )
    told = fit.predict({role: held[role].to_numpy() for role in fit.variables}).center
    measured = held["L"].to_numpy()
    if law.space == "log":
        told, measured = np.log(told), np.log(measured)
    return float(np.sqrt(np.mean((told - measured) ** 2)))


def _meant_for(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options without the bounds of parameters that this law lacks."""
    if "bounds" not in options:
        return options
    parameters = laws.get(name).parameters
    bounds = {p: ends for p, ends in options["bounds"].items() if p in parameters}
    return options | {"bounds": bounds}
