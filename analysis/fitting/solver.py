"""Solver: Levenberg and Marquardt's method, on many lanes at once.

    minimise over theta    sum_i  w_i penalty(r_i(theta))

A lane is one descent: a start, its weights, its penalty, what it holds fixed. Starts, resampled
tables, a sweep of delta and points left out are all lanes of one call. Three things make it quick:

Curvature. Huber's penalty has none beyond delta, so Newton's steps overshoot, while those of
reweighting creep; the curvature used goes from one to the other as the damping falls.

Damping. Given the other parameters a law is linear in its scales, which are solved for nearly
undamped; the others are damped by the curvature that remains once the scales have followed
(the idea of variable projection: Golub & Pereyra 1973).

Steps. The scales' steps are linear in what they contribute, not in its logarithm, and follow the
exponents: on the Chinchilla points that, with Nielsen's rule for the damping (1999), halves the
steps to the optimum and brings 98% of starts there instead of 86%.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from ..laws import Exponent, Real, Scale
from . import residuals
from .penalty import Penalty
from .problem import Problem

STEPS = 200  # the most steps of a lane
LOOSE = 1e-4  # damping of scales relative to that of the others
FAR = 3.0  # the largest change of the logarithm of a place or level in a step
LEAST = 0.05  # the smallest share of a scale's contribution that a step leaves
GONE = 1e-18  # curvature, as a share of the largest, below which a scale falls no further
STUCK = 1e8  # the damping at which a lane gives up
NOTHING = 1e-30  # an objective per point that is rounding error alone


class Optima(NamedTuple):
    """Where lanes ended: theta [lanes, parameters] and objective [lanes], infinite if nowhere."""

    theta: np.ndarray
    objective: np.ndarray

    def best(self) -> tuple[np.ndarray, float]:
        """The best lane's theta and objective."""
        index = int(np.argmin(self.objective))
        return self.theta[index], float(self.objective[index])


@np.errstate(all="ignore")  # a step to where floats overflow gains nothing and is taken back
def solve(
    problem: Problem,
    theta: np.ndarray,
    penalty: Penalty,
    *,
    weights: np.ndarray | None = None,
    rows: np.ndarray | None = None,
    held: np.ndarray | bool = False,
    tolerance: float = 1e-10,
    damping: float = 1.0,
) -> Optima:
    """Descend from theta [lanes, parameters].

    `weights` [rows, points] multiply the problem's own (None: ones), and `rows` [lanes] says which
    of them each lane uses (None: the first). `penalty` holds numbers or arrays [lanes]; `held` says
    which parameters stay where they start [lanes, parameters]. A lane ends when the decrease that
    its next step promises is less than `tolerance` of its objective.
    """
    lanes = len(theta)
    weights = np.ones((1, len(problem))) if weights is None else weights
    rows = np.zeros(lanes, dtype=int) if rows is None else rows
    taken = Penalty(*(np.broadcast_to(number, lanes).astype("float64") for number in penalty))
    low, high = problem.box
    held = np.broadcast_to(held, theta.shape) | (low >= high)
    damp, growth = np.full(lanes, float(damping)), np.full(lanes, 2.0)

    def evaluated(theta: np.ndarray, some: np.ndarray, damp: np.ndarray) -> residuals.Slopes:
        part = Penalty(*(number[some] for number in taken))
        return residuals.evaluate(problem, theta, weights, rows[some], part, np.minimum(1, damp))

    theta = np.clip(theta, low, high)
    objective, gradient, curvature = evaluated(theta, np.arange(lanes), damp)
    objective = np.where(np.isfinite(objective), objective, np.inf)
    running = np.flatnonzero(np.isfinite(objective))
    for _ in range(STEPS):
        if not len(running):
            break
        at, pull, bend = theta[running], gradient[running], curvature[running]
        level, now, fixed = objective[running], damp[running], held[running]
        change = _change(problem, at, pull, bend, now, fixed)
        step = change @ follow(problem)
        promised = -np.einsum("lp,lp->l", pull + 0.5 * np.einsum("lpq,lq->lp", bend, step), step)
        trial = np.where(fixed, at, _moved(problem, at, change, step))
        there = evaluated(trial, running, now / 5)
        gained = level - there.objective
        better = gained > 0
        ratio = np.fmin(np.fmax(gained / np.maximum(promised, 1e-300), 0), 1)  # 0 for NaN
        ended = (promised <= tolerance * level) & (now < 0.2)
        ahead = running[better]
        theta[ahead], objective[ahead] = trial[better], there.objective[better]
        gradient[ahead], curvature[ahead] = there.gradient[better], there.curvature[better]
        less = np.maximum(0.2, 1 - (2 * ratio - 1) ** 3)
        damp[running] = now = now * np.where(better, less, growth[running])
        growth[running] = np.where(better, 2, 2 * growth[running])
        ended |= (now > STUCK) | (objective[running] < NOTHING * len(problem))
        running = running[~ended]
    return Optima(theta, objective)


