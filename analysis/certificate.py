"""Certificate: the evidence that a fit is the optimum and that data determine it; and warnings.

Levenberg-Marquardt that says "converged" is no evidence. Evidence is: the share of starts that
reached the same optimum, the slope left there, what another optimiser finds from elsewhere, how
the exponents move with delta and without the points that stand out, and what the table offers: how
many scales, over how many decades, whether N and D move together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from . import solver, uncertainty
from .laws import Exponent
from .solver import Optima, Problem

if TYPE_CHECKING:
    from .fitting import Parameter

SAME_SCALE = 1.1  # values within this factor of the least of them are one scale


def evidence(
    problem: Problem, roles: Mapping[str, str], optima: Optima, starts: np.ndarray, delta: float
) -> dict[str, Any]:
    """What can be said of the optimum before any resampling; JSON-able.

    `roles` maps the law's variables to the table's roles. `gradient` is the largest slope in the
    logarithms of the parameters, over the largest that the points could make (points x delta).
    `condition` is that of J'J of the log losses in those logarithms.
    """
    (theta,), (objective,) = optima.best()
    points = len(problem.y)
    slopes = solver.slopes(problem, theta, delta)
    reached = uncertainty.agrees(optima.objective, objective, points)
    singular = np.linalg.svd(slopes.jacobian, compute_uv=False)
    residuals = np.abs(_residuals(problem, theta))
    fewer = np.vstack([theta[None], starts[::4]])
    return {
        "starts": len(starts),
        "share_of_starts": float(reached.mean()),
        "gradient": float(np.abs(slopes.gradient).max() / (points * delta)),
        "independent": _independent(problem, theta, delta),
        "condition": float((singular[0] / max(singular[-1], 1e-16 * singular[0])) ** 2),
        "median_error": float(np.median(residuals)),
        "rms_error": float(np.sqrt(np.mean(residuals**2))),
        "delta": {
            f"{other:g}": _exponents(
                problem, solver.solve(problem, fewer, problem.weights()[None], other)
            )
            for other in (delta / 10, delta * 10)
        },
        "outliers": _outliers(problem, fewer, residuals, delta),
        "scales": {roles[name]: _scales(values) for name, values in problem.x.items()},
        "compute": _compute(problem),
        "together": _together(problem),
        "repeated": _repeated(problem),
    }


def warnings(
    problem: Problem, params: Mapping[str, Parameter], certificate: Mapping[str, Any]
) -> list[str]:
    """Why, in plain words, not to believe the fit, or how far; the gravest first."""
    law, points, found = problem.law, len(problem.y), certificate
    told = []
    if found["share_of_starts"] < 0.5:
        told.append(
            f"only {found['share_of_starts']:.0%} of {found['starts']} starts reached this "
            "optimum; there may be a better one"
        )
    if found["gradient"] > 1e-4:
        told.append(f"the slope at the optimum is {found['gradient']:.1g}, not 0: not converged")
    if found["independent"]["lower_by"] > 1e-6:
        told.append(
            f"{found['independent']['method']} found an objective lower by "
            f"{found['independent']['lower_by']:.1%}"
        )
    for role, scales in found["scales"].items():
        if scales["distinct"] < 3:
            told.append(f"{role} has {_count(scales['distinct'], 'scale')}; it takes three or more")
        elif scales["decades"] < 1:
            told.append(
                f"{role} spans {scales['decades']:.2g} decades; an exponent takes one or more"
            )
    if found["together"] > 0.999:
        axes = " and ".join(found["scales"])
        told.append(f"{axes} move together in this table, so their parts cannot be told apart")
    if points <= len(params) + 2:
        told.append(
            f"{points} points for {len(params)} parameters: little is left to judge the fit by"
        )
    told += _interval_warnings(problem, params, found)
    for name in law.nonlinear:
        value, kind = params[name].value, law.parameters[name]
        usual = not isinstance(kind, Exponent) or kind.low / 2 < value < kind.high * 2
        if name in law.exponents and not usual:
            told.append(
                f"{name} = {value:#.3g} is far from any exponent seen; the law may not apply"
            )
        at = {delta: exponents[name] for delta, exponents in found["delta"].items()}
        if max(abs(v - value) for v in at.values()) > max(
            _twice_se(params[name]), 0.05 * abs(value)
        ):
            shown = ", ".join(f"{v:#.3g} with delta {delta}" for delta, v in at.items())
            told.append(f"{name} depends on delta: {value:#.3g} here, {shown}")
        without = found["outliers"]["without"].get(name, value)
        if abs(without - value) > max(_twice_se(params[name]) / 2, 0.02 * abs(value)):
            rows = _count(found["outliers"]["count"], "point")
            told.append(
                f"{name} is {value:#.3g}, and {without:#.3g} without {rows} far off the curve"
            )
    if found["repeated"]:
        told.append(
            f"{_count(found['repeated'], 'row')} repeat another exactly; "
            "drop those that are no separate runs"
        )
    return told


def _interval_warnings(
    problem: Problem, params: Mapping[str, Parameter], found: Mapping[str, Any]
) -> list[str]:
    law, told = problem.law, []
    if not found["replicates"]:
        return ["no intervals: bootstrap is 0"]
    if found["clusters"] < 10:
        told.append(
            f"the intervals rest on {found['clusters']} independent points or clusters; "
            "ten or more make them sound"
        )
    if found["agreement"] < 0.9:
        told.append(
            f"in {1 - found['agreement']:.0%} of the resampled tables the starts disagree: "
            "the intervals hold the optimiser's scatter too"
        )
    for name, kind in law.parameters.items():
        low, high = params[name].low, params[name].high
        if name in law.exponents and high > 2 * low:
            told.append(f"{name} is poorly determined: {low:#.3g} to {high:#.3g}")
        is_floor = name in law.scales and not kind.variable  # type: ignore[union-attr]
        if is_floor and low < 0.01 * problem.y.min():
            told.append(f"the floor {name} cannot be told from 0 with these points")
    return told


def _residuals(problem: Problem, theta: np.ndarray) -> np.ndarray:
    found = solver.predict(problem.law, solver.parameters(problem, theta), problem.x)
    if problem.law.space == "raw":
        return found - problem.y
    return np.log(found) - np.log(problem.y)


def _independent(problem: Problem, theta: np.ndarray, delta: float) -> dict[str, Any]:
    """SciPy's trust-region Newton with the exact Hessian, from 5% beside the optimum."""
    aside = theta + 0.05 * (-1.0) ** np.arange(len(theta))

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        at = solver.slopes(problem, theta, delta)
        return float(at.objective), at.gradient

    found = optimize.minimize(
        objective,
        aside,
        jac=True,
        hess=lambda theta: solver.slopes(problem, theta, delta).hessian,
        method="trust-exact",
        options={"gtol": 1e-10, "maxiter": 200},
    )
    ours = objective(theta)[0]
    excess = (ours - found.fun) / (ours + len(problem.y) * 1e-15)
    return {
        "method": "SciPy trust-exact",
        "objective": float(found.fun),
        "lower_by": max(0.0, float(excess)),
    }


