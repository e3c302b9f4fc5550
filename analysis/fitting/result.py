"""Fit: a law fitted to a table: its parameters, its intervals, and what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError, unknown

from .. import laws
from ..frontier import allocation
from ..laws import Law
from ..tables import ROLES
from . import bootstrap, profile, summary
from . import residuals as program
from .parameter import Parameter, Prediction
from .penalty import Penalty
from .problem import Problem
from .profile import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Fit:
    """A law fitted to a table.

    variables    the roles it depends on: ("D",), ("N", "D")
    params       name -> Parameter, in the table's units; those that were tied too
    objective    sum of penalties at the optimum; settings: how residuals were taken and penalised
    draws        name -> array [replicates]: the bootstrap
    certificate  evidence for the optimum and of what the table offers (`certificate.evidence`)
    warnings     why not to believe it; empty is good
    holdout      what was held out and how well it is predicted; empty if nothing was
    points       the rows used, columns named by role; None if the fit came from a card
    """

    law: Law
    variables: tuple[str, ...]
    params: dict[str, Parameter]
    objective: float
    n: int
    settings: dict[str, Any]
    level: float
    seed: int
    draws: dict[str, np.ndarray]
    certificate: dict[str, Any]
    warnings: list[str]
    columns: dict[str, str]
    left_out: pd.DataFrame
    holdout: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    where: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    points: pd.DataFrame | None = field(default=None, repr=False)
    problem: Problem | None = field(default=None, repr=False)

    @property
    def delta(self) -> float:
        """Huber's delta."""
        return self.settings["delta"]

    @property
    def penalty(self) -> Penalty:
        """The penalty of the residuals."""
        return Penalty(*self.settings["numbers"])

    @property
    def equation(self) -> str:
        """The law's equation, with the role in place of x."""
        if self.law.variables != ("x",):
            return self.law.equation
        return re.sub(r"\bx\b", self.variables[0], self.law.equation)

    @property
    def residuals(self) -> pd.DataFrame:
        """The points with what the law gives there and the residual (log, or raw)."""
        if self.points is None or self.problem is None:
            raise LabError("this fit came from a card and has no points; fit the table again")
        center = self.predict({role: self.points[role] for role in self.variables}).center
        observed = self.points["L"].to_numpy()
        raw = self.settings["space"] == "raw"
        missed = center - observed if raw else np.log(center) - np.log(observed)
        return self.points.assign(law=center, residual=missed)

    def predict(self, at: Mapping[str, Any], level: float = 0.95) -> Prediction:
        """The response at columns named by role, with the band of the draws; shapes as given."""
        if missing := [role for role in self.variables if role not in at]:
            needed = ", ".join(self.variables)
            raise LabError(f"{self.law} needs {needed} to predict; {missing[0]} is not given")
        columns = np.broadcast_arrays(*(np.asarray(at[role], "float64") for role in self.variables))
        shape = columns[0].shape
        x = {name: c.reshape(1, -1) for name, c in zip(self.law.variables, columns, strict=True)}
        center = program.predict(self.law, self._values(), x)[0]
        low, high = bootstrap.interval(program.predict(self.law, self._drawn(), x), level)
        return Prediction(center.reshape(shape), low.reshape(shape), high.reshape(shape))

    def frontier(self, C: Any, k: float = 6.0) -> pd.DataFrame:
        """The best N and D for each compute C = k N D, and the loss there, with intervals.

        Columns C, N, D, L and tokens_per_parameter = D / N, each but C with its _low and _high,
        and `beyond`: how many decades the allocation lies outside the table. In closed form where
        the law has one. Raises LabError for a law that is not of N and D alone.
        """
        compute = np.atleast_1d(np.asarray(C, dtype="float64"))
        best, drawn = self.optimum(compute, k)
        for found in (best, drawn):
            found["tokens_per_parameter"] = found["D"] / found["N"]
        columns = {"C": compute}
        for name in ("N", "D", "L", "tokens_per_parameter"):
            low, high = bootstrap.interval(drawn[name], self.level, best[name])
            columns |= {name: best[name], f"{name}_low": low, f"{name}_high": high}
        beyond = self.extrapolation({role: columns[role] for role in self.variables})
        return pd.DataFrame(columns | {"beyond": beyond})

    def optimum(
        self, C: np.ndarray, k: float = 6.0
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """N, D, L of least loss at C = k N D [computes], and of the draws [replicates, computes].

        In closed form where the law has one.
        """
        best = allocation.optimum(self.law, self._values(), C[None], k)
        drawn = allocation.optimum(self.law, self._drawn(), C[None], k)
        return {role: values[0] for role, values in best.items()}, drawn

    def extrapolation(self, at: Mapping[str, Any]) -> np.ndarray:
        """How many decades outside the table each place is, in the variable that is most so."""
        scales = self.certificate["scales"]
        apart = [np.zeros(())]
        for role in self.variables:
            value = np.asarray(at[role], dtype="float64")
            apart += [np.log10(value / scales[role]["high"]), np.log10(scales[role]["low"] / value)]
        return np.max(np.broadcast_arrays(*apart), axis=0)

    def profile(self, name: str, level: float | None = None) -> Interval:
        """The parameter's interval by profile likelihood (see `profile`)."""
        if self.problem is None:
            raise LabError("this fit came from a card and has no points; fit the table again")
        ties = dict(self.settings["tie"])
        if name not in self.params:
            raise unknown("parameter", name, self.params)
        own = ties.get(name, name)
        best = np.array([self.params[one].value for one in self.law.parameters])
        found = profile.intervals(
            self.problem, self.penalty, self.problem.coordinates(best), [own], level or self.level
        )
        return found[own]

    def summary(self) -> str:
        """The fit as text: warnings, parameters with intervals, how well it fits."""
        return summary.summary(self)

    def card(self) -> dict[str, Any]:
        """The fit as JSON: everything but the points, in full precision. NaN becomes null."""
        return {
            "law": self.law.name,
            "equation": self.equation,
            "variables": list(self.variables),
            "objective": self.objective,
            "n": self.n,
            "settings": self.settings,
            "level": self.level,
            "seed": self.seed,
            "params": {
                name: {k: v if np.isfinite(v) else None for k, v in parameter._asdict().items()}
                for name, parameter in self.params.items()
            },
            "certificate": self.certificate,
            "warnings": self.warnings,
            "columns": self.columns,
            "left_out": self.left_out.to_dict("records"),
            "holdout": self.holdout,
            "source": self.source,
            "where": self.where,
            "versions": self.versions,
            "draws": {name: values.tolist() for name, values in self.draws.items()},
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Fit:
        """The fit that a card describes; it predicts as the first did, and has no points."""
        kept = {k: v for k, v in card.items() if k != "equation"}
        ties = tuple((name, to) for name, to in card["settings"]["tie"].items())
        params = {
            name: Parameter(**{k: np.nan if v is None else v for k, v in parameter.items()})
            for name, parameter in card["params"].items()
        }
        return cls(
            **kept
            | {
                "law": laws.tied(laws.get(card["law"]), ties),
                "variables": tuple(card["variables"]),
                "params": params,
                "draws": {name: np.array(values) for name, values in card["draws"].items()},
                "left_out": pd.DataFrame(card["left_out"], columns=["row", "reason"]),
            }
        )

    def plot(self, ax: Axes | None = None, held: pd.DataFrame | None = None) -> Axes:
        """Points, curve and band against the law's one variable, its axis logarithmic.

        `held` are rows that were not fitted, columns named by role: they are drawn as rings, and
        the curve goes on to them.
        """
        if len(self.variables) > 1:
            raise LabError(f"{self.law} has {len(self.variables)} variables; plot draws one")
        from matplotlib import pyplot as plt

        from .. import style

        (role,) = list(self.variables)
        if ax is None:
            ax = plt.figure(layout="constrained").add_subplot()
        scale = self.certificate["scales"][role]
        ends = [scale["low"], scale["high"], *(() if held is None else held[role])]
        at = np.geomspace(min(ends) / 1.5, max(ends) * 1.5, 200)
        center, low, high = self.predict({role: at}, self.level)
        (line,) = ax.plot(at, center, label=self.equation)
        ax.fill_between(at, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
        if self.points is not None:
            ax.plot(self.points[role], self.points["L"], "o", color="0.2", markersize=4)
        if held is not None:
            look = {"color": style.RING, "mfc": "none", "markersize": 4, "label": "held out"}
            ax.plot(held[role], held["L"], "o", **look)
        what = f"{role} ({ROLES[role]})" if role in ROLES else role
        yscale = "log" if self.settings["space"] == "log" else "linear"
        ax.set(xscale="log", yscale=yscale, xlabel=what, ylabel=self.law.response)
        if yscale == "log":
            style.widen(ax.yaxis)
            style.log_ticks(ax.yaxis, plain=True)
        style.log_ticks(ax.xaxis, plain=role not in ("C", "x"))
        ax.legend(frameon=False)
        return ax

    def _values(self) -> dict[str, np.ndarray]:
        """The law's parameters, arrays [1, 1]."""
        return {name: np.full((1, 1), self.params[name].value) for name in self.law.parameters}

    def _drawn(self) -> dict[str, np.ndarray]:
        """Their draws, arrays [replicates, 1]."""
        return {name: self.draws[name][:, None] for name in self.law.parameters}
