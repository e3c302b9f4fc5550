"""Tables ahead: tables that a design may give, and their fits, thousands at once.

For each parameter vector that is thought possible, tables are drawn, fitted, and given intervals by
the method of `fitting.confidence`, which small tables get: the draws of a table start from its own
residuals, so that intervals are as wide, and as uncertain, as those of the fit to come. All tables
are lanes of one call of the solver.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..fitting import confidence, intervals, residuals, starts
from ..fitting.mixing import Mixing
from ..fitting.parameter import Parameter, interval
from ..fitting.problem import Problem

TABLES, DRAWS = 128, 64  # tables in all, draws a table
MOST = 6_000_000  # draws x cells of all tables
LEVEL = 0.95
STARTS = 6
TOLERANCE = 1e-4  # of a fit, relative to its objective
CERTIFICATE = {"replicates": DRAWS, "method": "confidence", "ends": {}}


@dataclass(frozen=True)
class Noise:
    """Standard deviations of a log response: of a run about its cell, and of the cell.

    Numbers, or arrays with a value for each parameter vector.
    """

    run: np.ndarray | float
    cell: np.ndarray | float = 0.0

    def variance(self, seeds: np.ndarray) -> np.ndarray:
        """Of the mean of each cell [vectors, cells], or [1, cells]."""
        run, cell = np.atleast_1d(self.run)[:, None], np.atleast_1d(self.cell)[:, None]
        return cell**2 + run**2 / seeds


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables of one design and their fits.

    problem    one point a cell; its response is that of the first parameter vector
    seeds      runs in each cell [cells]
    truth      the parameter vector behind each table [tables, parameters]
    target     mean log response of each cell [tables, cells]
    within     sum of squares about the means of cells [tables]
    theta      the fits [tables, parameters]
    """

    problem: Problem
    seeds: np.ndarray
    truth: np.ndarray
    target: np.ndarray
    within: np.ndarray
    theta: np.ndarray
    seed: int

    @classmethod
    def drawn(
        cls,
        problem: Problem,
        seeds: np.ndarray,
        theta: np.ndarray,
        noise: Noise,
        tables: int = TABLES,
        seed: int = 0,
        deviation: np.ndarray | float = 0.0,
    ) -> Tables:
        """About so many tables, equally many of each theta [vectors, parameters].

        deviation: of log responses from the law [vectors, cells]
        """
        random = np.random.default_rng(seed)
        most = MOST // (DRAWS * len(problem))
        repeats = max(1, min(tables, most) // len(theta))
        truth = np.repeat(theta, repeats, axis=0)
        run = np.repeat(np.broadcast_to(noise.run, len(theta)), repeats)
        shape = (len(theta), len(seeds))
        error, off = (
            np.repeat(np.broadcast_to(part, shape), repeats, axis=0)
            for part in (np.sqrt(noise.variance(seeds)), deviation)
        )
        expected = response(problem, truth) + off
        target = expected + error * random.standard_normal(error.shape)
        freedom = int(np.sum(seeds - 1))
        within = run**2 * (random.chisquare(freedom, len(truth)) if freedom else 0.0)
        found = cls(problem, seeds, truth, target, within, truth, seed)
        return dataclasses.replace(found, theta=found.fitted(problem, truth))

    def fitted(
        self, problem: Problem, first: np.ndarray, cells: np.ndarray | None = None
    ) -> np.ndarray:
        """The least-squares fits of a law to all tables, or to some of their cells.

        first: where each starts [tables, parameters].
        """
        at = np.arange(len(self.seeds)) if cells is None else np.flatnonzero(cells)
        ready, unit = whitened(problem, self.seeds, at)
        shift = (self.target[:, at] - np.log(problem.y[at])) / unit
        return _solved(ready, first, shift)

    def searched(self, problem: Problem) -> np.ndarray:
        """The same for a law without a guess of its parameters: the best of a few starts."""
        ready, unit = whitened(problem, self.seeds, np.arange(len(self.seeds)))
        shift = (self.target - np.log(problem.y)) / unit
        first = starts.spread(problem, STARTS)
        count = len(shift)
        many = np.repeat(shift, len(first), axis=0)
        theta = _solved(ready, np.tile(first, (count, 1)), many)
        theta = theta.reshape(count, len(first), -1)
        apart = self.residual(problem, theta.swapaxes(0, 1)) / unit
        best = np.argmin(np.nan_to_num(np.sum(apart**2, axis=2), nan=np.inf), axis=0)
        return theta[np.arange(count), best]

    def residual(self, problem: Problem, theta: np.ndarray) -> np.ndarray:
        """Mean log response less the law [..., tables, cells]."""
        return self.target - response(problem, theta)

    def part(self, tables: np.ndarray) -> Tables:
        """Some of the tables."""
        names = ("truth", "target", "within", "theta")
        return dataclasses.replace(self, **{name: getattr(self, name)[tables] for name in names})

    def draws(self, problem: Problem, theta: np.ndarray) -> np.ndarray:
        """What each fit would be of another table like its own [tables, DRAWS, parameters].

        Without a degree of freedom there are none: [tables, 0, parameters].
        """
        freedom = len(self.seeds) - problem.free
        if freedom < 1:
            return np.empty((len(theta), 0, theta.shape[1]))
        random = np.random.default_rng(self.seed + 1)
        size = 1 / np.mean(1 / self.seeds)
        left = np.sum(self.residual(problem, theta) ** 2 * self.seeds, axis=1) / size
        both = left[:, None] / random.chisquare(freedom, (len(theta), DRAWS))
        repeated = int(np.sum(self.seeds - 1))
        own = np.zeros_like(both)
        if repeated:
            own = self.within[:, None] / random.chisquare(repeated, both.shape)
        cell = np.maximum(both - own / size, 0.0) if repeated else np.zeros_like(both)
        own = own if repeated else both * size
        scale = np.sqrt(cell[..., None] + own[..., None] / self.seeds)
        error = scale * random.standard_normal(scale.shape)
        ready, unit = whitened(problem, self.seeds, np.arange(len(self.seeds)))
        centre = response(problem, theta) - np.log(problem.y)
        shift = (centre[:, None] + error) / unit
        flat = shift.reshape(-1, shift.shape[-1])
        found = _solved(ready, np.repeat(theta, DRAWS, axis=0), flat)
        return found.reshape(*both.shape, -1)


def ends(
    problem: Problem, theta: np.ndarray, draws: np.ndarray, name: str, at: Mapping[str, float]
) -> list[Parameter]:
    """Each fit's estimate and interval: of a parameter, or without a name of the value at a point.

    theta [tables, parameters], draws [tables, draws, parameters]
    """
    if name:
        index = list(problem.law.parameters).index(name)
        values, drawn = problem.values(theta)[:, index], problem.values(draws)[:, :, index]
        return [
            intervals.parameter(problem, name, float(value), some, CERTIFICATE, LEVEL)
            for value, some in zip(values, drawn, strict=True)
        ]
    values = value_at(problem, theta, at)
    if not draws.shape[1]:
        return [Parameter(float(value), 0.0, np.inf, np.nan) for value in values]
    low, high = interval(value_at(problem, draws, at).T, LEVEL)
    return [
        Parameter(float(v), float(a), float(b), np.nan)
        for v, a, b in zip(values, low, high, strict=True)
    ]


def value_at(problem: Problem, theta: np.ndarray, at: Mapping[str, float]) -> np.ndarray:
    """The law's response at a point, for coordinates theta [..., parameters]; [...]."""
    names = problem.law.variables
    # A law of one variable calls it x, whatever the claim's column is.
    values = at.values() if names == ("x",) else (at[name] for name in names)
    point = {name: np.array([float(value)]) for name, value in zip(names, values, strict=False)}
    p = {name: value[..., None] for name, value in problem.named(theta).items()}
    return residuals.predict(problem.law, p, point)[..., 0]


def response(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """The law's log response at coordinates theta [..., parameters]; [..., cells]."""
    return residuals.residuals(problem, theta) + np.log(problem.y)


def _solved(ready: Problem, first: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return confidence.least(ready, first.copy(), shift, tolerance=TOLERANCE).theta


def whitened(problem: Problem, seeds: np.ndarray, at: np.ndarray) -> tuple[Problem, np.ndarray]:
    """Cells weighted by their runs, for the solver, and the unit of each residual."""
    unit = np.sqrt(1 / seeds[at])
    nothing = np.zeros((1, len(at)))
    mixing = Mixing(np.arange(len(at)), np.zeros(len(at)), nothing)
    some = {name: values[at] for name, values in problem.x.items()}
    return problem.merged(some, problem.y[at], unit, mixing), unit
