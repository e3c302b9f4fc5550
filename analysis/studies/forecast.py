"""Forecast: laws fitted below a cut and tested above it.

    found = compare(["chinchilla", "power_law"], table, "C > 1e21")
    print(found.summary())

The laws are ranked by their error on the held-out rows: a good fit says little about unseen data.
A ladder of lower cuts, all tested on the same rows, shows how far ahead each law forecasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scaling_lab import conditions
from scaling_lab.errors import LabError

from .. import laws, plotting
from ..checks import Severity
from ..experiment_tables import Tables, needs
from ..fitting import residuals
from ..fitting.fit import fit
from ..fitting.optimum import optimum
from ..fitting.result import Fit
from ..laws import Law
from ..numbers import aligned
from ..tables import OUTCOMES, Table, as_table, checked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["compare"]

SLUG = "forecast"
TITLE = "Forecast"
LAWS = ("chinchilla", "kaplan_nd")
DRAWS = 200  # for the band of new runs
SHORT = 500  # rows of a table that are fitted with draws unless asked otherwise
RUNGS = 6  # cuts of a ladder
APART = 0.05  # in the logarithm, between two cuts


@dataclass(frozen=True, eq=False)
class Forecast:
    """One law fitted to some rows and tested on others.

    error     root mean square of the log of predicted over measured losses, or of their difference
              if the response may be zero or negative
    bias      the mean of the same: above zero, the law predicts too high a loss
    worst     the largest size of the same
    fitted    the error on the rows that were fitted
    inside    the share of held-out rows in the 95% band for new runs; NaN if there are no draws
    """

    law: str
    error: float
    bias: float
    worst: float
    fitted: float
    held: int
    fit: Fit
    inside: float = float("nan")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Laws by their error on held-out rows, best first; and why others could not be fitted.

    ladder    columns law, cut, n (rows fitted), error; empty if the cut is not one of a variable
    role      the variable of the cut, if it is one, and `top` the least value held out
    """

    holdout: str
    ranked: list[Forecast]
    refused: dict[str, str]
    ladder: Any
    role: str
    top: float
    space: str

    @property
    def best(self) -> Forecast:
        """The law with the least error."""
        return self.ranked[0]

    def summary(self) -> str:
        """The ranking as text."""
        lines = [f"fitted where not {self.holdout}, tested on {self.best.held} rows where it holds"]
        number = "{:.2%}" if self.space == "log" else "{:.4g}"
        head = ("", "held-out error", "mean", "worst", "in the band", "error on fitted")
        head += ("parameters",)
        rows: list[tuple[str, ...]] = [head]
        for found in self.ranked:
            errors = [number.format(e) for e in (found.error, found.bias, found.worst)]
            inside = f"{found.inside:.0%}" if np.isfinite(found.inside) else "-"
            values = ", ".join(f"{k} {p.value:.4g}" for k, p in found.fit.params.items())
            rows.append((found.law, *errors, inside, number.format(found.fitted), values))
        lines += ["", *aligned(rows)]
        lines += [f"{law}: not fitted, {why}" for law, why in self.refused.items()]
        for found in self.ranked:
            doubts = [one for one in found.fit.findings if one.severity >= Severity.DOUBT]
            lines += ["", found.law, *(one.line for one in doubts)] if doubts else []
        return "\n".join(lines)

    def card(self) -> dict[str, Any]:
        """The ranking as JSON, in full precision."""
        return {
            "holdout": self.holdout,
            "space": self.space,
            "ranked": [
                {
                    "law": found.law,
                    "error": found.error,
                    "bias": found.bias,
                    "worst": found.worst,
                    "error_on_fitted": found.fitted,
                    "inside": found.inside if np.isfinite(found.inside) else None,
                    "n": found.fit.n,
                    "held_out": found.held,
                    "params": {name: p.value for name, p in found.fit.params.items()},
                    "warnings": found.fit.warnings,
                    "findings": [one.card() for one in found.fit.findings],
                }
                for found in self.ranked
            ],
            "refused": self.refused,
            "ladder": self.ladder.to_dict("records"),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """The ladder: held-out error against the cut."""
        return plotting.draw("forecasts", self, ax)


def analyse(tables: Tables) -> Comparison:
    """Fit laws of N and D to the cheaper runs and test them on the fifth with the most compute.

    Raises LabError if N, D, C or the loss is missing, or if no law can be fitted.
    """
    needs(tables.chosen, ("N", "D", "C", tables.loss), "a forecast")
    table = checked(tables.chosen, {role: role for role in "NDC"} | {"L": tables.loss})
    cut = float(np.quantile(table.frame["C"], 0.8, method="lower"))
    return compare(LAWS, table, f"C > {cut:.17g}")


def compare(
    names: Sequence[str | Law], table: Table | pd.DataFrame, holdout: str, **how: Any
) -> Comparison:
    """Fit each law to the rows for which `holdout` is false and test it on the others.

    `table` comes from `checked`, or is a frame whose columns are named by role (and "cluster").
    `holdout` is a condition on the table's roles, such as "C > 1e21", or on its source's columns.
    A law of one variable is tried on each variable of the table. `how` goes to `fitting.fit`.
    Raises LabError if no row or every row is held out, or if no law could be fitted.
    """
    asked = [name if isinstance(name, Law) else laws.get(name) for name in names]
    raw = "raw" if any(law.space == "raw" for law in asked) else how.get("space") or "log"
    table = as_table(table, [role for law in asked for role in law.variables if role != "x"], raw)
    held = table.held(holdout)
    below = _kept(table, ~held)
    held_rows: Any = table.frame[held]
    space = "log" if (held_rows["L"] > 0).all() else "raw"
    # A law of some variables is fitted to a table without the others, which the condition may name.
    roles_of_all = {role: table.frame[role] for role in table.columns}
    named = replace(table, rows=table.rows.assign(**roles_of_all))
    ranked, refused = [], {}
    tried = [pair for name in dict.fromkeys(names) for pair in _tried(name, table)]
    for law, roles in tried:
        name = _called(law, roles, table)
        try:
            part = _only(named, roles)
            ranked.append(_forecast(name, law, part, holdout, held, roles, space, how))
        except LabError as error:
            refused[name] = str(error)
    if not ranked:
        raise LabError(f"no law could be fitted: {next(iter(refused.values()))}")
    ranked.sort(key=lambda found: found.error)
    role, ladder = cut_of(holdout, table), []
    if role:
        called = [_called(law, roles, table) for law, roles in tried]
        ladder = _ladder(role, called, below.frame, held_rows, space, ranked)
    frame = pd.DataFrame(ladder, columns=["law", "cut", "n", "error"])
    top = float(held_rows[role].min()) if role else float("nan")
    return Comparison(holdout, ranked, refused, frame, role, top, space)


def _tried(name: str | Law, table: Table) -> list[tuple[Law, tuple[str, ...]]]:
    """The law with the roles of its variables; each variable of the table for a law of one."""
    law = name if isinstance(name, Law) else laws.get(name)
    if law.variables == ("x",):
        return [(law, (role,)) for role in _given(table)]
    return [(law, law.variables)]


def _called(law: Law, roles: tuple[str, ...], table: Table) -> str:
    alone = law.variables != ("x",) or len(_given(table)) == 1
    return law.name if alone else f"{law} of {roles[0]}"


def _given(table: Table) -> list[str]:
    return [role for role in table.columns if role not in OUTCOMES]


def _forecast(
    name: str,
    law: Law,
    table: Table,
    holdout: str,
    apart: np.ndarray,
    roles: tuple[str, ...],
    space: str,
    how: Mapping[str, Any],
) -> Forecast:
    held_rows, below = table.frame[apart], table.frame[~apart]
    draws = DRAWS if len(below) <= SHORT else 0
    found = fit(law, table, holdout=holdout, **{"bootstrap": draws, **how})
    there = found.predict({role: held_rows[role].to_numpy() for role in roles}, band="run")
    here = found.predict({role: below[role].to_numpy() for role in roles})
    held = _errors(there.center, held_rows, space)
    seen = _errors(here.center, below, space)
    measured = held_rows["L"].to_numpy()
    inside = np.mean((there.low <= measured) & (measured <= there.high))
    return Forecast(
        name,
        error=_typical(held),
        bias=float(held.mean()),
        worst=float(np.abs(held).max()),
        fitted=_typical(seen),
        held=len(held),
        fit=found,
        inside=float(inside) if np.isfinite(there.low).all() else float("nan"),
    )


def _errors(predicted: np.ndarray, rows: Any, space: str) -> np.ndarray:
    measured = rows["L"].to_numpy()
    if space == "raw":
        return predicted - measured
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.log(predicted) - np.log(measured)
    return np.where(np.isfinite(errors), errors, np.inf)


def _typical(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _ladder(
    role: str, names: Sequence[str], below: Any, held_rows: Any, space: str, ranked: list[Forecast]
) -> list[tuple[str, float, int, float]]:
    """The error on the same rows of fits to fewer and fewer: those below ever lower cuts."""
    shares = np.arange(1, RUNGS + 1) / RUNGS
    cuts = np.unique(np.quantile(below[role], shares, method="lower"))
    # Of cuts that differ by the rounding of a size the last stands for all.
    kept: list[float] = []
    for cut in cuts[::-1]:
        if not kept or np.log(kept[-1] / cut) > APART:
            kept.append(float(cut))
    by_name = {found.law: found for found in ranked}
    rungs = []
    for name in names:
        for cut in kept[::-1] if name in by_name else ():
            found, lower = by_name[name], below[role] <= cut
            n, error = found.fit.n, found.error
            if not lower.all():
                n, error = _rung(found.fit, below["row"][lower], held_rows, space)
            if n:
                rungs.append((name, cut, n, error))
    return rungs


def _rung(fit: Fit, rows: Any, held_rows: Any, space: str) -> tuple[int, float]:
    """How many of the rows are fitted, 0 if they are too few, and the error of the optimum there.

    An error needs no certificate and no intervals.
    """
    assert fit.problem is not None
    assert fit.points is not None
    part = fit.problem.part(fit.points["row"].isin(rows).to_numpy())
    if len(part) <= part.free:
        return 0, float("nan")
    theta = optimum(part, fit.penalty, fit.settings["starts"])
    roles = zip(part.law.variables, fit.variables, strict=True)
    x = {name: held_rows[role].to_numpy() for name, role in roles}
    predicted = residuals.predict(part.law, part.named(theta), x)
    return len(part), _typical(_errors(predicted, held_rows, space))


def cut_of(holdout: str, table: Table) -> str:
    """The role whose large values are held out, if the condition says so."""
    role = conditions.parse(holdout).above
    return role if role in table.columns else ""


def _kept(table: Table, rows: np.ndarray) -> Table:
    """Some of the table's rows, and the same rows of its source if it carries them."""
    parts = {name: getattr(table, name) for name in ("frame", "rows") if hasattr(table, name)}
    kept: dict[str, Any] = {n: part[rows].reset_index(drop=True) for n, part in parts.items()}
    return replace(table, **kept)


def _only(table: Table, roles: tuple[str, ...]) -> Table:
    """The table without the variables that a law does not take."""
    if missing := [role for role in roles if role not in table.columns]:
        raise LabError(f"the table has no role {missing[0]}; say which column it is")
    kept = [role for role in table.columns if role in roles or role in OUTCOMES]
    other = [name for name in ("row", "cluster") if name in table.frame]
    columns = {role: table.columns[role] for role in kept}
    return replace(table, frame=table.frame[[*kept, *other]], columns=columns)
