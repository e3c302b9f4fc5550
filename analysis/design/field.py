"""Field: how far a fit would be from what is wanted, and what a run would change about that.

What is wanted are the losses at some of the points, or functionals of the parameters, such as an
exponent. No law is exact over many decades: log losses are taken to be the law's plus a smooth
deviation plus noise, and the law is fitted to them by least squares. The error to expect has three
parts: what noise does to the fit, what the deviation does to it, and the deviation at the targets.
Because of the second, cheap runs far from the target may do harm, and a run near it is worth more
than the law alone would say. The parameters are linear about each draw of the belief.

None of this needs the losses of the runs considered. From those that are known come the draws, the
noise, and the size of the deviation.

Box & Draper 1959, "A basis for the selection of a response surface design" (the error of a fit that
is off); Rasmussen & Williams 2006, "Gaussian processes for machine learning", chapter 2 (the
deviation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..fitting import residuals
from .belief import Belief

LENGTH = 2.3  # natural logarithms of a variable over which the deviation changes: a decade
WEAK = 30.0  # the prior's covariance is widened: the fit that follows has no prior
STEEPEST = 1e3  # a derivative of a log loss beyond is a failure of the law's arithmetic
LEAST = 1e-18  # an expected square below it counts as this: its logarithm is taken
# Chosen on simulated pools among 0.01, 0.02, 0.03 and among 1, pi/2, 3: `benchmarks/design.py` with
# seed 100. Neither is sharp: see the table there.
DEVIATION = 0.02  # of a log loss from the law, as a guess before any run
FITTED = (
    3.0  # the noise's variance counts so many times: for a fit that is nearly a median pi/2 would
)

# What is tried when the deviation is learned from the losses so far
DEVIATIONS = (0.003, 0.01, 0.03, 0.1)
NOISES = (0.001, 0.003, 0.01, 0.03)
SPREAD = 1.5  # of the logarithm of the deviation about DEVIATION
FEWEST = 3  # runs from which it is learned


@dataclass(frozen=True)
class Field:
    """What the fit to the runs so far would be, for each draw of the belief.

    slopes     of all points' log losses [draws, points, parameters]
    alike      covariance of the deviation at all points [points, points]
    noise      variance of a run about its mean
    aim        mean over what is wanted of its slopes' outer product [draws, parameters, parameters]
    drawn      covariance of each point's deviation with the targets' [draws, points, parameters]
    left       mean variance of the targets' own deviation
    spread     inverse of the fit's curvature [draws, parameters, parameters]
    moved      covariance of the fit's gradient, from deviation and noise [.., parameters, ..]
    shared     covariance of that gradient with the targets' deviation [.., parameters, ..]
    reached    covariance of that gradient with each point's deviation [draws, points, parameters]
    """

    slopes: np.ndarray
    alike: np.ndarray
    noise: float
    aim: np.ndarray
    drawn: np.ndarray
    left: float
    spread: np.ndarray
    moved: np.ndarray
    shared: np.ndarray
    reached: np.ndarray

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
        problem = belief.problem
        theta = belief.theta if draws is None else belief.theta[:draws]
        slopes = np.stack([residuals.jacobian(problem, one) for one in theta])
        slopes = np.clip(np.nan_to_num(slopes), -STEEPEST, STEEPEST)
        if deviation is None:
            known = len(belief.seen) >= FEWEST
            deviation = likely(belief, length) if known else DEVIATION
        alike = deviation**2 * smooth(problem.x, length)
        at = np.empty(0, dtype=int) if targets is None else targets
        wanted = slopes[:, at]
        if functionals is not None:
            more = np.broadcast_to(functionals, (len(theta), *functionals.shape))
            wanted = np.concatenate([wanted, more], axis=1)
        count = wanted.shape[1]
        noise = FITTED * belief.noise**2
        weak = noise * np.linalg.inv(WEAK * belief.covariance)
        shape = (len(theta), *weak.shape)
        field = cls(
            slopes,
            alike,
            noise,
            np.swapaxes(wanted, 1, 2) @ wanted / count,
            alike[:, at] @ slopes[:, at] / count,
            float(np.trace(alike[np.ix_(at, at)])) / count,
            np.broadcast_to(np.linalg.inv(weak), shape),
            np.broadcast_to(noise * weak, shape),
            np.zeros(shape),
            np.zeros_like(slopes),
        )
        for row in belief.seen:
            field = field.after(int(row))
        return field

    @property
    def errors(self) -> np.ndarray:
        """Expected square of the fit's error, mean over what is wanted [draws]."""
        cross = np.einsum("kab,kba->k", self.spread, self.shared)
        toward = self.spread @ self.aim @ self.spread
        return self.left - 2 * cross + np.einsum("kab,kba->k", toward, self.moved)

    @property
    def uncertainty(self) -> float:
        """Expected square of the fit's error: mean over what is wanted, geometric over draws."""
        return float(np.exp(np.mean(_log(self.errors))))

    def gains(self) -> np.ndarray:
        """By how much a run at each point would lower the logarithm of the uncertainty [points].

        Negative where it would raise it.
        """
        j, reached, drawn = self.slopes, self.reached, self.drawn
        # What one more row of slopes j does to the inverse: less w w' / stretch
        w = j @ self.spread
        own, mutual = np.sum(w * j, axis=2), np.sum(drawn * w, axis=2)
        stretch = 1 + own
        cross = np.einsum("kab,kba->k", self.spread, self.shared)[:, None] + mutual
        cross = cross - (np.sum(w @ self.shared * w, axis=2) + own * mutual) / stretch
        aimed, u = np.sum(w @ self.aim * w, axis=2), w @ self.aim @ self.spread
        toward, pulled = self.spread @ self.aim @ self.spread, w @ self.moved
        moved = np.einsum("kab,kba->k", toward, self.moved)[:, None]
        moved = moved - 2 * np.sum(pulled * u, axis=2) / stretch
        moved = moved + aimed * np.sum(pulled * w, axis=2) / stretch**2
        # The new `toward` times j: how the row's own error, and what it shares, reach the targets
        along = u / stretch[..., None] - w * (aimed / stretch**2)[..., None]
        variance = np.diag(self.alike) + self.noise
        moved = moved + 2 * np.sum(reached * along, axis=2) + variance * np.sum(along * j, axis=2)
        later = self.left - 2 * cross + moved
        return np.mean(_log(self.errors)[:, None] - _log(later), axis=0)

    def after(self, row: int) -> Self:
        """The field once a run at that point is known."""
        j, r, c = self.slopes[:, row], self.reached[:, row], self.drawn[:, row]
        w = np.einsum("kab,kb->ka", self.spread, j)
        s = 1 + np.sum(w * j, axis=1)
        k = self.alike[row, row] + self.noise
        jr = j[:, :, None] * r[:, None]
        return replace(
            self,
            spread=self.spread - w[:, :, None] * (w / s[:, None])[:, None],
            moved=self.moved + jr + np.swapaxes(jr, 1, 2) + k * j[:, :, None] * j[:, None],
            shared=self.shared + j[:, :, None] * c[:, None],
            reached=self.reached + self.alike[row][None, :, None] * j[:, None],
        )


