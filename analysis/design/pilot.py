"""Pilot: the recorded runs that a claim's law can be judged from beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from scaling_lab.errors import LabError

from ..fitting import residuals
from ..fitting.problem import Problem
from ..laws import Law
from . import deviation
from .belief import NOISE, Belief
from .planned_cells import Cells, of_rows
from .power import Side
from .tables_ahead import Noise

SURE = 0.05  # p of the test of an error that the runs of a cell share
FEWEST = 3  # cells: two say nothing of a law's curvature
GUESSES = 64  # parameter vectors of a guess: they lie far apart
WORTH = 4.0  # a guess of the noise counts as much as this many degrees of freedom


@dataclass(frozen=True, eq=False)
class Pilot:
    """Recorded runs: x by the law's variables [rows], losses [rows], and the cell of each."""

    x: Mapping[str, np.ndarray]
    losses: np.ndarray
    cell: np.ndarray

    @classmethod
    def of(cls, claim: Mapping[str, Any], rows: Any) -> Pilot:
        """The usable rows. Raises LabError if there are too few cells."""
        columns = of_rows(claim, rows).columns
        frame = rows[[*columns.values(), claim["loss"]]].dropna().astype("float64")
        frame = frame[(frame > 0).all(axis=1)]
        x = {name: frame[column].to_numpy() for name, column in columns.items()}
        return cls.of_columns(x, frame[claim["loss"]].to_numpy())

    @classmethod
    def of_columns(cls, x: Mapping[str, np.ndarray], losses: np.ndarray) -> Pilot:
        """Rows of equal x are a cell. Raises LabError if there are too few cells."""
        _, cell = np.unique(np.stack([*x.values()]), axis=1, return_inverse=True)
        if len(losses) == 0 or cell.max() + 1 < FEWEST:
            raise LabError(f"the recorded runs are of fewer than {FEWEST} cells")
        return cls(x, losses, cell.ravel())


def thoughts(law: Law, cells: Cells, pilot: Pilot | None, seed: int = 0) -> Side:
    """What is thought of a law at planned cells: from a pilot, or a guess without one."""
    belief, count = belief_of(law, cells.x, pilot, seed)
    side = replace(side_of(belief, count), seeds=cells.seeds)
    if pilot is None:
        return replace(side, noise=Noise(NOISE))
    noise = _noise(belief, pilot, seed)
    variance = noise.variance(np.bincount(pilot.cell))
    return replace(side, noise=noise, deviation=deviation.drawn(belief, variance, seed)[:, :count])


def belief_of(
    law: Law, x: Mapping[str, np.ndarray], pilot: Pilot | None, seed: int = 0
) -> tuple[Belief, int]:
    """The belief about points x, whose problem has the pilot's cells behind them; their number."""
    count = len(next(iter(x.values())))
    if pilot is None:
        problem = Problem(law, x, np.ones(count))
        return Belief.prior(problem, seed=seed, draws=GUESSES), count
    means = _means(pilot)
    both = {name: np.concatenate([x[name], means.x[name]]) for name in x}
    level = float(np.exp(np.log(pilot.losses).mean()))
    whole = Problem(law, both, np.full(count + len(means.losses), level))
    rows = np.arange(count, count + len(means.losses))
    return Belief.prior(whole, seed=seed).after(rows, means.losses, seed=seed), count


def side_of(belief: Belief, count: int) -> Side:
    """The belief about the first points, a run each."""
    problem = belief.problem.part(slice(0, count))
    return Side(problem, np.ones(count), belief.theta, Noise(belief.noise))


def _means(pilot: Pilot) -> Pilot:
    """One point a cell, with its mean."""
    _, first = np.unique(pilot.cell, return_index=True)
    size = np.bincount(pilot.cell)
    logs = np.bincount(pilot.cell, weights=np.log(pilot.losses)) / size
    return Pilot({k: v[first] for k, v in pilot.x.items()}, np.exp(logs), np.arange(len(first)))


def _noise(belief: Belief, pilot: Pilot, seed: int) -> Noise:
    """The noise of a run and of a cell, one draw from what is known of it for each theta.

    Cells have an error of their own only if residuals show it.
    """
    random = np.random.default_rng(seed)
    size, means = np.bincount(pilot.cell), _means(pilot)
    apart = np.log(pilot.losses) - np.log(means.losses)[pilot.cell]
    known = belief.problem.part(belief.seen)
    off = residuals.residuals(known, belief.best) * np.sqrt(size)
    repeated, left = len(apart) - len(size), max(len(off) - belief.problem.free, 1)
    within, between = apart @ apart, off @ off
    seen = repeated and stats.f.sf(between / left / (within / repeated), left, repeated) < SURE
    if not seen:
        within, repeated = within + between, repeated + left
    chi = random.chisquare([[repeated + WORTH], [left]], (2, len(belief.theta)))
    run = (within + WORTH * NOISE**2) / chi[0]
    if not seen:
        return Noise(np.sqrt(run))
    cell = np.maximum(between / chi[1] - run, 0.0) * np.mean(1 / size)
    return Noise(np.sqrt(run), np.sqrt(cell))
