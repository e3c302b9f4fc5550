"""Fit a law to a table: the result has a certificate, intervals and findings.

    table = checked(load("runs.csv"), {"D": "tokens", "L": "loss"})
    fit("power_law_floor", table).summary()

The objective is the sum of Huber functions of the log residuals (delta 1e-3), as in Hoffmann et
al. 2022, unless another is chosen. `starts` and `solver` find its global optimum, `intervals`
draws, `certificate` collects the evidence, and `checks` finds what is wrong with it.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError, TooFewPoints, unknown

from .. import checks, laws
from ..clustering import AUTO, Clustering
from ..kept import kept
from ..laws import Law
from ..tables import OUTCOMES, ROLES, Table, checked, describe
from . import certificate, examined, intervals, profile, residuals
from .penalty import Penalty
from .penalty import named as penalty_named
from .problem import Problem, checked_bounds
from .result import Fit
from .starts import COUNT, search, spread

__all__ = ["fit"]

SPACES = ("log", "raw")
DELTA = 1e-3  # Huber's, for log residuals: Hoffmann et al. 2022
MOST = 1_000_000  # replicates
SIGMAS = 1.345  # delta in units of known noise: 95% as efficient as squares for normal noise


def fit(
    law: str | Law,
    table: Table | pd.DataFrame,
    *,
    penalty: str = "huber",
    delta: float | None = None,
    space: str | None = None,
    tie: Mapping[str, str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    drop_worst: int = 0,
    holdout: str = "",
    bootstrap: int = 400,
    seed: int = 0,
    level: float = 0.95,
    starts: int = COUNT,
    cluster: str = AUTO,
) -> Fit:
    """Fit the law to the table: global optimum, and intervals from `bootstrap` draws.

    `table` comes from `checked`, or is a frame whose columns are named by role (and "cluster").
    It may have the roles weight and noise, the known standard deviation of a row's residual.
    Intervals respect clusters of rows that share an error, and hold for few of them (`intervals`).

    penalty      "huber", "squares", or "asymmetric" (or "asymmetric:0.25"): see `penalty`
    delta        Huber's, for residuals: 1e-3, or 1.345 standard deviations if the noise is known
    space        "log" or "raw" residuals; None: the law's own
    tie          {"beta": "alpha"}: beta equals alpha
    bounds       {"alpha": (0.1, 1.0)} in the table's units; equal ends fix a parameter
    drop_worst   number of rows with the highest response to leave out
    holdout      a condition such as "C > 1e21": its rows are not fitted but predicted and scored
    starts       approximate number of starts
    cluster      for a frame: "auto", "none" or a column, as for `checked`

    Raises LabError if the table lacks what the law needs or has too few points, or if an option is
    out of range.
    """
    law = law if isinstance(law, Law) else laws.get(law)
    space = law.space if space is None else space
    if space not in SPACES:
        raise unknown("loss space", space, SPACES)
    if bootstrap > MOST:
        raise LabError(f"bootstrap is {bootstrap}; give {MOST} resampled tables at most")
    if bootstrap < 0 or not 0 < level < 1 or starts < 1 or drop_worst < 0:
        raise LabError(
            "a fit needs bootstrap >= 0, a level between 0 and 1, starts >= 1 and drop_worst >= 0"
        )
    table = table if isinstance(table, Table) else _table(table, law, space, cluster)
    variables = _variables(law, table)
    delta = (SIGMAS if "noise" in table.columns else DELTA) if delta is None else delta
    taken = penalty_named(penalty, delta)
    tie = dict(tie or {})
    whole, law = law, laws.tied(law, tuple(tie.items()))
    given = bounds or {}
    bounds = checked_bounds(law, given)
    table = table.positive() if space == "log" else table
    table, held = table.split(holdout) if holdout else (table, None)
    table = table.without_worst(drop_worst) if drop_worst else table
    problem = _problem(law, table, variables, space, bounds)
    residuals.check(problem)
    floors = _floors(problem) if problem.y.min() <= 0 else ()
    if floors:
        whole, law = laws.signed(whole, floors), laws.signed(law, floors)
        bounds = checked_bounds(law, given)
        problem = _problem(law, table, variables, space, bounds)
    if len(problem) <= problem.free:
        raise TooFewPoints(_too_few(law, problem, table))
    roles = dict(zip(law.variables, variables, strict=True))
    rows = table.frame["row"].to_numpy()
    clusters = table.frame["cluster"].to_numpy() if "cluster" in table.frame else None
    grouping = table.clustering
    asked = {"starts": starts, "bootstrap": bootstrap, "seed": seed}

    def key() -> list[Any]:
        points = [problem.x, problem.y, problem.weight, problem.noise, rows, clusters]
        points += [grouping.by, grouping.why]
        return ["fit", laws.identity(whole), tie, bounds, space, taken, roles, asked, points]

    def make() -> dict[str, Any]:
        return _solved(problem, taken, roles, rows, clusters, grouping, **asked)

    solved = kept(key, make) if laws.identity(whole) else make()
    theta, found = np.array(solved["theta"]), solved["certificate"]
    draws = problem.named(np.array(solved["draws"], "float64").reshape(-1, len(theta)))
    values = problem.named(theta)
    draws |= {name: draws[to] for name, to in tie.items()}
    params = {}
    for name in whole.parameters:
        own = tie.get(name, name)
        params[name] = intervals.parameter(
            problem, own, float(values[own]), draws[own], found, level
        )
    fitted = Fit(
        law=law,
        variables=variables,
        params=params,
        objective=solved["objective"],
        n=len(problem),
        settings={
            "penalty": penalty,
            "delta": delta,
            "numbers": [float(number) for number in taken],
            "space": space,
            "tie": tie,
            **({"signed": list(floors)} if floors else {}),
            "bounds": {name: list(ends) for name, ends in bounds.items()},
            "drop_worst": drop_worst,
            "starts": solved["starts"],
        },
        level=level,
        seed=seed,
        draws={name: draws[name] for name in whole.parameters},
        certificate=found,
        findings=[],
        columns=table.columns,
        left_out=table.left_out,
        source=table.source,
        where=table.where,
        versions=dict(_versions()),
        points=table.frame,
        problem=problem,
    )
    scored, apart = {}, None
    if held is not None:
        scored = examined.scored(fitted, held, holdout)
        unseen = _problem(law, held, variables, space, bounds)
        apart = examined.held_rows(unseen, theta, draws, roles, held, holdout)
    subject = examined.subject(problem, theta, roles, table, params, found, level, apart)
    return replace(fitted, findings=checks.of_fit(subject), holdout=scored)


def _solved(
    problem: Problem,
    penalty: Penalty,
    roles: Mapping[str, str],
    rows: np.ndarray,
    clusters: np.ndarray | None,
    grouping: Clustering,
    *,
    starts: int,
    bootstrap: int,
    seed: int,
) -> dict[str, Any]:
    """What takes the time, as JSON: the optimum, its certificate, and the draws.

    theta [parameters] and draws [replicates, parameters] are coordinates; `starts` is their number.
    """
    first = spread(problem, starts)
    optima = search(problem, penalty, first)
    theta, objective = optima.best()
    found = certificate.evidence(problem, roles, optima, penalty)
    _name_rows(found, rows)
    if problem.noise is not None:
        found["noise_ratio"] = float(np.sqrt(profile.scale(problem, penalty, theta)))
    drawn = intervals.draws(
        problem, penalty, optima, first, clusters, grouping, roles, count=bootstrap, seed=seed
    )
    return {
        "theta": theta.tolist(),
        "objective": float(objective),
        "certificate": found | drawn.certificate,
        "draws": drawn.theta.tolist(),
        "starts": len(first),
    }


def _table(frame: pd.DataFrame, law: Law, space: str, cluster: str) -> Table:
    wanted = [*(ROLES if law.variables == ("x",) else law.variables), *OUTCOMES]
    columns = {role: role for role in wanted if role in frame.columns}
    needed = [] if law.variables == ("x",) else law.variables
    if missing := [role for role in (*needed, "L") if role not in columns]:
        raise LabError(f"{law} needs the column {missing[-1]}; name the table's columns by role")
    if cluster == AUTO and "cluster" in frame.columns:
        cluster = "cluster"
    return checked(frame, columns, cluster=cluster, space=space)


def _variables(law: Law, table: Table) -> tuple[str, ...]:
    given = tuple(role for role in table.columns if role not in OUTCOMES)
    wanted = law.variables
    if wanted == ("x",):
        if len(given) != 1:
            raise LabError(
                f"{law} takes one variable and is given {', '.join(given) or 'none'}; "
                "give the table exactly one of N, D, C or another role"
            )
        wanted = given
    for role in (*wanted, "L"):
        if role not in table.columns:
            raise LabError(f"{law} needs the role {role}; say which column it is")
    return wanted


def _problem(
    law: Law,
    table: Table,
    variables: tuple[str, ...],
    space: str,
    bounds: Mapping[str, tuple[float, float]],
) -> Problem:
    frame = table.frame
    columns = {name: frame[name].to_numpy() for name in (*variables, "L")}
    x = {name: columns[role] for name, role in zip(law.variables, variables, strict=True)}
    known = {
        name: frame[name].to_numpy() if name in frame else None for name in ("weight", "noise")
    }
    return Problem(law, x, columns["L"], space, **known, bounds=bounds)


def _floors(problem: Problem) -> tuple[str, ...]:
    """The scales that add the same at every point."""
    if not problem.law.scales:
        return ()
    middle = problem.spread(np.full((1, len(problem.law.nonlinear)), 0.5))
    added, _ = residuals.basis(problem, middle)
    same = np.ptp(added[0], axis=0) == 0
    return tuple(name for name, one in zip(problem.law.scales, same, strict=True) if one)


def _name_rows(found: dict[str, Any], rows: np.ndarray) -> None:
    """Replace the certificate's indices of points by the table's row numbers."""
    found["outliers"]["rows"] = rows[found["outliers"].pop("points")].tolist()
    for one in found["influence"]:
        one["row"] = int(rows[one.pop("point")])


def _too_few(law: Law, problem: Problem, table: Table) -> str:
    needed, there = problem.free + 1, len(table)
    why = f"; left out: {describe(table.left_out)}" if len(table.left_out) else ""
    free = "parameters" if problem.free == len(law.parameters) else "free parameters"
    return (
        f"{law} has {needed - 1} {free} and needs {needed} points or more; "
        f"there {'is' if there == 1 else 'are'} {there}{why}"
    )


@functools.cache
def _versions() -> dict[str, str]:
    names = ("scaling-lab", "jax", "jaxlib", "numpy", "scipy", "pandas")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}
