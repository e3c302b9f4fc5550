"""Belief: parameter vectors of a law that agree with the runs so far, and the noise of a run.

Before any run the belief is a prior. Exponents lie about 0.35, most published ones do; each term
contributes a share of the loss at the centre of the candidates that may be off by a factor of a
few to either side. After some runs, each draw is a randomised optimum: losses with fresh noise and
a fresh draw of the prior, refitted (Bardsley et al. 2014, "Randomize-then-optimize"). Unlike
resampled tables, which need more points than parameters, this works from the first run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..fitting import residuals
from ..fitting.problem import Problem
from ..laws import Exponent, Real

DRAWS = 16
SAMPLE = 2048  # draws of the prior, for its covariance
EXPONENT = (0.35, 0.25)  # mean and standard deviation
SHARE = (0.3, 1.2)  # of the loss that a term contributes: median, deviation of its logarithm
NOISE = 0.01  # of the logarithm of a loss, as a guess before any run
WORTH = 4.0  # the guess of the noise counts as much as this many residuals
STEPS = 30
STARTS = 8
CLIP = 3.0  # standard deviations beyond which a residual pulls no more
RANGE = 4.0  # a range of starts counts as this many standard deviations


@dataclass(frozen=True)
class Belief:
    """theta [draws, parameters] in the problem's coordinates; noise: a run's standard deviation.

    problem    the candidates' columns with the losses known so far (`seen`)
    seen       the rows whose loss is known
    mean, covariance    the prior, in coordinates
    """

    problem: Problem
    seen: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    theta: np.ndarray
    noise: float
    best: np.ndarray
    center: np.ndarray

    @classmethod
    def prior(
        cls, problem: Problem, noise: float = NOISE, seed: int = 0, draws: int = DRAWS
    ) -> Self:
        """What is thought before any run. Of the problem's losses only the level is used."""
        rng = np.random.default_rng(seed)
        sample = _sample(problem, rng)
        mean, covariance = sample.mean(axis=0), np.cov(sample.T).reshape(2 * sample.shape[1:])
        nothing = np.empty(0, dtype=int)
        return cls(problem, nothing, mean, covariance, sample[:draws], noise, mean, mean)

    def after(self, rows: np.ndarray, losses: np.ndarray, seed: int = 0) -> Self:
        """The belief once the losses of these rows are known; `self` must be a prior."""
        if not len(rows):
            return self
        rng = np.random.default_rng(seed)
        y = self.problem.y.copy()
        y[rows] = losses
        shift = float(np.mean(np.log(losses))) - float(np.log(self.problem.level))
        mean = np.where(
            self.problem.logarithmic & self.problem.scales, self.mean + shift, self.mean
        )
        known = dataclasses.replace(self.problem.part(rows), y=np.asarray(losses, "float64"))
        whitening = np.linalg.cholesky(np.linalg.inv(self.covariance)).T
        best, noise = self._best(known, mean, whitening, rng)
        theta = np.empty((len(self.theta), len(mean)))
        spread = np.linalg.cholesky(self.covariance)
        for k in range(len(theta)):
            fresh = dataclasses.replace(
                known, y=known.y * np.exp(noise * rng.standard_normal(len(known)))
            )
            center = mean + spread @ rng.standard_normal(len(mean))
            theta[k], _ = _descend(fresh, best, center, whitening, noise)
        problem = dataclasses.replace(self.problem, y=y)
        found = {"theta": theta, "noise": noise, "best": best, "center": mean}
        return dataclasses.replace(self, problem=problem, seen=rows, **found)

    def _best(
        self, known: Problem, mean: np.ndarray, whitening: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        """The most likely theta, and the noise that its residuals show."""
        noise = self.noise
        spread = np.linalg.cholesky(self.covariance)
        firsts = [mean, *(mean + rng.standard_normal((STARTS - 1, len(mean))) @ spread.T)]
        ends = [_descend(known, first, mean, whitening, noise) for first in firsts]
        best = min(ends, key=lambda end: end[1])[0]
        for _ in range(2):
            r = np.clip(residuals.residuals(known, best), -5 * noise, 5 * noise)
            lost = len(mean) * min(1.0, len(r) / (2 * len(mean)))
            freedom = max(len(r) - lost, 0.0)
            scale = freedom / len(r)
            noise = float(
                np.sqrt((WORTH * self.noise**2 + (r @ r) * max(scale, 0.5)) / (WORTH + freedom))
            )
            best, _ = _descend(known, best, mean, whitening, noise)
        return best, noise


def _sample(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """Draws of the prior in coordinates [SAMPLE, parameters]."""
    law, low_high = problem.law, problem.ranges
    others = np.empty((SAMPLE, len(law.nonlinear)))
    for i, name in enumerate(law.nonlinear):
        kind, (low, high) = law.parameters[name], low_high[name]
        if type(kind) is Exponent:
            mean, deviation = EXPONENT
            others[:, i] = np.maximum(mean + deviation * rng.standard_normal(SAMPLE), 0.02)
        elif isinstance(kind, Real):
            others[:, i] = (low + high) / 2 + (high - low) / RANGE * rng.standard_normal(SAMPLE)
        else:
            middle, width = np.sqrt(low * high), np.log(high / low) / RANGE
            others[:, i] = middle * np.exp(width * rng.standard_normal(SAMPLE))
    values = np.empty((SAMPLE, len(law.parameters)))
    values[:, ~problem.scales] = others
    if law.scales:
        centre = {k: np.exp(np.log(v).mean(keepdims=True)) for k, v in problem.x.items()}
        at = {"x": centre, "y": np.array([problem.level]), "weight": None, "noise": None}
        added, _ = residuals.basis(dataclasses.replace(problem, **at), others)
        median, width = SHARE
        share = median * np.exp(width * rng.standard_normal((SAMPLE, len(law.scales))))
        values[:, problem.scales] = share * problem.level / np.maximum(added[:, 0], 1e-300)
    return np.clip(problem.coordinates(values), *problem.box)


def _descend(
    problem: Problem, theta: np.ndarray, center: np.ndarray, whitening: np.ndarray, noise: float
) -> tuple[np.ndarray, float]:
    """Levenberg and Marquardt's method with the prior as further residuals; (theta, objective)."""
    low, high = problem.box
    huge = 1e6

    def all_residuals(at: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            r = residuals.residuals(problem, at) / noise
        return np.concatenate(
            [np.nan_to_num(r, nan=huge, posinf=huge, neginf=-huge), whitening @ (at - center)]
        )

    theta = np.clip(theta, low, high)
    r, damping = all_residuals(theta), 1e-2
    objective = _robust(r, len(problem))
    for _ in range(STEPS):
        slope = np.concatenate([residuals.jacobian(problem, theta) / noise, whitening])
        slope = np.nan_to_num(slope, nan=0.0, posinf=0.0, neginf=0.0)
        weight = np.ones(len(r))
        weight[: len(problem)] = 1 / np.maximum(1, np.abs(r[: len(problem)]) / CLIP)
        gradient, curvature = slope.T @ (weight * r), slope.T @ (weight[:, None] * slope)
        step = -np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient)
        trial = np.clip(theta + step, low, high)
        there = all_residuals(trial)
        level = _robust(there, len(problem))
        if level < objective:
            done = objective - level < 1e-6 * (1 + objective)
            theta, r, objective, damping = trial, there, level, damping / 5
            if done:
                break
        else:
            damping *= 5
            if damping > 1e8:
                break
    return theta, objective


def _robust(r: np.ndarray, points: int) -> float:
    size = np.abs(r)
    huber = np.where(size <= CLIP, 0.5 * r**2, CLIP * (size - 0.5 * CLIP))
    huber[points:] = 0.5 * r[points:] ** 2
    return float(huber.sum())
