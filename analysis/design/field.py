"""Field: how much a run would tell about what is wanted.

Log losses of candidate runs, and what is wanted of the law, are a Gaussian field: what the law's
parameters leave open, linearised about draws of the belief, and for losses a smooth deviation from
the law. The deviation is why a run near a target is worth more than the law alone would say: no law
is exact over many decades. What is wanted are the losses at some of the points, or functionals of
the parameters, such as an exponent. Conditioning on a run is one rank-one update, and needs no
loss: the uncertainty that a Gaussian field leaves does not depend on what the run shows.

Rasmussen & Williams 2006, "Gaussian processes for machine learning", chapter 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..fitting import residuals
from .belief import Belief

DEVIATION = 0.01  # of a log loss from the law, as a guess before any run
LENGTH = 2.3  # natural logarithms of a variable over which the deviation changes: a decade
WEAK = 30.0  # the prior's covariance is widened: the fit that follows has no prior
STEEPEST = 1e3  # a derivative of a log loss beyond is a failure of the law's arithmetic
MOST = 1.0  # variance of a log beyond which one is as ignorant as another

# What is tried when the deviation is learned from the losses so far
DEVIATIONS = (0.003, 0.01, 0.03, 0.1)
NOISES = (0.001, 0.003, 0.01, 0.03)
SPREAD = 1.5  # of the logarithm of the deviation about DEVIATION
FEWEST = 3  # runs from which it is learned


@dataclass(frozen=True)
class Field:
    """full [draws, points, points]: covariance of all points, and of the functionals behind them.

    noise      variance of a run about its mean
    targets    indices of what is wanted
    """

    full: np.ndarray
    noise: float
    targets: np.ndarray

    @classmethod
    def of(
        cls,
        belief: Belief,
        targets: np.ndarray | None = None,
        functionals: np.ndarray | None = None,
        *,
        deviation: float | None = None,
        length: float = LENGTH,
        draws: int | None = None,
    ) -> Self:
        """The field once the runs that the belief rests on are known.

        targets        the points of the belief's problem whose losses are wanted
        functionals    gradients of what else is wanted, in coordinates [functionals, parameters]
        deviation      of the losses from the law; None: learned from the runs so far
        """
        problem, prior = belief.problem, WEAK * belief.covariance
        theta = belief.theta if draws is None else belief.theta[:draws]
        slopes = np.stack([residuals.jacobian(problem, one) for one in theta])
        slopes = np.clip(np.nan_to_num(slopes), -STEEPEST, STEEPEST)
        wanted = np.empty(0, dtype=int) if targets is None else targets
        if functionals is not None:
            more = np.broadcast_to(functionals, (len(theta), *functionals.shape))
            wanted = np.concatenate([wanted, len(problem) + np.arange(len(functionals))])
            slopes = np.concatenate([slopes, more], axis=1)
        full = slopes @ prior @ np.swapaxes(slopes, 1, 2)
        if deviation is None:
            known = len(belief.seen) >= FEWEST
            deviation = likely(belief, length) if known else DEVIATION
        if deviation:
            count = len(problem)
            full[:, :count, :count] += deviation**2 * smooth(problem.x, length)
        field = cls(full, belief.noise**2, wanted)
        for row in belief.seen:
            field = field.after(int(row))
        return field

    @property
    def uncertainty(self) -> float:
        """Mean variance of what is wanted, over draws."""
        at = np.einsum("kpp->kp", self.full)[:, self.targets]
        return float(np.minimum(at, MOST).mean())

    def gains(self) -> np.ndarray:
        """By how much each point's run would lower the uncertainty [points]."""
        across = self.full[:, :, self.targets]
        own = np.einsum("kpp->kp", self.full) + self.noise
        return np.mean(np.sum(across**2, axis=2) / own, axis=0) / len(self.targets)

    def after(self, row: int) -> Self:
        """The field once a run at that point is known."""
        column = self.full[:, :, row]
        own = column[:, row] + self.noise
        return replace(self, full=self.full - column[:, :, None] * (column / own[:, None])[:, None])


def smooth(x: Mapping[str, np.ndarray], length: float) -> np.ndarray:
    """The correlation of the deviation at two points [points, points]."""
    logs = np.stack([np.log(values) for values in x.values()], axis=1) / length
    apart = ((logs[:, None] - logs[None]) ** 2).sum(axis=2)
    return np.exp(-0.5 * apart)


def likely(belief: Belief, length: float = LENGTH) -> float:
    """The deviation that the losses so far speak for: the root of its mean square."""
    rows, best = belief.seen, belief.best
    part = belief.problem.part(rows)
    slopes = np.nan_to_num(residuals.jacobian(part, best))
    apart = -residuals.residuals(part, best) + slopes @ (best - belief.center)
    plain = slopes @ belief.covariance @ slopes.T
    alike = smooth(part.x, length)
    scores, squares = [], []
    for deviation in DEVIATIONS:
        before = -0.5 * (np.log(deviation / DEVIATION) / SPREAD) ** 2
        for noise in NOISES:
            full = plain + deviation**2 * alike + noise**2 * np.eye(len(rows))
            size = np.linalg.slogdet(full)[1]
            scores.append(before - 0.5 * (size + apart @ np.linalg.solve(full, apart)))
            squares.append(deviation**2)
    weight = np.exp(np.array(scores) - max(scores))
    return float(np.sqrt(weight @ np.array(squares) / weight.sum()))
