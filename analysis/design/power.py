"""Power: how likely the planned runs are to decide a claim about a law.

Tables that the design may give are drawn and fitted (`tables_ahead`), and each gets the interval
and the word that the claim's evaluation would give it. The share of tables that are held or refuted
is P(decided). The line of the gate that asks for the same word with and without a floor is examined
on each table as well; the others either follow from the grid, or fail for good runs at the rate of
their tests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ..checks.lack_of_fit import CELLS
from ..claims import contrast, ratio
from ..claims.gate.requirements import of_claim
from ..claims.verdict import HELD, REFUTED, in_range
from ..fitting import certificate, floor
from ..fitting.parameter import Parameter
from ..fitting.problem import Problem
from .tables_ahead import TABLES, Noise, Tables, ends

DECIDED = (HELD, REFUTED)
LACK_OF_FIT = 0.01  # p-value of its tests together (checks.thresholds)
TESTS = 4  # of lack of fit, of one variable: by level, smooth terms, runs, and pure error


@dataclass(frozen=True)
class Side:
    """One fit of a claim: cells, parameter vectors that are thought possible, and the noise.

    problem    one point a cell, of the claim's law; its response sets the level
    seeds      runs in each cell [cells]
    theta      [vectors, parameters]
    noise      of each parameter vector
    deviation  of log responses from the law, for each parameter vector [vectors, cells], or 0
    """

    problem: Problem
    seeds: np.ndarray
    theta: np.ndarray
    noise: Noise
    deviation: np.ndarray | float = 0.0


@dataclass(frozen=True)
class Power:
    """P(decided), and the median half-width of the interval; infinite if most are open."""

    decided: float
    half_width: float


def of_law(
    claim: Mapping[str, Any], sides: Sequence[Side], seed: int = 0, tables: int = TABLES
) -> Power:
    """The power of a claim about a law's parameter, or a value that it predicts.

    sides: one, or two for a ratio or a difference of parameters. tables: how many are drawn.
    """
    made = [
        Tables.drawn(
            side.problem, side.seeds, side.theta, side.noise, tables, seed + i, side.deviation
        )
        for i, side in enumerate(sides)
    ]
    found = [_ends(claim, t, t.problem, t.theta) for t in made]
    if len(made) == 1:
        every = [(one.low, one.high) for one in found[0]]
    else:
        every = [_joined(claim, one, other) for one, other in zip(*found, strict=True)]
    words = np.array([in_range(claim, one)[0] for one in every])
    passed = np.isin(words, DECIDED)
    for one in made:
        passed &= _fits(one)
    if len(made) == 1 and passed.any():
        passed[passed] = _floor_passes(claim, made[0].part(passed), words[passed])
    half = float(np.median([(high - low) / 2 for low, high in every]))
    return Power(float(passed.mean()), half)


def _ends(
    claim: Mapping[str, Any], tables: Tables, problem: Problem, theta: np.ndarray
) -> list[Parameter]:
    draws = tables.draws(problem, theta)
    return ends(problem, theta, draws, claim["parameter"], claim.get("at") or {})


def _joined(claim: Mapping[str, Any], one: Parameter, other: Parameter) -> tuple[float, float]:
    """The interval of a difference or a ratio, as the claim's kind joins those of two fits."""
    if claim["kind"] == "difference":
        return contrast.mover(one, other)[1]
    _, (low, high) = contrast.mover(*map(ratio.logarithm, (one, other)))
    return (math.exp(low) if low > -700 else 0.0, math.exp(high) if high < 700 else math.inf)


def _fits(tables: Tables) -> np.ndarray:
    """Whether each table passes the gate's line about lack of fit [tables].

    Cells that share an error fail the test of pure error, unless they are many (`checks`).
    """
    freedom, repeated = len(tables.seeds) - tables.problem.free, int(np.sum(tables.seeds - 1))
    if freedom < 1 or freedom >= CELLS or not repeated:
        return np.ones(len(tables.theta), dtype=bool)
    between = np.sum(tables.residual(tables.problem, tables.theta) ** 2 * tables.seeds, axis=1)
    ratio = between / freedom / (tables.within / repeated)
    return TESTS * stats.f.sf(ratio, freedom, repeated) >= LACK_OF_FIT


def _floor_passes(claim: Mapping[str, Any], tables: Tables, words: np.ndarray) -> np.ndarray:
    """Whether each table passes the gate's line about floors [tables]."""
    floors = certificate.floors(tables.problem, tables.theta[0])
    to = floor.sibling_of(tables.problem.law, tuple(floors))
    if to is None:
        return np.ones(len(words), dtype=bool)
    law, has_floor = to
    other = Problem(law, tables.problem.x, tables.problem.y)
    theta = tables.searched(other)
    with_, without = (other, tables.problem) if has_floor else (tables.problem, other)
    at = (theta, tables.theta) if has_floor else (tables.theta, theta)
    gain = _aicc(tables, without, at[1]) - _aicc(tables, with_, at[0])
    errors, apart = _forecasts(tables, (with_, without), at), of_claim(claim).aicc
    passed = (gain <= -apart) & (errors[1] <= (1 + floor.TIE) * errors[0])
    if not has_floor:
        passed = (gain >= apart) & (errors[0] < errors[1])
    if not passed.all():
        left = ~passed
        found = _ends(claim, tables.part(left), other, theta[left])
        passed[left] = [
            in_range(claim, (one.low, one.high))[0] == word
            for one, word in zip(found, words[left], strict=True)
        ]
    return passed


def _aicc(tables: Tables, problem: Problem, theta: np.ndarray) -> np.ndarray:
    """AICc of each table's fit to its rows [tables]."""
    count, k = int(tables.seeds.sum()), problem.free + 1
    if count <= k + 1:
        return np.full(len(theta), np.inf)
    between = np.sum(tables.residual(problem, theta) ** 2 * tables.seeds, axis=1)
    scatter = (between + tables.within) / count
    return count * np.log(scatter) + 2 * k + 2 * k * (k + 1) / (count - k - 1)


def _forecasts(
    tables: Tables, problems: tuple[Problem, Problem], theta: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Errors of both laws at the highest levels of their axis [2, tables]; NaN for several axes."""
    nothing = np.full((2, len(tables.theta)), np.nan)
    x = tables.problem.x
    if len(x) > 1:
        return nothing
    levels = floor.levels(next(iter(x.values())))
    found = []
    for count in floor.HELD:
        below = levels <= levels.max() - count
        if len(np.unique(levels[below])) >= max(one.free for one in problems):
            fits = [tables.fitted(one, at, below) for one, at in zip(problems, theta, strict=True)]
            # Rows about the mean of a cell add the same to both.
            apart = [
                tables.residual(one, fit)[:, ~below]
                for one, fit in zip(problems, fits, strict=True)
            ]
            found.append([np.mean(one**2, axis=1) for one in apart])
    return np.sqrt(np.mean(found, axis=0)) if found else nothing