def _log(squares: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(squares, LEAST))


def smooth(x: Mapping[str, np.ndarray], length: float) -> np.ndarray:
    """The correlation of the deviation at two points [points, points]."""
    logs = np.stack([np.log(values) for values in x.values()], axis=1) / length
    apart = ((logs[:, None] - logs[None]) ** 2).sum(axis=2)
    return np.exp(-0.5 * apart)


def likely(belief: Belief, length: float = LENGTH) -> float:
    """The deviation that the losses so far speak for: the mean of its logarithm."""
    rows, best = belief.seen, belief.best
    part = belief.problem.part(rows)
    slopes = np.nan_to_num(residuals.jacobian(part, best))
    apart = -residuals.residuals(part, best) + slopes @ (best - belief.center)
    plain = slopes @ belief.covariance @ slopes.T
    alike = smooth(part.x, length)
    scores, sizes = [], []
    for deviation in DEVIATIONS:
        size = np.log(deviation)
        before = -0.5 * ((size - np.log(DEVIATION)) / SPREAD) ** 2
        for noise in NOISES:
            full = plain + deviation**2 * alike + noise**2 * np.eye(len(rows))
            volume = np.linalg.slogdet(full)[1]
            scores.append(before - 0.5 * (volume + apart @ np.linalg.solve(full, apart)))
            sizes.append(size)
    weight = np.exp(np.array(scores) - max(scores))
    return float(np.exp(weight @ np.array(sizes) / weight.sum()))
