"""Fit: the result of fitting a law to a table: parameters, intervals, certificate and findings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError, unknown

from .. import laws, plotting
from ..checks.finding import Finding
from ..laws import Law
from ..numbers import aligned
from . import profile, residuals
from .parameter import Parameter, Prediction, interval
from .penalty import Penalty
from .problem import Problem
from .profile import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

__all__ = ["Fit"]

BANDS = ("law", "run")


@dataclass(frozen=True)
class Fit:
    """A law fitted to a table.

    variables    the roles the law depends on: ("D",), ("N", "D")
    params       name -> Parameter, in the table's units; tied parameters included
    objective    sum of penalties at the optimum
    settings     how residuals were taken and penalised, and what was tied, bounded or dropped
    draws        name -> bootstrap values [replicates]
    certificate  evidence for the optimum, and what the table covers (see `certificate.evidence`)
    findings     what checks found wrong with the fit, the worst first; empty if nothing was
    holdout      the held-out rows and how well they are predicted; empty if none were held out
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
    findings: list[Finding]
    columns: dict[str, str]
    left_out: pd.DataFrame
    holdout: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    where: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    points: pd.DataFrame | None = field(default=None, repr=False)
    problem: Problem | None = field(default=None, repr=False)

    @property
    def warnings(self) -> list[str]:
        """The findings as sentences, the worst first."""
        return [finding.text for finding in self.findings]

    @property
    def delta(self) -> float:
        """Huber's delta."""
        return self.settings["delta"]

    @property
    def penalty(self) -> Penalty:
        """The penalty on residuals."""
        return Penalty(*self.settings["numbers"])

    @property
    def equation(self) -> str:
        """The law's equation, with the role in place of x."""
        if self.law.variables != ("x",):
            return self.law.equation
        return re.sub(r"\bx\b", self.variables[0], self.law.equation)

    @property
    def clustering(self) -> str:
        """What rows are clustered by, in a line; "" for a card of an earlier version."""
        found = self.certificate
        if "clustering" not in found:
            return ""
        return f"{found['clusters']} clusters of {self.n} rows: {found['clustering']}"

    @property
    def residuals(self) -> pd.DataFrame:
        """The points with the law's value (`law`) and the residual, log or raw (`residual`)."""
        if self.points is None or self.problem is None:
            raise LabError("this fit came from a card and has no points; fit the table again")
        center = self.predict({role: self.points[role] for role in self.variables}).center
        observed = self.points["L"].to_numpy()
        raw = self.settings["space"] == "raw"
        residual = center - observed if raw else np.log(center) - np.log(observed)
        return self.points.assign(law=center, residual=residual)

    def predict(
        self, at: Mapping[str, ArrayLike], level: float = 0.95, band: str = "law"
    ) -> Prediction:
        """The response at columns named by role, which broadcast, with the band of the draws.

        The band "law" is of the law itself; "run" is for the result of one new run, and includes
        the scatter of runs: the error that a cluster shares and that of a row.

        Raises LabError if a variable of the law is missing, for another band, or if the fit is of
        a card that does not know the scatter.
        """
        if band not in BANDS:
            raise unknown("band", band, BANDS)
        if missing := [role for role in self.variables if role not in at]:
            needed = ", ".join(self.variables)
            raise LabError(f"{self.law} needs {needed} to predict; {missing[0]} is not given")
        columns = np.broadcast_arrays(*(np.asarray(at[role], "float64") for role in self.variables))
        shape = columns[0].shape
        x = {name: c.reshape(1, -1) for name, c in zip(self.law.variables, columns, strict=True)}
        center = residuals.predict(self.law, self._values(), x)[0]
        drawn = residuals.predict(self.law, self._drawn(), x)
        if band == "run":
            log = self.settings["space"] == "log"
            with np.errstate(over="ignore"):
                drawn = drawn * np.exp(self._scatter()) if log else drawn + self._scatter()
        low, high = interval(drawn, level)
        low, high = np.fmin(low, center), np.fmax(high, center)
        if not len(drawn):
            low = high = np.full(center.shape, np.nan)
        return Prediction(center.reshape(shape), low.reshape(shape), high.reshape(shape))

    def extrapolation(self, at: Mapping[str, ArrayLike]) -> np.ndarray:
        """Decades by which each point lies outside the table, along its most extreme variable."""
        scales = self.certificate["scales"]
        apart = [np.zeros(())]
        for role in self.variables:
            value = np.asarray(at[role], dtype="float64")
            apart += [np.log10(value / scales[role]["high"]), np.log10(scales[role]["low"] / value)]
        return np.max(np.broadcast_arrays(*apart), axis=0)

    def profile(self, name: str, level: float | None = None) -> Interval:
        """The parameter's profile-likelihood interval (see `profile`)."""
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
        """The fit as text: warnings, parameters with intervals, quality, evidence."""
        scales = self.certificate["scales"].items()
        axes = (
            f"{self.columns[role]} {s['low']:.3g} to {s['high']:.3g} "
            f"({s['distinct']} scale{'' if s['distinct'] == 1 else 's'})"
            for role, s in scales
        )
        lines = [f"{self.law}   {self.equation}", f"{self.n} points: {', '.join(axes)}"]
        lines += [finding.line for finding in self.findings]
        return "\n".join([*lines, "", *aligned(self._parameter_rows()), "", *self._quality()])

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
            "params": {name: one.as_json() for name, one in self.params.items()},
            "certificate": self.certificate,
            "warnings": self.warnings,
            "findings": [finding.card() for finding in self.findings],
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
        """The fit that a card describes: it predicts like the original, but has no points."""
        apart = ("equation", "warnings", "registration")  # a report adds the last to a claim's card
        kept = {k: v for k, v in card.items() if k not in apart}
        ties = tuple((name, to) for name, to in card["settings"]["tie"].items())
        signed = tuple(card["settings"].get("signed", ()))
        params = {
            name: Parameter.from_json(parameter) for name, parameter in card["params"].items()
        }
        return cls(
            **kept
            | {
                "law": laws.signed(laws.tied(laws.get(card["law"]), ties), signed),
                "variables": tuple(card["variables"]),
                "params": params,
                "findings": [
                    Finding.from_card(one) for one in card.get("findings", card["warnings"])
                ],
                "draws": {name: np.array(values) for name, values in card["draws"].items()},
                "left_out": pd.DataFrame(card["left_out"], columns=["row", "reason"]),
            }
        )

    def plot(self, ax: Axes | None = None, held: pd.DataFrame | None = None) -> Axes:
        """Points, curve and band against the law's one variable, on a logarithmic axis.

        `held` are rows that were not fitted, columns named by role. They are drawn as rings, and
        the curve extends to them. Raises LabError for a law of several variables.
        """
        return plotting.draw("_fit", self, ax, held=held)

    def _values(self) -> dict[str, np.ndarray]:
        """The law's free parameters, name -> [1, 1], to broadcast with columns [1, points]."""
        return {name: np.full((1, 1), self.params[name].value) for name in self.law.parameters}

    def _drawn(self) -> dict[str, np.ndarray]:
        """The bootstrap draws of the same, name -> [replicates, 1]."""
        return {name: self.draws[name][:, None] for name in self.law.parameters}

    def _scatter(self) -> np.ndarray:
        """An error of a new run for each draw [replicates, 1], the same at every point.

        A band is read at one point at a time, so it does not matter that they are the same.
        """
        found = self.certificate
        if "within" not in found:
            raise LabError("this card does not tell how runs scatter; fit the table again")
        random = np.random.default_rng([self.seed, 1])
        count = len(next(iter(self.draws.values())))
        freedom = max(found["freedom"], 1.0)
        size = float(np.hypot(found["between"], found["within"]))
        heavy = np.sqrt(freedom / random.chisquare(freedom, count))
        return (size * heavy * random.standard_normal(count))[:, None]

    def _parameter_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("", "value", f"{self.level:.0%} interval", "se")]
        ties = self.settings["tie"]
        for name, parameter in self.params.items():
            value, ends, error = parameter.as_text()
            bound = self.settings["bounds"].get(ties.get(name, name))
            if name in ties:
                ends, error = f"= {ties[name]}", ""
            elif bound is not None and bound[0] == bound[1]:
                ends, error = "fixed", ""
            rows.append((name, value, ends, error))
        return rows

    def _quality(self) -> list[str]:
        """How well the law fits, and the evidence for the optimum and the intervals."""
        found, log = self.certificate, self.settings["space"] == "log"
        error = found["median_error"]
        typical = f"{error:.2%}" if log else f"{error:.3g}"
        if "noise" in self.columns:
            typical = f"{error:.2g} standard deviations"
        drawn = "draws" if found.get("method") == "confidence" else "resampled tables"
        lines = [
            f"typical error {typical}; objective {self.objective:.6g} ({self._objective_name()})",
            f"{found['share_of_starts']:.0%} of {found['starts']} starts reached this optimum; "
            f"{found['replicates']} {drawn}",
        ]
        if self.clustering:
            lines.append(self.clustering)
        # Cards of earlier versions have no "solved": every replicate was solved in full.
        solved = found.get("solved", found["replicates"])
        if solved < found["replicates"]:
            lines.append(
                f"of these {solved} are solved in full and {found['replicates'] - solved} are one "
                f"Newton step each, which is off by {found['step_off']:.2g} standard errors"
            )
        if self.holdout:
            held = self.holdout
            error = f"{held['rmsle']:.2%}" if "rmsle" in held else f"{held['rmse']:.3g}"
            # Where the law fails, the band of runs counts what it misses as scatter.
            fails = any(one.check == "holdout" for one in self.findings)
            inside = f"; {held['inside']:.0%} in the band of runs" if "inside" in held else ""
            inside = "" if fails else inside
            said = f"{held['n']} points, error {error} (rms){inside}"
            lines.append(f"held out, {held['condition']}: {said}")
        return lines

    def _objective_name(self) -> str:
        """Such as "Huber of log residuals, delta 0.001"."""
        settings, penalty = self.settings, self.settings["penalty"]
        name = {"huber": "Huber"}.get(penalty, penalty)
        delta = "" if penalty == "squares" else f", delta {settings['delta']:g}"
        over = " over the noise" if "noise" in self.columns else ""
        weighted = ", weighted" if "weight" in self.columns else ""
        return f"{name} of {settings['space']} residuals{over}{delta}{weighted}"
