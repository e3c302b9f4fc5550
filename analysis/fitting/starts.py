"""Starts: parameter vectors spread over a law's plausible range, from which the search starts.

The nonlinear parameters lie on a grid, or on a Halton sequence if there are many. Given them the
law is linear, and non-negative least squares gives the scales (variable projection).
"""

from __future__ import annotations

import numpy as np

from . import residuals, solver
from .penalty import Penalty
from .problem import Problem
from .solver import Optima

COUNT = 64
FIRST = 0.1  # a wide first delta: far from the optimum, squares are easier than Huber's penalty
SAMPLE = 4096  # in a longer table the search begins on this many points
DISTINCT = 8  # optima of the sample that are refined on all points


def spread(problem: Problem, count: int = COUNT) -> np.ndarray:
    """About `count` starts theta [starts, parameters]."""
    theta = np.zeros((1, len(problem.law.parameters)))
    others = problem.spread(_unit(len(problem.law.nonlinear), count))
    values = np.tile(problem.values(theta), (len(others), 1))
    values[:, ~problem.scales] = others
    if problem.law.scales:
        values[:, problem.scales] = _scales(problem, others)
    return np.clip(problem.coordinates(values), *problem.box)


def search(problem: Problem, penalty: Penalty, first: np.ndarray) -> Optima:
    """The optima that all starts lead to, first with a wide delta and then with the penalty's.

    In a table longer than SAMPLE, the starts descend on that many points drawn at random, and the
    distinct optima that they reach are refined on all points.
    """
    if len(problem) > SAMPLE:
        return _search_sample(problem, penalty, first)
    unit = 1.0 if problem.space == "log" else problem.level
    if problem.noise is not None:
        unit /= float(np.median(problem.noise))
    wide = penalty._replace(delta=np.maximum(penalty.delta, FIRST * unit))
    near = solver.solve(problem, first, wide, tolerance=1e-4)
    return _polished(problem, penalty, solver.solve(problem, near.theta, penalty))


def _search_sample(problem: Problem, penalty: Penalty, first: np.ndarray) -> Optima:
    rows = np.sort(np.random.default_rng(0).choice(len(problem), SAMPLE, replace=False))
    found = search(problem.part(rows), penalty, first)
    lowest = np.maximum(found.objective, 1e-300)
    same = np.isclose(lowest[:, None], lowest, rtol=1e-3, atol=0)
    lead = np.argmax(same, axis=1)  # the first lane that came to the same objective
    order = np.array(sorted(set(lead.tolist()), key=lambda i: found.objective[i])[:DISTINCT])
    ended = solver.solve(problem, found.theta[order], penalty)
    theta, objective = found.theta.copy(), np.full(len(first), np.inf)
    for i, index in enumerate(order):
        theta[lead == index], objective[lead == index] = ended.theta[i], ended.objective[i]
    return _polished(problem, penalty, Optima(theta, objective))


def _polished(problem: Problem, penalty: Penalty, optima: Optima) -> Optima:
    """The same optima, with the best of them refined until nothing more is gained."""
    index = int(np.argmin(optima.objective))
    one = optima.theta[index : index + 1]
    ended = solver.solve(problem, one, penalty, tolerance=1e-15, damping=1e-3)
    if ended.objective[0] <= optima.objective[index]:
        optima.theta[index], optima.objective[index] = ended.theta[0], ended.objective[0]
    return optima


def _unit(dimensions: int, count: int) -> np.ndarray:
    """Places in the unit cube [starts, dimensions]."""
    if not dimensions:
        return np.empty((1, 0))
    if dimensions > 3:
        return halton(dimensions, count)
    side = max(2, round(count ** (1 / dimensions)))
    axes = np.meshgrid(*[np.linspace(0, 1, side)] * dimensions, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=-1)


def halton(dimensions: int, count: int) -> np.ndarray:
    """The Halton sequence from its second point on [count, dimensions].

    Each dimension mirrors the digits of 1, 2, 3, ... at the point, in a prime base of its own.
    (SciPy's is in scipy.stats, whose import takes longer than the fit.)
    """
    primes = [n for n in range(2, 20 * dimensions) if all(n % k for k in range(2, n))]
    found = np.zeros((count, dimensions))
    for i, base in enumerate(primes[:dimensions]):
        rest, place = np.arange(1, count + 1), 1 / base
        while rest.any():
            found[:, i] += (rest % base) * place
            rest, place = rest // base, place / base
    return found


def _scales(problem: Problem, nonlinear: np.ndarray) -> np.ndarray:
    """Non-negative least squares of relative residuals, by coordinate descent [starts, scales].

    A scale that the data push to zero starts small, so that its logarithm exists.
    """
    every = max(1, len(problem) // SAMPLE)
    sample = problem.part(slice(None, None, every))
    added, nothing = residuals.basis(sample, nonlinear)
    relative = np.sqrt(sample.weights)
    relative = relative / (sample.y if sample.space == "log" else sample.level)
    with np.errstate(over="ignore", invalid="ignore"):
        added = added * relative[:, None]
        target = (sample.y - nothing) * relative
        gram = added.swapaxes(1, 2) @ added
        wanted = (added.swapaxes(1, 2) @ target[:, :, None])[..., 0]
    sound = np.asarray(np.isfinite(gram).all(axis=(1, 2)) & np.isfinite(wanted).all(axis=1))
    gram = np.where(sound[:, None, None], gram, np.eye(gram.shape[1]))
    wanted = np.where(sound[:, None], wanted, 1.0)
    own = np.maximum(np.einsum("gss->gs", gram), 1e-300)
    least = 1e-6 * np.abs(wanted) / own + 1e-300
    scales = least.copy()
    alone, others = wanted / own, gram / own[:, :, None] - np.eye(gram.shape[1])
    for _ in range(200):
        for i in range(scales.shape[1]):
            followed = np.einsum("gs,gs->g", others[:, i], scales)
            scales[:, i] = np.maximum(alone[:, i] - followed, least[:, i])
    return scales
