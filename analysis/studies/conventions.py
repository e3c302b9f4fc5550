"""Conventions: exponents of the same runs under each way of counting N and C.

N may leave out the embedding and the last layer; C may leave out attention or the last layer, or be
6 N D. The convention moves exponents by more than most choices of fitting do: the exponent of N*(C)
from .835 to .707 by the last layer alone (Porian et al. 2024, "Resolving discrepancies in
compute-optimal scaling"), and from Kaplan's .73 to Chinchilla's .5 by the embedding (Pearce & Song
2024, "Reconciling Kaplan and Chinchilla scaling laws"; `reconciled`). The parts are columns of
every run table; any other table may have them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from scaling_lab import conditions
from scaling_lab.errors import LabError

from .. import laws, plotting
from ..experiment_tables import Tables, needs
from ..fitting.fit import fit
from ..frontier import allocation
from ..frontier.frontier import optimal
from ..frontier.regression import power_law
from ..tables import Table, checked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fitting.result import Fit

SLUG = "counting"
TITLE = "Conventions of counting"
BOOTSTRAP = 200
PARTS = ("N_embedding", "N_head", "C_attention", "C_head")
OMEGA = 47491.0  # embedding parameters over the cube root of the others, of Chinchilla's models


class Convention(NamedTuple):
    """A way of counting: expressions over the run table's columns; T is the examples seen."""

    name: str
    N: str
    C: str


CONVENTIONS = (
    Convention("all of N, all of C", "N", "C"),
    Convention("all of N, C without attention", "N", "C - C_attention"),
    Convention("all of N, C without last layer", "N", "C - C_head"),
    Convention("all of N, C = 6 N D", "N", "6 * N * T"),
    Convention("N without embedding, all of C", "N - N_embedding", "C"),
    Convention("N without embedding, C = 6 N D", "N - N_embedding", "6 * (N - N_embedding) * T"),
    Convention(
        "N and C without embedding and last layer", "N - N_embedding - N_head", "C - C_head"
    ),
    Convention(
        "N without embedding and last layer, C = 6 N D",
        "N - N_embedding - N_head",
        "6 * (N - N_embedding - N_head) * T",
    ),
)


@dataclass(frozen=True, eq=False)
class Counted:
    """Exponents under each convention: convention, by (a law or an approach), name, value, low,
    high; and for each convention that has none, why."""

    exponents: Any
    refused: dict[str, str]

    def summary(self) -> str:
        """The exponents as text, one line per convention."""
        lines = []
        for (by, name), rows in self.exponents.groupby(["by", "name"], sort=False):
            lines.append(f"{name} by {by}")
            width = max(map(len, rows["convention"]))
            lines += [
                f"  {row.convention.ljust(width)}  {row.value:.4f}  {row.low:.4f} to {row.high:.4f}"
                for row in rows.itertuples()
            ]
        return "\n".join([*lines, *(f"{name}: {why}" for name, why in self.refused.items())])

    def card(self) -> dict[str, Any]:
        """The same as JSON. NaN becomes null."""
        rows = self.exponents.astype(object).where(self.exponents.notna(), None)
        return {"exponents": rows.to_dict("records"), "refused": self.refused}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Values and intervals, one line per convention."""
        return plotting.draw("counting", self, ax)


def analyse(tables: Tables) -> Counted:
    """Exponents of an experiment's chosen runs under each convention that their parts allow.

    Raises LabError where N, D, C or the loss is missing, or where only one convention is left.
    """
    needs(tables.chosen, ("N", "D", "C", tables.loss), "conventions of counting")
    return compare(tables.chosen, tables.loss, bootstrap=BOOTSTRAP)


def recounted(frame: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The table under each convention, N and C replaced; and why the others are not possible.

    `frame` has N, C, the parts that there are (PARTS) and, for 6 N D, examples (else D). A
    convention that gives the same numbers as one before it is left out.
    """
    for name in ("N", "C"):
        if name not in frame:
            raise LabError(f"conventions need the column {name} and parts: {', '.join(PARTS)}")
    seen = frame.get("examples", frame.get("D"))
    known = frame if seen is None else frame.assign(T=seen)
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for convention in CONVENTIONS:
        asked = [conditions.parse(text, "expression") for text in convention[1:]]
        missing = [name for one in asked for name in one.names if name not in known]
        if missing:
            what = "examples" if missing[0] == "T" else missing[0]
            refused[convention.name] = f"the table has no column {what}"
            continue
        made = frame.assign(
            **{name: one.value(known) for name, one in zip("NC", asked, strict=True)}
        )
        same = next((name for name, other in found.items() if _alike(made, other)), "")
        if same:
            refused[convention.name] = f"the same numbers as {same}"
        elif made["N"].isna().all() or made["C"].isna().all():
            refused[convention.name] = "its parts are empty in this table"
        else:
            found[convention.name] = made
    return found, refused


