"""Runs of tasks that theory solves, beside the exact curves of their theories.

A theory says which runs it is about (`RUNS`) and where its settings stand in the run table
(`SETTINGS`); runs of equal settings are a task. At each point of a task the mean over seeds is
compared with the theory: z is its distance in standard errors, as a normal deviate.

Exponents are those of one law fitted twice at the same points, to the means and to the theory, by
least squares in logarithms, so that what the law misses is alike in both:

    L(D), L(N)      the excess loss over the theory's floor. Where N and D both vary, L(D) is at the
                    largest N, and L(N) at the others
    L(C), N(C)      of one-pass SGD at several N: least loss and its N at each budget C = N x steps,
                    by parabolas

A parameter is measured / exact, "TASK: L(D)". Its interval has the noise of the seeds alone: means
are drawn again from their standard errors. Two more parameters are about all points: "z", the
largest |z|, and "p", the probability of a chi^2 as large as the sum of their squares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from scaling_lab.errors import LabError, NotApplicable

from .. import theory
from ..experiment_tables import Tables
from ..fitting.parameter import Parameter
from ..frontier import isoflop

SLUG = "calibration"
TITLE = "Runs against exact theory"
LOSS = "test_loss"
REPLICATES, LEVEL = 1_000, 0.95
FEWEST = 3  # points of a law


class Exponent(NamedTuple):
    """An exponent of one law fitted to means, with its interval, and to the theory.

    limit: that of infinite size, NaN if it is not known.
    """

    task: str
    law: str
    measured: Parameter
    exact: float
    limit: float = np.nan

    @property
    def ratio(self) -> Parameter:
        """measured / exact"""
        value, low, high, se = (part / self.exact for part in self.measured)
        return Parameter(value, min(low, high), max(low, high), abs(se))


@dataclass(frozen=True)
class Calibration:
    """points: task, law, series, x, measured, se, seeds, theory, floor, z, a row a point.

    law: the law that a point belongs to. series: points of a law that a line joins.
    """

    points: pd.DataFrame
    exponents: list[Exponent]
    warnings: list[str] = field(default_factory=list)

    @property
    def chi2(self) -> tuple[float, int]:
        """The sum of z^2, and of how many."""
        z = self.points["z"].dropna()
        return float(np.sum(z**2)), len(z)

    @property
    def params(self) -> dict[str, Parameter]:
        far = float(np.nanmax(np.abs(self.points["z"].to_numpy("float64"))))
        chi2, count = self.chi2
        p = float(special.chdtrc(count, chi2))
        exact = {"z": Parameter(far, far, far, 0.0), "p": Parameter(p, p, p, 0.0)}
        return exact | {f"{one.task}: {one.law}": one.ratio for one in self.exponents}

    def card(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "study": SLUG,
            "chi2": self.chi2[0],
            "points": self.points.astype(object)
            .where(self.points.notna(), None)
            .to_dict("records"),
            "exponents": [
                {"task": one.task, "law": one.law, "exact": one.exact}
                | {"limit": one.limit if np.isfinite(one.limit) else None}
                | {"measured": one.measured.as_json(), "ratio": one.ratio.as_json()}
                for one in self.exponents
            ],
            "warnings": self.warnings,
        }


def analyse(tables: Tables) -> Calibration:
    """Compare all runs that a theory is about with it.

    Raises NotApplicable if there are none.
    """
    parts, exponents, warnings = [], [], []
    for name, settings, rows, task in _tasks(tables.families):
        try:
            points = _compared(name, settings, rows)
        except LabError as error:
            warnings.append(f"{task}: {error}")
            continue
        random = np.random.default_rng(len(parts))
        for law, some in _laws(points, name):
            parts.append(some.assign(task=task, law=law))
            limits = theory.limits(name, settings)
            for one in _exponents(task, law, some, random):
                exponents.append(one._replace(limit=limits.get(one.law, np.nan)))
    if not parts:
        raise NotApplicable("; ".join(warnings) or "no theory is about these runs")
    return Calibration(pd.concat(parts, ignore_index=True), exponents, warnings)


def _tasks(rows: Any) -> Iterator[tuple[str, dict[str, Any], Any, str]]:
    """Theory, settings, rows and name of each task. The most particular theory takes its runs."""
    about: dict[str, Any] = {n: m for n, m in theory.found().items() if hasattr(m, "RUNS")}
    if rows is None or LOSS not in rows:
        return
    left = rows[rows[LOSS].notna()]
    for name, module in sorted(about.items(), key=lambda one: -len(one[1].RUNS)):
        runs, settings = module.RUNS, module.SETTINGS
        if not set(runs) | set(settings.values()) <= set(left):
            continue
        mine = np.logical_and.reduce([left[column] == value for column, value in runs.items()])
        own, left = left[mine], left[~mine]
        if own.empty:
            continue
        several = [column for column in settings.values() if own[column].nunique() > 1]
        groups = own.groupby(several) if several else [((), own)]
        for _, some in groups:
            first = some.iloc[0]
            given = {key: _plain(first[column]) for key, column in settings.items()}
            told = [f"{k} = {given[k]:g}" for k, column in settings.items() if column in several]
            yield name, given, some, ", ".join([name.replace("_", " "), *told])


def _compared(name: str, settings: Mapping[str, Any], rows: Any) -> pd.DataFrame:
    """A row a point: the theory's variables, C, measured, se, seeds, theory, floor and z."""
    variables = list(theory.get(name).VARIABLES)
    wanted = {"N": "first", "D": "first"} if "steps" in variables else {}
    groups = rows.groupby(variables, as_index=False)
    made = groups.agg(
        **{key: (key, how) for key, how in wanted.items() if key not in variables},
        measured=(LOSS, "mean"),
        se=(LOSS, "sem"),
        seeds=(LOSS, "count"),
    )
    at = {column: made[column].to_numpy("float64") for column in variables}
    values = theory.values(name, settings, at)
    z = theory.deviates(made["measured"] - values, made["se"], made["seeds"])
    return made.assign(theory=values, z=z, floor=theory.floor(name, settings))


