"""Examined: a fit and its held-out rows as checks examine them, and the score of a hold-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..checks.subject import Fitted, Held
from ..tables import Table, describe
from . import intervals, residuals
from .parameter import Parameter
from .problem import Problem
from .result import Fit


def subject(
    problem: Problem,
    theta: np.ndarray,
    roles: Mapping[str, str],
    table: Table,
    params: Mapping[str, Parameter],
    found: Mapping[str, Any],
    level: float,
    held: Held | None,
) -> Fitted:
    """What the checks examine."""
    low, high = problem.box
    x = {roles[name]: values for name, values in problem.x.items()}
    labels = table.frame["cluster"].to_numpy() if "cluster" in table.frame else None
    clusters = intervals.members(x, labels, found["clustered_by"], table.clustering)
    known = np.arange(len(problem)) if labels is None else pd.factorize(labels)[0]
    return Fitted(
        law=problem.law,
        x=x,
        y=problem.y,
        space=problem.space,
        fitted=residuals.predict(problem.law, problem.named(theta), problem.x),
        residual=_off(problem, theta),
        jacobian=residuals.jacobian(problem, theta)[:, low < high],
        weights=problem.weights,
        noise=problem.noise,
        clusters=clusters,
        known=known,
        rows=table.frame["row"].to_numpy(),
        source=table.rows,
        columns=table.columns,
        params=params,
        bounds=problem.bounds,
        certificate=found,
        level=level,
        left_out=describe(table.left_out),
        held=held,
    )


def held_rows(
    problem: Problem,
    theta: np.ndarray,
    draws: Mapping[str, np.ndarray],
    roles: Mapping[str, str],
    table: Table,
    condition: str,
) -> Held:
    """The held-out rows, as checks examine them."""
    low, high = problem.box
    p = {name: draws[name][:, None] for name in problem.law.parameters}
    drawn = residuals.predict(problem.law, p, problem.x)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.log(drawn) if problem.space == "log" else drawn
    return Held(
        condition=condition,
        x={roles[name]: values for name, values in problem.x.items()},
        residual=_off(problem, theta),
        jacobian=residuals.jacobian(problem, theta)[:, low < high],
        draws=drawn,
        rows=table.frame["row"].to_numpy(),
    )


def scored(fitted: Fit, held: Table, condition: str) -> dict[str, Any]:
    """Errors on held-out rows: root mean square, bias (mean) and worst.

    `inside` is the share of rows in the band for new runs, at the fit's level; NaN without draws.
    """
    at = {role: held.frame[role].to_numpy() for role in fitted.variables}
    log, observed = fitted.settings["space"] == "log", held.frame["L"].to_numpy()
    drawn = fitted.certificate["replicates"] > 0
    center, low, high = fitted.predict(at, fitted.level, band="run" if drawn else "law")
    errors = np.log(center) - np.log(observed) if log else center - observed
    found = {
        "condition": condition,
        "n": len(observed),
        "rmsle" if log else "rmse": float(np.sqrt(np.mean(errors**2))),
        "bias": float(errors.mean()),
        "worst": float(np.abs(errors).max()),
    }
    if np.isfinite(low).all():
        inside = (low <= observed) & (observed <= high)
        found |= {"inside": float(inside.mean()), "level": fitted.level}
    return found


def _off(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """The response over the law as a logarithm, or minus the law [points]."""
    apart = -residuals.residuals(problem, theta)
    return apart if problem.noise is None else apart * problem.noise