def compare(
    frame: pd.DataFrame,
    loss: str,
    *,
    law: str = "chinchilla",
    where: str = "",
    cluster: str = "",
    bootstrap: int = BOOTSTRAP,
    **how: Any,
) -> Counted:
    """Exponents of the law and of N*(C) under each convention that the table's columns allow.

    `frame` as for `recounted`; `loss` is its column of losses. With a cluster whose rows are a
    learning curve (`with_parts`), the envelope is among the approaches. `how` goes to
    `fitting.fit`; N*(C) is of the rows that were fitted.
    Raises LabError if there are no two conventions, or no exponent under any.
    """
    tables, refused = recounted(frame)
    if len(tables) < 2:
        why = "; ".join(dict.fromkeys(refused.values()))
        raise LabError(f"there is only one way to count N and C in this table: {why}")
    rows: list[tuple[Any, ...]] = []
    fitted: dict[bytes, Fit] = {}
    for name, counted in tables.items():
        roles = {role: role for role in ("N", "D", "C") if role in counted} | {"L": loss}
        table = checked(counted, roles, where=where, cluster=cluster)
        before = len(fitted)
        try:
            fit = _fitted(law, table, fitted, {"bootstrap": bootstrap, **how})
        except LabError as error:
            refused[f"{name}, {law}"], fit = str(error), None
        again = len(fitted) == before  # the law takes no C, and N is counted as before
        if fit is not None and not again:
            exponents = ((key, fit.params[key]) for key in fit.law.exponents)
            rows += [(name, law, key, p.value, p.low, p.high) for key, p in exponents]
        try:
            both = fit if fit is not None and set(fit.variables) == {"N", "D"} else None
            found = optimal(_fitted_rows(table, fit), both, bootstrap=bootstrap)
        except LabError as error:
            refused[f"{name}, N*(C)"] = str(error)
            continue
        for by, approach in found.approaches.items():
            if again and by == "parametric":
                continue
            a = approach.params["a"]
            rows.append((name, by, "a", a.value, a.low, a.high))
    if not rows:
        raise LabError(f"no exponent under any convention: {next(iter(refused.values()))}")
    names = ["convention", "by", "name", "value", "low", "high"]
    return Counted(pd.DataFrame(rows, columns=names), refused)


def with_parts(curves: Any, runs: Any) -> Any:
    """Learning curves with the parts of their runs' N and C; those of C scaled to C so far."""
    parts = [name for name in ("N", *PARTS) if name in runs]
    whole = runs[["run", *parts, "C"]].rename(columns={"C": "_whole"})
    mine = curves.drop(columns=[name for name in parts if name in curves])
    made = mine[mine["C"] > 0].merge(whole, on="run")
    share = made["C"] / made.pop("_whole")
    return made.assign(**{name: made[name] * share for name in parts if name.startswith("C_")})


def reconciled(
    p: Mapping[str, float],
    law: str = "chinchilla",
    *,
    omega: float = OMEGA,
    N: tuple[float, float] = (768.0, 1.5e9),
    k: float = 6.0,
) -> Any:
    """N*(C) of one surface, counted with and without embedding; columns counted, C, N, exponent.

    `p` are parameters of the law in all parameters, N + omega N^(1/3) where N leaves the embedding
    out. `N`, so counted, is the range over which `exponent`, the slope of log N* in log C, is the
    least-squares line's; the default is Kaplan et al.'s range. Pearce & Song 2024, section 3.
    """
    surface = laws.get(law)
    if set(surface.variables) != {"N", "D"}:
        raise LabError(f"{law} is not a law of N and D; give one, such as chinchilla")

    def total(N: Any) -> Any:
        return N + omega * N ** (1 / 3)

    def loss(p: Mapping[str, Any], x: Mapping[str, Any]) -> Any:
        return surface.loss(p, {"N": total(x["N"]), "D": x["D"]})

    ways = {
        "all of N": (surface, (total(N[0]), total(N[1]))),
        "N without embedding": (replace(surface, loss=loss, frontier=None), N),
    }
    found = []
    for counted, (way, ends) in ways.items():
        # The least N is best at the least C: the range is found on a coarse grid, then refined.
        C = np.geomspace(1e3, 1e33, 3001)
        best = allocation.optimum(way, p, C, k)["N"]
        within = (best >= ends[0]) & (best <= ends[1])
        exponent = power_law(C[within], best[within], np.ones(within.sum())).exponent
        rows = pd.DataFrame({"C": C[within], "N": best[within], "exponent": float(exponent)})
        found.append(rows.assign(counted=counted))
    return pd.concat(found, ignore_index=True)[["counted", "C", "N", "exponent"]]


def _fitted(law: str, table: Table, known: dict[bytes, Fit], how: Mapping[str, Any]) -> Fit:
    """The fit of the table's columns that the law takes; made once for equal ones."""
    variables = laws.get(law).variables
    roles = [role for role in table.columns if role in variables or role == "L"]
    if missing := [role for role in variables if role not in roles]:
        raise LabError(f"the table has no {missing[0]}")
    kept = [*roles, *(name for name in ("row", "cluster") if name in table.frame)]
    only = replace(
        table, frame=table.frame[kept], columns={role: table.columns[role] for role in roles}
    )
    key = np.ascontiguousarray(only.frame[roles].to_numpy()).tobytes()
    if key not in known:
        known[key] = fit(law, only, **how)
    return known[key]


def _fitted_rows(table: Table, fit: Fit | None) -> Any:
    """Those of the table's rows that the fit took; all if there is none."""
    if fit is None or fit.points is None:
        return table.frame
    return table.frame[table.frame["row"].isin(fit.points["row"])]


def _alike(one: Any, other: Any) -> bool:
    return all(np.allclose(one[name], other[name], rtol=1e-9, equal_nan=True) for name in "NC")