def _change(
    problem: Problem,
    theta: np.ndarray,
    gradient: np.ndarray,
    curvature: np.ndarray,
    damp: np.ndarray,
    held: np.ndarray,
) -> np.ndarray:
    """The damped step of each lane, inside the box [lanes, parameters].

    It is expressed as the relative change of each scale's contribution and the change of the other
    coordinates. A parameter that would leave its reach goes to the end of it, and the steps of the
    others are solved for again.
    """
    along = follow(problem)
    gradient, matrix = gradient @ along.T, along @ curvature @ along.T
    diagonal = np.einsum("lpp->lp", matrix)  # a view
    own = np.maximum(diagonal, 1e-300)
    added = damp[:, None] * _rest(matrix, own, problem.scales) + 1e-12 * own
    diagonal += np.minimum(added, 1e300)  # infinity x 0 is no number
    low, high = _reach(problem, theta)
    fixed = held | ((low >= 0) & (gradient > 0)) | ((high <= 0) & (gradient < 0))
    fixed |= problem.scales & (own < GONE * own.max(axis=1, keepdims=True)) & (gradient >= 0)
    change, lanes = np.zeros_like(theta), np.arange(len(theta))
    for _ in range(theta.shape[1]):
        shut, free, wanted = fixed[lanes], matrix[lanes], -gradient[lanes]
        if shut.any():
            kept = np.where(shut, change[lanes], 0)
            wanted = np.where(shut, kept, wanted - np.einsum("lpq,lq->lp", free, kept))
            free = np.where(shut[:, :, None] | shut[:, None, :], np.eye(theta.shape[1]), free)
        solved = _solved(free, wanted)
        within = np.clip(solved, low[lanes], high[lanes])
        out = ~shut & (solved != within)
        change[lanes] = np.where(out, within, solved)
        fixed[lanes] |= out
        lanes = lanes[out.any(axis=1)]
        if not len(lanes):
            break
    return change


def _rest(matrix: np.ndarray, own: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What damping multiplies: curvature that is left once the scales have followed."""
    if not scale.any() or scale.all():
        return own
    left = matrix.copy()
    np.einsum("lpp->lp", left)[:, scale] += 1e-10 * own[:, scale]
    for i in np.flatnonzero(scale):  # eliminated one by one
        left -= left[:, :, i, None] * (left[:, i, None, :] / left[:, i, i, None, None])
    rest = np.fmax(np.einsum("lpp->lp", left), 1e-8 * own)
    return np.where(scale, LOOSE * own, rest)


def _solved(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """matrix^-1 wanted of each lane [lanes, parameters].

    If a lane's matrix is singular, as a law with many terms can make it, the least-norm solution.
    """
    try:
        return np.linalg.solve(matrix, wanted[..., None])[..., 0]
    except np.linalg.LinAlgError:
        sound = np.where(np.isfinite(matrix).all(axis=(1, 2), keepdims=True), matrix, 0)
        return (np.linalg.pinv(sound, hermitian=True) @ wanted[..., None])[..., 0]


def _reach(problem: Problem, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest change of each parameter in a step [lanes, parameters].

    A scale that would turn negative falls to LEAST of itself; an exponent at most halves or
    doubles, a place or a level changes its logarithm by FAR, a real by the range of its starts.
    """
    low, high = (end - theta for end in problem.box)
    low = np.where(problem.scales, np.maximum(np.expm1(low), LEAST - 1), low)
    high = np.where(problem.scales, np.expm1(high), high)
    exponents, most = _furthest(problem)
    low = np.maximum(low, -np.where(exponents, theta / 2, most))
    return low, np.minimum(high, np.where(exponents, theta, most))


@functools.lru_cache(maxsize=4)
def _furthest(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Which parameters are exponents, and the greatest change of the others [parameters]."""
    kinds, most = problem.law.parameters, []
    for name, kind in kinds.items():
        low, high = problem.ranges.get(name, (0.0, np.inf))  # a scale has none
        most.append(high - low if isinstance(kind, Real | Scale) else FAR)
    return np.array([type(kind) is Exponent for kind in kinds.values()]), np.array(most)


def _moved(problem: Problem, theta: np.ndarray, change: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Coordinates after a change: a contribution is linear in its scale, not in the logarithm."""
    curved = np.log(np.maximum(1 + change, LEAST)) - change
    return np.clip(theta + step + np.where(problem.scales, curved, 0), *problem.box)


@functools.lru_cache(maxsize=4)
def follow(problem: Problem) -> np.ndarray:
    """The step of coordinates that goes with a unit of each change [changes, coordinates].

    As an exponent changes, its scale follows, so that it contributes as much as before at the
    centre of the table: log A by log N for A and alpha of A N^-alpha. Taken by differences, in the
    middle of the starts' ranges. A scale that the caller bounds does not follow, nor does one
    whose contribution there is 0.
    """
    law, scale = problem.law, problem.scales
    along = np.eye(len(law.parameters))
    if not scale.any() or scale.all():
        return along
    centre = {
        name: np.exp(np.log(values).mean(keepdims=True)) for name, values in problem.x.items()
    }
    at = {"x": centre, "y": np.array([problem.level]), "weight": None, "noise": None}
    at["mixing"] = None
    middle = np.zeros((1, len(law.parameters)))
    middle[:, ~scale] = problem.spread(np.full((1, len(law.nonlinear)), 0.5))
    aside = along[~scale] * 1e-4
    moved = problem.coordinates(middle) + np.concatenate([aside, -aside])
    point = dataclasses.replace(problem, **at)
    added, _ = residuals.basis(point, problem.values(moved)[:, ~scale])
    with np.errstate(all="ignore"):
        up, down = np.split(np.log(added[:, 0]), 2)
        pulls = (up - down) / 2e-4
    bounded = [name in problem.bounds for name in law.scales]
    along[np.ix_(~scale, scale)] = -np.where(np.isfinite(pulls) & ~np.array(bounded), pulls, 0)
    return along
