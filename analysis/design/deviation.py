"""Deviation: by how much cells to come may lie off the law, smoothly.

No law is exact. A smooth deviation moves the fitted parameters, makes a floor look likely or not,
and fails the checks of the fit; the chance of all that belongs to P(decided). It is a Gaussian
process in the logarithms of the law's variables, as in `field`. Its size and length are drawn as
far as the recorded cells leave them open, and the deviation itself given those cells. Beforehand a
size is as in published tables: their median is 0.019, the spread of its logarithm 1.2, and about
half change over a decade and half over a third of one (`benchmarks/deviations.py`).

Rasmussen & Williams 2006, "Gaussian processes for machine learning", chapters 2 and 5.
"""

from __future__ import annotations

import numpy as np

from ..fitting import residuals
from ..fitting.problem import Problem
from .belief import Belief
from .field import DEVIATION, LENGTH, SPREAD, smooth

SIZES = (0.001, 0.003, 0.01, 0.03, 0.1)  # of a log loss: about two SPREADs to either side
LENGTHS = (LENGTH / 3, LENGTH)  # a third of a decade, a decade; shorter is an error of the cell
MOST = 256  # recorded cells that are looked at
JITTER = 1e-8


def drawn(
    belief: Belief, run: np.ndarray, cell: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Log deviations of all points, and whether cells have errors of their own besides [draws].

    What recorded cells are off by may be either; an error of a cell does not stay. There is one
    deviation for each draw of the belief [draws, points].

    run     variance of the mean log loss of each recorded cell, from its runs [draws, cells]
    cell    variance from errors of cells, if they have any [draws]
    """
    random = np.random.default_rng([seed, 5])
    problem, kept = belief.problem, np.arange(len(belief.seen))
    if len(kept) > MOST:
        kept = np.sort(random.choice(kept, MOST, replace=False))
    rows = belief.seen[kept]
    known = problem.part(rows)
    alike = np.stack([smooth(problem.x, length) for length in LENGTHS])
    roots = np.linalg.cholesky(alike + JITTER * np.eye(len(problem)))
    there = alike[:, rows[:, None], rows]
    found, own = np.empty((len(belief.theta), len(problem))), np.zeros(len(belief.theta), bool)
    for k, theta in enumerate(belief.theta):
        noises = run[k, kept] + np.array([[0.0], [cell[k]]])[: 1 + bool(cell[k])]
        probability = _probability(belief, known, there, noises)
        drawn = random.choice(probability.size, p=probability.ravel())
        own[k], which, size = np.unravel_index(drawn, probability.shape)
        noise = noises[int(own[k])]
        # Matheron's rule: a draw of the process, moved by what the recorded losses say against it
        prior = SIZES[size] * roots[which] @ random.standard_normal(len(problem))
        fresh = np.sqrt(noise) * random.standard_normal(len(rows))
        apart = -residuals.residuals(known, theta) - prior[rows] - fresh
        covariance = SIZES[size] ** 2 * alike[which][:, rows]
        moved = np.linalg.solve(covariance[rows] + np.diag(noise), apart)
        found[k] = prior + covariance @ moved
    return found, own


def _probability(
    belief: Belief, known: Problem, alike: np.ndarray, noises: np.ndarray
) -> np.ndarray:
    """Of each noise, length and size, given the recorded cells [noises, lengths, sizes]."""
    slopes = np.nan_to_num(residuals.jacobian(known, belief.best))
    apart = -residuals.residuals(known, belief.best) + slopes @ (belief.best - belief.center)
    plain = slopes @ belief.covariance @ slopes.T
    sizes = np.array(SIZES)
    smooth_part = plain + sizes[:, None, None] ** 2 * alike[:, None]
    full = smooth_part + np.stack([np.diag(one) for one in noises])[:, None, None]
    explained = (apart @ np.linalg.solve(full, apart[:, None]))[..., 0]
    score = -0.5 * (np.linalg.slogdet(full)[1] + explained)
    score = score - 0.5 * (np.log(sizes / DEVIATION) / SPREAD) ** 2
    weight = np.exp(score - score.max())
    return weight / weight.sum()