def _laws(points: pd.DataFrame, name: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The points of each law, with x and series."""
    if "steps" in points and points["N"].nunique() > 1:
        compute = points["N"] * points["steps"]
        budget = isoflop.budgets(compute.to_numpy(), points["N"].to_numpy(), FEWEST)
        draw = points["model.draw"] if "model.draw" in points else np.zeros(len(points))
        series = [f"{a}/{b:g}" for a, b in zip(budget, draw, strict=True)]
        yield "L(C)", points.assign(C=compute, budget=budget, x=points["N"], series=series)
        return
    largest = np.ones(len(points), bool)
    if "N" in points:
        largest = (points["N"] == points["N"].max()).to_numpy()
    for axis, some in (("D", points[largest]), ("N", points[~largest])):
        if len(some):
            yield f"L({axis})", some.assign(x=some[axis], series=axis)


def _exponents(
    task: str, law: str, points: pd.DataFrame, random: np.random.Generator
) -> Iterator[Exponent]:
    floor, se = points["floor"].to_numpy(), points["se"].fillna(0.0).to_numpy()
    measured = points["measured"].to_numpy()
    drawn = measured + se * random.standard_normal((REPLICATES, len(points)))
    every = np.stack([measured, points["theory"].to_numpy(), *drawn]) - floor
    found: dict[str, np.ndarray]
    if law == "L(C)":
        found = _along_the_frontier(points, every)
    else:
        found = {law: -_slopes(np.log(points["x"].to_numpy()), np.log(np.maximum(every, 1e-300)))}
    for name, values in found.items():
        measured_, exact, draws = values[0], values[1], values[2:]
        if np.isfinite([measured_, exact]).all() and np.isfinite(draws).mean() > 0.5:
            draws = draws[np.isfinite(draws)]
            yield Exponent(task, name, Parameter.from_draws(measured_, draws, LEVEL), exact)


def _along_the_frontier(points: Any, losses: np.ndarray) -> dict[str, np.ndarray]:
    """Exponents of L and of N along the frontier, for losses [replicates, points]."""
    compute, N, L = [], [], []
    for _, rows in points[points["budget"] >= 0].groupby("budget"):
        budget = isoflop.Budget(rows["N"].to_numpy(float), rows["steps"].to_numpy(float))
        own = losses[:, points.index.get_indexer(rows.index)]
        best, least = budget.least("parabola", np.ones_like(own), np.log(own))
        if np.isnan(best[:2]).any():  # no minimum inside, of the means or of the theory
            continue
        compute.append(np.log(rows["C"]).mean())
        N.append(np.log(best))
        L.append(least)
    if len(compute) < FEWEST:
        return {}
    x = np.array(compute)
    return {"L(C)": -_slopes(x, np.stack(L, 1)), "N(C)": _slopes(x, np.stack(N, 1))}


def _slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slopes of straight lines by least squares through y [replicates, points]; NaN passes on."""
    if len(x) < FEWEST:
        return np.full(len(y), np.nan)
    from_mean = x - x.mean()
    return y @ from_mean / (from_mean @ from_mean)


def _plain(value: Any) -> Any:
    """A setting as the run has it; tables may hold whole numbers as floats."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value.is_integer() else value
