"""Certificate: the evidence that a fit is the optimum, and that the data determine it.

A report of convergence is not evidence. The certificate records what is: the share of starts that
reached the same optimum, the gradient that remains there, what an independent optimiser finds from
nearby, how the parameters change with delta and without the most influential points, and what the
table covers: how many scales, over how many decades, and whether N and D vary together.
`analysis/checks` turns it into findings.

`judge_parameters` compares any parameters with the optimum: published ones, or those at which an
optimiser with default tolerances stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize

from scaling_lab.errors import LabError

from . import bootstrap, influence, residuals
from .penalty import Penalty
from .problem import Problem
from .result import Fit
from .solver import Optima

SAME_SCALE = 1.1  # values within this factor of the smallest of a group are one scale
CONVERGED = 1e-3  # a relative offset below this is convergence (Bates & Watts 1981)
AGREES = 1e-9  # relative difference of objectives at one optimum
VANISHED = 1e-9  # share of the response at which a scale adds nothing
RESTARTS = 2  # BFGS stops early where the penalty has kinks
REACHED = 1e-3  # an objective within this share of the optimum's is at the optimum


class Judgement(NamedTuple):
    """How a parameter vector compares with the optimum.

    excess     its objective over the optimum's, minus one
    gradient   as in a certificate (`evidence`)
    apart      name -> distance from the optimum in standard errors (NaN without a bootstrap)
    verdict    in words
    """

    objective: float
    excess: float
    gradient: float
    apart: dict[str, float]
    verdict: str


def evidence(
    problem: Problem, roles: Mapping[str, str], optima: Optima, penalty: Penalty
) -> dict[str, Any]:
    """The certificate, without the part that the bootstrap adds, as JSON-able values.

    `roles` maps the law's variables to the table's roles. `gradient` is the relative offset
    (`_gradient`): 0 at an optimum, 1 at most. `condition` is the condition number of J'J, where J
    is the Jacobian of the residuals with each column scaled to norm one.
    """
    theta, objective = optima.best()
    reached = bootstrap.agrees(optima.objective, objective, len(problem))
    sizes = np.abs(residuals.residuals(problem, theta))
    jacobian = residuals.jacobian(problem, theta)
    low, high = problem.box
    return {
        "starts": len(optima.objective),
        "share_of_starts": float(reached.mean()),
        "gradient": _gradient(problem, theta, penalty),
        "independent": _independent(problem, theta, penalty),
        "condition": _condition(jacobian[:, low < high]),
        "at_bounds": _at_bounds(problem, theta),
        "median_error": float(np.median(sizes)),
        "rms_error": float(np.sqrt(np.mean(sizes**2))),
        **influence.influence(problem, penalty, optima),
        "scales": {roles[name]: _scales(values) for name, values in problem.x.items()},
        "compute": _compute(problem),
        "floors": floors(problem, theta),
        "trends": _trends(problem, roles, theta),
        "together": _together(problem),
        "repeated": _repeated(problem),
    }


def judge_parameters(fit: Fit, params: Mapping[str, float]) -> Judgement:
    """Compare parameters, in the table's units, with the global optimum for the fit's points.

    Raises LabError if the fit has no points (it came from a card) or a parameter is missing.
    """
    if fit.problem is None:
        raise LabError("this fit came from a card and has no points; fit the table again")
    problem = fit.problem
    if missing := [name for name in problem.law.parameters if name not in params]:
        raise LabError(
            f"{fit.law} needs {', '.join(problem.law.parameters)}; give {missing[0]} too"
        )
    theta = problem.coordinates(np.array([float(params[name]) for name in problem.law.parameters]))
    objective = float(_evaluated(problem, theta, fit.penalty).objective[0])
    gradient = _gradient(problem, theta, fit.penalty)
    apart = {name: (params[name] - fit.params[name].value) / fit.params[name].se for name in params}
    if not np.isfinite(objective):
        return Judgement(objective, np.inf, np.nan, apart, "the law is not finite at these points")
    excess = objective / max(fit.objective, 1e-300) - 1
    if excess <= REACHED:
        verdict = (
            "at the optimum" if gradient < CONVERGED else "near the optimum, but not converged"
        )
    else:
        why = "the gradient is not 0" if gradient > CONVERGED else "another optimum is lower"
        far = max(apart, key=lambda name: abs(apart[name]) if np.isfinite(apart[name]) else -1)
        verdict = f"not the optimum: the objective is {excess:.2%} above the minimum and {why}"
        if abs(apart[far]) > 0.5:
            verdict += (
                f"; {far} = {params[far]:.4g} is {abs(apart[far]):.1f} standard errors "
                f"from {fit.params[far].value:.4g}"
            )
    return Judgement(objective, float(excess), gradient, apart, verdict)


def _evaluated(problem: Problem, theta: np.ndarray, penalty: Penalty) -> residuals.Slopes:
    ones, row = np.ones((1, len(problem))), np.zeros(1, dtype=int)
    return residuals.evaluate(problem, theta[None], ones, row, penalty, 1.0)


def _gradient(problem: Problem, theta: np.ndarray, penalty: Penalty) -> float:
    """The gradient that remains in the directions free to move in the box, as a relative offset.

    The square root of a ratio: the decrease that a Newton step predicts, over the objective. For
    squares it is the cosine of the angle between the residuals and the tangent space of the law
    (Bates & Watts 1981). It is dimensionless, and negligible beside the intervals below 1e-3.
    """
    at = _evaluated(problem, theta, penalty)
    slope, curvature = at.gradient[0], at.curvature[0]
    low, high = problem.box
    shut = (low >= high) | ((theta <= low) & (slope > 0)) | ((theta >= high) & (slope < 0))
    shut |= _vanished(problem, theta) & (slope >= 0)
    own = np.sqrt(np.maximum(np.diag(curvature), 1e-300))
    slope = np.where(shut, 0, slope) / own
    steps = np.linalg.pinv(curvature / np.outer(own, own), rcond=1e-13, hermitian=True)
    rounding = len(problem) * (1e-12 * (1.0 if problem.space == "log" else problem.level)) ** 2
    return float(np.sqrt(max(slope @ steps @ slope, 0) / (2 * at.objective[0] + rounding)))


def _vanished(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """The scales that the points push to 0, such as a floor below none [parameters].

    Their coordinate is a logarithm without end: nothing moves there, and less would be no better.
    """
    size = np.abs(residuals.jacobian(problem, theta)).max(axis=0)
    unit = 1.0 if problem.space == "log" or problem.noise is not None else problem.level
    return problem.scales & (size < VANISHED * unit)


def _independent(problem: Problem, theta: np.ndarray, penalty: Penalty) -> dict[str, Any]:
    """SciPy's BFGS, started 5% away from the optimum in units of the curvature there.

    `agrees` says that it came back to the optimum, and `converged` that it found some minimum: one
    that stopped on the way is no evidence.
    """
    low, high = problem.box
    free = (low < high) & ~_vanished(problem, theta)
    at = _evaluated(problem, theta, penalty)
    least = float(at.objective[0])
    unit = max(least, len(problem) * 1e-30)
    bend = np.sqrt(np.maximum(np.diag(at.curvature[0]) / unit, 1e-300))
    across = np.linalg.cholesky(_regular(at.curvature[0] / unit / np.outer(bend, bend)))
    back = np.linalg.inv(across.T) / bend[:, None] * free[:, None]

    def objective(z: np.ndarray) -> tuple[float, np.ndarray]:
        found = _evaluated(problem, np.clip(theta + back @ z, low, high), penalty)
        value = float(found.objective[0]) / unit
        return (value, back.T @ found.gradient[0] / unit) if value < 1e30 else (1e30, 0 * z)

    first = across.T @ (bend * 0.05 * (-1.0) ** np.arange(len(theta)))

    def descended(first: np.ndarray) -> Any:
        with np.errstate(all="ignore"):
            return optimize.minimize(objective, first, jac=True, method="BFGS")

    def agrees() -> bool:
        return abs(found.fun * unit - least) <= AGREES * least + len(problem) * 1e-24

    found = descended(first)
    for _ in range(RESTARTS):
        if found.status == 0 or agrees():
            break
        found = descended(found.x)  # with a new guess of the curvature it may get further
    excess = (least - found.fun * unit) / (least + len(problem) * 1e-15)
    return {
        "method": "SciPy BFGS",
        "objective": float(found.fun * unit),
        "lower_by": max(0.0, float(excess)),
        "converged": bool(found.status == 0 or agrees()),
        "agrees": bool(agrees()),
    }


def _regular(matrix: np.ndarray) -> np.ndarray:
    """The curvature, regularised so that it can be factored if a direction is undetermined."""
    return matrix + 1e-10 * np.trace(matrix) * np.eye(len(matrix)) + 1e-300 * np.eye(len(matrix))


def _condition(jacobian: np.ndarray) -> float:
    norms = np.linalg.norm(jacobian, axis=0)
    if not len(norms) or not norms.all():
        return 1e32
    singular = np.linalg.svd(jacobian / norms, compute_uv=False)
    return float((singular[0] / max(singular[-1], 1e-16 * singular[0])) ** 2)


def _at_bounds(problem: Problem, theta: np.ndarray) -> list[str]:
    """Free parameters that ended at a bound of the box (a scale of 0 is at none)."""
    low, high = problem.box
    near = 1e-6 * np.maximum(np.abs(theta), 1)
    at = (low < high) & ((theta <= low + near) | (theta >= high - near))
    return [name for name, there in zip(problem.law.parameters, at, strict=True) if there]


def _scales(values: np.ndarray) -> dict[str, float]:
    distinct, last = 0, 0.0
    for value in np.unique(values):
        if value > SAME_SCALE * last:
            distinct, last = distinct + 1, value
    low, high = float(values.min()), float(values.max())
    return {"distinct": distinct, "decades": float(np.log10(high / low)), "low": low, "high": high}


def _compute(problem: Problem) -> dict[str, float]:
    """The range of 6 N D over the points, in FLOP; empty unless the law has both."""
    if not {"N", "D"} <= set(problem.x):
        return {}
    flop = 6.0 * problem.x["N"] * problem.x["D"]
    return {"low": float(flop.min()), "high": float(flop.max())}


def floors(problem: Problem, theta: np.ndarray) -> list[str]:
    """The scales whose contribution is the same at every point."""
    if not problem.law.scales:
        return []
    added, _ = residuals.basis(problem, problem.values(theta)[None, ~problem.scales])
    same = np.ptp(added[0], axis=0) == 0
    return [name for name, is_floor in zip(problem.law.scales, same, strict=True) if is_floor]


def _trends(problem: Problem, roles: Mapping[str, str], theta: np.ndarray) -> dict[str, float]:
    """Rank correlation of the residuals (response over law) with each variable."""
    residual = -residuals.residuals(problem, theta)
    if np.median(np.abs(residual)) < 1e-9 or len(problem) < 6:
        return {}
    found = {}
    for name, values in problem.x.items():
        if np.ptp(values) > 0 and np.ptp(residual) > 0:
            ranks = pd.DataFrame({"x": values, "residual": residual}).rank().to_numpy()
            found[roles[name]] = float(np.corrcoef(ranks.T)[0, 1])
    return found


def _together(problem: Problem) -> float:
    """Largest squared correlation of the logarithms of two variables."""
    logs = [np.log(values) for values in problem.x.values()]
    if len(logs) < 2 or min(np.ptp(log) for log in logs) == 0:
        return 0.0
    off_diagonal = np.triu(np.corrcoef(np.stack(logs)) ** 2, 1)
    return float(off_diagonal.max())


def _repeated(problem: Problem) -> int:
    return int(pd.DataFrame(dict(problem.x) | {"L": problem.y}).duplicated().sum())
