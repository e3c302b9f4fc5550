"""Fitting: a law and a table give a fit, with its certificate, its intervals and its warnings.

    table = checked(load("runs.csv"), {"D": "tokens", "L": "loss"})
    fit("power_law_floor", table).summary()

The objective is the sum of Huber functions of the log residuals (delta 1e-3), as in Hoffmann et
al. 2022; `solver` finds its global optimum, `uncertainty` resamples, `certificate` judges.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from . import certificate, laws, solver, uncertainty
from .laws import Law
from .tables import OUTCOMES, ROLES, Table, checked, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Parameter(NamedTuple):
    """Estimate, percentile interval and standard error; NaN where there was no bootstrap."""

    value: float
    low: float
    high: float
    se: float


class Prediction(NamedTuple):
    """The law's loss and the band of the law itself (not of one new run, which scatters more)."""

    center: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Fit:
    """A law fitted to a table.

    variables    the roles it depends on: ("D",), ("N", "D")
    params       name -> Parameter, in the table's units
    draws        name -> array [replicates]: the bootstrap
    certificate  evidence for the optimum and of what the table offers (`certificate.evidence`)
    warnings     why not to believe it; empty is good
    points       the rows used, columns named by role; None if the fit came from a card
    """

    law: Law
    variables: tuple[str, ...]
    params: dict[str, Parameter]
    objective: float
    n: int
    delta: float
    level: float
    seed: int
    draws: dict[str, np.ndarray]
    certificate: dict[str, Any]
    warnings: list[str]
    columns: dict[str, str]
    left_out: pd.DataFrame
    source: str = ""
    where: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    points: pd.DataFrame | None = field(default=None, repr=False)

    def predict(self, at: Mapping[str, Any], level: float = 0.95) -> Prediction:
        """The loss at columns named by role, with its percentile band; shapes as given."""
        if missing := [role for role in self.variables if role not in at]:
            needed = ", ".join(self.variables)
            raise LabError(f"{self.law} needs {needed} to predict; {missing[0]} is not given")
        columns = np.broadcast_arrays(*(np.asarray(at[role], "float64") for role in self.variables))
        shape = columns[0].shape
        x = {name: c.reshape(1, -1) for name, c in zip(self.law.variables, columns, strict=True)}
        center = solver.predict(
            self.law, {k: np.full((1, 1), v.value) for k, v in self.params.items()}, x
        )
        drawn = solver.predict(self.law, {k: v[:, None] for k, v in self.draws.items()}, x)
        low, high = uncertainty.interval(drawn, level)
        return Prediction(center.reshape(shape), low.reshape(shape), high.reshape(shape))

    def summary(self) -> str:
        """The fit as text: warnings, parameters with intervals, how well it fits."""
        found = self.certificate
        axes = ", ".join(
            f"{self.columns[role]} {s['low']:.3g} to {s['high']:.3g} ({s['distinct']} scales)"
            for role, s in found["scales"].items()
        )
        lines = [f"{self.law}   {self.equation}", f"{self.n} points: {axes}"]
        lines += [f"! {warning}" for warning in self.warnings]
        rows = [("", "value", f"{self.level:.0%} interval", "se")]
        rows += [(name, *_shown(parameter)) for name, parameter in self.params.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += [""]
        lines += [
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        lines += [
            "",
            f"typical error {found['median_error']:.2%}; objective {self.objective:.6g} "
            f"(Huber of log residuals, delta {self.delta:g})",
            f"{found['share_of_starts']:.0%} of {found['starts']} starts reached this optimum; "
            f"{found['replicates']} resampled tables",
        ]
        return "\n".join(lines)

    @property
    def equation(self) -> str:
        """The law's equation, with the role in place of x."""
        if self.law.variables != ("x",):
            return self.law.equation
        return re.sub(r"\bx\b", self.variables[0], self.law.equation)

    def card(self) -> dict[str, Any]:
        """The fit as JSON: everything but the points, in full precision. NaN becomes null."""
        return {
            "law": self.law.name,
            "equation": self.equation,
            "variables": list(self.variables),
            "objective": self.objective,
            "delta": self.delta,
            "n": self.n,
            "level": self.level,
            "seed": self.seed,
            "params": {
                name: {k: _json(v) for k, v in parameter._asdict().items()}
                for name, parameter in self.params.items()
            },
            "certificate": self.certificate,
            "warnings": self.warnings,
            "columns": self.columns,
            "left_out": self.left_out.to_dict("records"),
            "source": self.source,
            "where": self.where,
            "versions": self.versions,
            "draws": {name: values.tolist() for name, values in self.draws.items()},
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Fit:
        """The fit that a card describes; it predicts as the first did, and has no points."""
        kept = {k: v for k, v in card.items() if k != "equation"}
        params = {
            name: Parameter(**{k: np.nan if v is None else v for k, v in parameter.items()})
            for name, parameter in card["params"].items()
        }
        return cls(
            **kept
            | {
                "law": laws.get(card["law"]),
                "variables": tuple(card["variables"]),
                "params": params,
                "draws": {name: np.array(values) for name, values in card["draws"].items()},
                "left_out": pd.DataFrame(card["left_out"], columns=["row", "reason"]),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Points, curve and band against the law's one variable, both axes logarithmic."""
        if len(self.variables) > 1:
            raise LabError(f"{self.law} has {len(self.variables)} variables; plot draws one")
        from matplotlib import pyplot as plt

        (role,) = list(self.variables)
        if ax is None:
            ax = plt.figure(layout="constrained").add_subplot()
        scale = self.certificate["scales"][role]
        at = np.geomspace(scale["low"] / 1.5, scale["high"] * 1.5, 200)
        center, low, high = self.predict({role: at}, self.level)
        (line,) = ax.plot(at, center, label=self.equation)
        ax.fill_between(at, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
        if self.points is not None:
            ax.plot(self.points[role], self.points["L"], "o", color="0.2", markersize=4)
        what = f"{role} ({ROLES[role]})" if role in ROLES else role
        yscale = "log" if self.law.space == "log" else "linear"
        ax.set(xscale="log", yscale=yscale, xlabel=what, ylabel=self.law.response)
        ax.legend(frameon=False)
        return ax


def fit(
    law: str | Law,
    table: Table | pd.DataFrame,
    *,
    delta: float = 1e-3,
    bootstrap: int = 400,
    seed: int = 0,
    level: float = 0.95,
) -> Fit:
    """The law's global optimum on the table, with `bootstrap` resampled tables for the intervals.

    `table` comes from `checked`, or is a frame whose columns are named by role (and "cluster").
    Raises LabError if the table lacks what the law needs, or has too few points.
    """
    law = law if isinstance(law, Law) else laws.get(law)
    if delta <= 0 or bootstrap < 0 or not 0 < level < 1:
        raise LabError("a fit needs delta > 0, bootstrap >= 0 and a level between 0 and 1")
    table = table if isinstance(table, Table) else _table(table, law)
    variables = _variables(law, table)
    frame = table.frame
    if len(frame) <= len(law.parameters):
        raise LabError(_too_few(law, table))
    x = {name: frame[role].to_numpy() for name, role in zip(law.variables, variables, strict=True)}
    problem = solver.Problem(law, x, frame["L"].to_numpy())
    starts = solver.starts(problem)
    optima = solver.solve(problem, starts, problem.weights()[None], delta)
    (theta,), (objective,) = optima.best()
    found = certificate.evidence(
        problem, dict(zip(law.variables, variables, strict=True)), optima, starts, delta
    )
    draws = {name: np.empty(0) for name in law.parameters}
    found |= {"replicates": bootstrap, "clusters": len(frame), "agreement": 1.0}
    if bootstrap:
        clusters = frame["cluster"].to_numpy() if "cluster" in frame else None
        resampled = uncertainty.bootstrap(
            problem, theta, starts, clusters, count=bootstrap, seed=seed, delta=delta
        )
        draws = solver.parameters(problem, resampled.theta)
        found |= {"clusters": resampled.clusters, "agreement": resampled.agreement}
    params = {}
    for name, value in solver.parameters(problem, theta).items():
        low, high = uncertainty.interval(draws[name], level)
        se = np.std(draws[name], ddof=1) if bootstrap > 1 else np.nan
        params[name] = Parameter(float(value), float(low), float(high), float(se))
    found["outliers"]["rows"] = frame["row"].to_numpy()[found["outliers"].pop("points")].tolist()
    told = certificate.warnings(problem, params, found)
    if len(table.left_out):
        told.append(f"left out: {describe(table.left_out)}")
    return Fit(
        law=law,
        variables=variables,
        params=params,
        objective=float(objective),
        n=len(frame),
        delta=delta,
        level=level,
        seed=seed,
        draws=draws,
        certificate=found,
        warnings=told,
        columns=table.columns,
        left_out=table.left_out,
        source=table.source,
        where=table.where,
        versions=_versions(),
        points=frame,
    )


def _table(frame: pd.DataFrame, law: Law) -> Table:
    wanted = [*(ROLES if law.variables == ("x",) else law.variables), *OUTCOMES]
    columns = {role: role for role in wanted if role in frame.columns}
    needed = [] if law.variables == ("x",) else law.variables
    if missing := [role for role in (*needed, "L") if role not in columns]:
        raise LabError(f"{law} needs the column {missing[-1]}; name the table's columns by role")
    cluster = "cluster" if "cluster" in frame.columns else ""
    return checked(frame, columns, cluster=cluster, space=law.space)


def _variables(law: Law, table: Table) -> tuple[str, ...]:
    given = tuple(role for role in table.columns if role not in OUTCOMES)
    wanted = law.variables
    if wanted == ("x",):
        if len(given) != 1:
            raise LabError(
                f"{law} takes one variable and is given {', '.join(given) or 'none'}; "
                "give the table the one that is meant"
            )
        wanted = given
    for role in (*wanted, "L"):
        if role not in table.columns:
            raise LabError(f"{law} needs the role {role}; say which column it is")
    return wanted


def _too_few(law: Law, table: Table) -> str:
    needed, there = len(law.parameters) + 1, len(table)
    why = f"; left out: {describe(table.left_out)}" if len(table.left_out) else ""
    return (
        f"{law} has {needed - 1} parameters and needs {needed} points or more; "
        f"there {'is' if there == 1 else 'are'} {there}{why}"
    )


def _shown(parameter: Parameter) -> tuple[str, str, str]:
    """Value, interval and standard error, to two digits of the standard error."""
    if not parameter.se > 0:
        return f"{parameter.value:.6g}", "-", "-"
    place = 1 - int(np.floor(np.log10(parameter.se)))
    value, low, high, se = (_rounded(number, place) for number in parameter)
    return value, f"{low} to {high}", se


def _rounded(number: float, place: int) -> str:
    """Rounded to that many decimals (tens and hundreds if negative)."""
    if 1e-4 < abs(number) < 1e7:
        return f"{round(number, place):.{max(place, 0)}f}"
    return f"{number:.3g}"


def _json(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _versions() -> dict[str, str]:
    names = ("scaling-lab", "jax", "jaxlib", "optimistix", "numpy", "scipy", "pandas")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}
