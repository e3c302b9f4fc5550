"""Diagnostics: reasons to doubt a fit, as plain sentences, the most serious first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..laws import Exponent
from .parameter import Parameter
from .problem import Problem

REPLICATES = 40  # with fewer, no draw lies beyond an end of a 95% interval


def diagnostics(
    problem: Problem, params: Mapping[str, Parameter], certificate: Mapping[str, Any]
) -> list[str]:
    """The warnings that follow from the certificate and the intervals; empty if there are none."""
    warnings = [*_of_the_search(certificate), *_of_the_table(problem, certificate)]
    warnings += _of_the_intervals(problem, params, certificate)
    for name in problem.law.nonlinear:
        warnings += _of_a_parameter(problem, name, params[name], certificate)
    if certificate["repeated"]:
        warnings.append(
            f"{_count(certificate['repeated'], 'row')} repeat another exactly; "
            "drop those that are not separate runs"
        )
    return warnings


def _of_the_search(found: Mapping[str, Any]) -> list[str]:
    warnings = []
    if found["share_of_starts"] < 0.5:
        warnings.append(
            f"only {found['share_of_starts']:.0%} of {found['starts']} starts reached this "
            "optimum; there may be a better one"
        )
    if found["gradient"] > 1e-3:
        warnings.append(
            f"not converged: the gradient at the optimum is {found['gradient']:.1g}, not 0"
        )
    if found["independent"]["lower_by"] > 1e-6:
        warnings.append(
            f"{found['independent']['method']} found an objective lower by "
            f"{found['independent']['lower_by']:.1%}"
        )
    return warnings


def _of_the_table(problem: Problem, found: Mapping[str, Any]) -> list[str]:
    warnings = []
    response = problem.law.response
    if problem.y.min() == problem.y.max():
        warnings.append(f"every {response} is {problem.y[0]:g}; there is nothing to explain")
    for role, scales in found["scales"].items():
        if scales["distinct"] < 3:
            warnings.append(
                f"{role} has {_count(scales['distinct'], 'scale')}; a law needs three or more"
            )
        elif scales["decades"] < 1:
            warnings.append(
                f"{role} spans {scales['decades']:.2g} decades; an exponent needs one or more"
            )
    if found["together"] > 0.999:
        axes = " and ".join(_pair(problem, list(found["scales"])))
        warnings.append(f"{axes} move together in this table, so their terms cannot be separated")
    if found["condition"] > 1e12:
        warnings.append(
            f"these points do not determine all parameters separately (condition number "
            f"{found['condition']:.0e})"
        )
    for role, trend in found["trends"].items():
        if abs(trend) > 0.7:
            warnings.append(
                f"the residual {'rises' if trend > 0 else 'falls'} with {role} (rank "
                f"correlation {trend:.2f}): the {response} does not depend on it in this way"
            )
    if len(problem) <= len(problem.law.parameters) + 2:
        warnings.append(
            f"{len(problem)} points for {problem.free} parameters: "
            "too few are left over to test the fit"
        )
    if found.get("noise_ratio", 1.0) > 2:
        warnings.append(
            f"the points scatter {found['noise_ratio']:.2g} times as much as the given noise; "
            "the law misses something, or the noise is larger"
        )
    return warnings


def _of_the_intervals(
    problem: Problem, params: Mapping[str, Parameter], found: Mapping[str, Any]
) -> list[str]:
    law, warnings = problem.law, []
    if not found["replicates"]:
        return ["no intervals: bootstrap is 0"]
    if found["replicates"] < REPLICATES:
        warnings.append(
            f"the intervals rest on {_count(found['replicates'], 'resampled table')}; "
            f"use {REPLICATES} or more"
        )
    if found["clusters"] < 10:
        warnings.append(
            f"the intervals rest on {found['clusters']} independent points or clusters; "
            "they need ten or more to be reliable"
        )
    if found["agreement"] < 0.9:
        warnings.append(
            f"in {1 - found['agreement']:.0%} of the resampled tables the starts disagree: "
            "the intervals include the optimiser's own scatter"
        )
    for name in law.parameters:
        low, high = params[name].low, params[name].high
        if name in law.exponents and high > 2 * low and name not in problem.bounds:
            warnings.append(f"{name} is poorly determined: {low:#.3g} to {high:#.3g}")
        if name in found["floors"] and problem.y.min() > 0 and low < 0.01 * problem.y.min():
            warnings.append(f"these points cannot tell the floor {name} from 0")
    return warnings


def _of_a_parameter(
    problem: Problem, name: str, parameter: Parameter, found: Mapping[str, Any]
) -> list[str]:
    value, kind, warnings = parameter.value, problem.law.parameters[name], []
    if name in problem.bounds:
        if name in found["at_bounds"]:
            warnings.append(f"{name} = {value:#.3g} is at the bound it was given")
    elif name in problem.law.exponents and isinstance(kind, Exponent):
        if not kind.low / 2 < value < kind.high * 2:
            warnings.append(
                f"{name} = {value:#.3g} is far from any exponent seen; the law may not apply"
            )
    elif name in found["at_bounds"]:
        warnings.append(f"{name} = {value:#.3g} left the table's range; the law may not apply")
    error = parameter.se if math.isfinite(parameter.se) else 0.0
    at = {delta: others[name] for delta, others in found["delta"].items()}
    if any(abs(v - value) > max(2 * error, 0.05 * abs(value)) for v in at.values()):
        shown = ", ".join(f"{v:#.3g} with delta {delta}" for delta, v in at.items())
        warnings.append(f"{name} depends on delta: {value:#.3g} here, {shown}")
    without = found["outliers"]["without"].get(name, value)
    if abs(without - value) > max(error, 0.02 * abs(value)):
        rows = _count(found["outliers"]["count"], "point")
        warnings.append(
            f"{name} is {value:#.3g}, and {without:#.3g} without {rows} far off the curve"
        )
    for one in found["influence"]:
        if abs(one[name] - value) > max(2 * error, 0.05 * abs(value)):
            warnings.append(
                f"{name} is {value:#.3g}, and {one[name]:#.3g} without row {one['row']}"
            )
            break
    return warnings


def _pair(problem: Problem, roles: list[str]) -> list[str]:
    """The two variables that move together most; there are at least two, and each varies."""
    alike = np.corrcoef(np.log(list(problem.x.values()))) ** 2
    first, second = np.unravel_index(np.argmax(np.triu(alike, 1)), alike.shape)
    return [roles[first], roles[second]]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