def _exponents(problem: Problem, optima: Optima) -> dict[str, float]:
    (theta,), _ = optima.best()
    p = solver.parameters(problem, theta)
    return {name: float(p[name]) for name in problem.law.nonlinear}


def _outliers(
    problem: Problem, starts: np.ndarray, residuals: np.ndarray, delta: float
) -> dict[str, Any]:
    """Points over six standard deviations off (judged by the median), and the fit without them."""
    # 1.4826 times the median of the sizes is the standard deviation of a normal sample.
    far = residuals > max(6 * 1.4826 * float(np.median(residuals)), 1e-6)
    without = {}
    if far.any() and len(problem.y) - far.sum() > len(problem.law.parameters):
        kept = problem.weights((~far).astype("float64"))[None]
        without = _exponents(problem, solver.solve(problem, starts, kept, delta))
    return {"count": int(far.sum()), "points": np.flatnonzero(far).tolist(), "without": without}


def _scales(values: np.ndarray) -> dict[str, float]:
    distinct, last = 0, 0.0
    for value in np.sort(values):
        if value > SAME_SCALE * last:
            distinct, last = distinct + 1, value
    low, high = float(values.min()), float(values.max())
    return {"distinct": distinct, "decades": float(np.log10(high / low)), "low": low, "high": high}


def _compute(problem: Problem) -> dict[str, float]:
    """The range of 6 N D over the points, in FLOP; nothing where the law has not both."""
    if not {"N", "D"} <= set(problem.x):
        return {}
    flop = 6.0 * problem.x["N"] * problem.x["D"]
    return {"low": float(flop.min()), "high": float(flop.max())}


def _together(problem: Problem) -> float:
    """Largest squared correlation of the logarithms of two variables."""
    logs = [np.log(values) for values in problem.x.values()]
    if len(logs) < 2 or min(np.ptp(log) for log in logs) == 0:
        return 0.0
    off_diagonal = np.triu(np.corrcoef(np.stack(logs)) ** 2, 1)
    return float(off_diagonal.max())


def _repeated(problem: Problem) -> int:
    rows = np.stack([*problem.x.values(), problem.y])
    return len(problem.y) - np.unique(rows, axis=1).shape[1]


def _twice_se(parameter: Parameter) -> float:
    return 2 * parameter.se if np.isfinite(parameter.se) else 0.0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
