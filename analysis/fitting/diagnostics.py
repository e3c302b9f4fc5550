"""Caveats: why, in plain words, not to believe a fit, or how far; the gravest first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..laws import Exponent
from .problem import Problem

if TYPE_CHECKING:
    from .parameter import Parameter

REPLICATES = 40  # below so many no end of a 95% interval has a draw beyond it


def caveats(
    problem: Problem, params: Mapping[str, Parameter], certificate: Mapping[str, Any]
) -> list[str]:
    """What a certificate and the intervals say against the fit; empty is good."""
    told = [*_of_the_search(certificate), *_of_the_table(problem, certificate)]
    told += _of_the_intervals(problem, params, certificate)
    for name in problem.law.nonlinear:
        told += _of_a_parameter(problem, name, params[name], certificate)
    if certificate["repeated"]:
        told.append(
            f"{_count(certificate['repeated'], 'row')} repeat another exactly; "
            "drop those that are no separate runs"
        )
    return told


def _of_the_search(found: Mapping[str, Any]) -> list[str]:
    told = []
    if found["share_of_starts"] < 0.5:
        told.append(
            f"only {found['share_of_starts']:.0%} of {found['starts']} starts reached this "
            "optimum; there may be a better one"
        )
    if found["gradient"] > 1e-3:
        told.append(f"the slope at the optimum is {found['gradient']:.1g}, not 0: not converged")
    if found["independent"]["lower_by"] > 1e-6:
        told.append(
            f"{found['independent']['method']} found an objective lower by "
            f"{found['independent']['lower_by']:.1%}"
        )
    return told


def _of_the_table(problem: Problem, found: Mapping[str, Any]) -> list[str]:
    told = []
    response = problem.law.response
    if problem.y.min() == problem.y.max():
        told.append(f"every {response} is {problem.y[0]:g}; there is nothing to explain")
    for role, scales in found["scales"].items():
        if scales["distinct"] < 3:
            told.append(f"{role} has {_count(scales['distinct'], 'scale')}; it takes three or more")
        elif scales["decades"] < 1:
            told.append(
                f"{role} spans {scales['decades']:.2g} decades; an exponent takes one or more"
            )
    if found["together"] > 0.999:
        axes = " and ".join(_pair(problem, list(found["scales"])))
        told.append(f"{axes} move together in this table, so their parts cannot be told apart")
    if found["condition"] > 1e12:
        told.append(
            f"the parameters cannot all be told apart with these points (condition number "
            f"{found['condition']:.0e})"
        )
    for role, trend in found["trends"].items():
        if abs(trend) > 0.7:
            told.append(
                f"what the law misses {'rises' if trend > 0 else 'falls'} with {role} (rank "
                f"correlation {trend:.2f}): the {response} does not depend on it in this way"
            )
    if len(problem) <= len(problem.law.parameters) + 2:
        told.append(
            f"{len(problem)} points for {problem.free} parameters: "
            "little is left to judge the fit by"
        )
    if found.get("noise_ratio", 1.0) > 2:
        told.append(
            f"the points scatter {found['noise_ratio']:.2g} times as far as the noise given; "
            "the law misses something, or the noise is more"
        )
    return told


def _of_the_intervals(
    problem: Problem, params: Mapping[str, Parameter], found: Mapping[str, Any]
) -> list[str]:
    law, told = problem.law, []
    if not found["replicates"]:
        return ["no intervals: bootstrap is 0"]
    if found["replicates"] < REPLICATES:
        told.append(
            f"the intervals rest on {_count(found['replicates'], 'resampled table')}; "
            f"{REPLICATES} or more make them sound"
        )
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
    for name in law.parameters:
        low, high = params[name].low, params[name].high
        if name in law.exponents and high > 2 * low and name not in problem.bounds:
            told.append(f"{name} is poorly determined: {low:#.3g} to {high:#.3g}")
        if name in found["floors"] and problem.y.min() > 0 and low < 0.01 * problem.y.min():
            told.append(f"the floor {name} cannot be told from 0 with these points")
    return told


def _of_a_parameter(
    problem: Problem, name: str, parameter: Parameter, found: Mapping[str, Any]
) -> list[str]:
    value, kind, told = parameter.value, problem.law.parameters[name], []
    if name in problem.bounds:
        if name in found["at_bounds"]:
            told.append(f"{name} = {value:#.3g} is held by the bound it was given")
    elif name in problem.law.exponents and isinstance(kind, Exponent):
        if not kind.low / 2 < value < kind.high * 2:
            told.append(
                f"{name} = {value:#.3g} is far from any exponent seen; the law may not apply"
            )
    elif name in found["at_bounds"]:
        told.append(f"{name} = {value:#.3g} ran out of the table's reach; the law may not apply")
    error = parameter.se if math.isfinite(parameter.se) else 0.0
    at = {delta: others[name] for delta, others in found["delta"].items()}
    if any(abs(v - value) > max(2 * error, 0.05 * abs(value)) for v in at.values()):
        shown = ", ".join(f"{v:#.3g} with delta {delta}" for delta, v in at.items())
        told.append(f"{name} depends on delta: {value:#.3g} here, {shown}")
    without = found["outliers"]["without"].get(name, value)
    if abs(without - value) > max(error, 0.02 * abs(value)):
        rows = _count(found["outliers"]["count"], "point")
        told.append(f"{name} is {value:#.3g}, and {without:#.3g} without {rows} far off the curve")
    for one in found["influence"]:
        if abs(one[name] - value) > max(2 * error, 0.05 * abs(value)):
            told.append(f"{name} is {value:#.3g}, and {one[name]:#.3g} without row {one['row']}")
            break
    return told


def _pair(problem: Problem, roles: list[str]) -> list[str]:
    """The two variables that move together most; there are two or more, and each varies."""
    alike = np.corrcoef(np.log(list(problem.x.values()))) ** 2
    first, second = np.unravel_index(np.argmax(np.triu(alike, 1)), alike.shape)
    return [roles[first], roles[second]]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
