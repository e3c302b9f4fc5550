"""Linear: the fit linearised at its optimum, and F tests of what its residuals still depend on.

    r = (I - Q Q') (log y - log f)        Q an orthonormal basis of the law's derivatives

The residuals r are those of least squares after one Gauss-Newton step from the optimum, so that
for normal noise the F tests of a linear model hold, whichever penalty found the optimum. Residuals
of outliers are clipped first: a check of the law should not rest on one crashed run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from ..shared_error import basis_of, spread
from .subject import Fitted

CLIP = 4.0  # robust standard deviations at which a residual is clipped; normal noise loses 0.006%
FLIPS = 1999
FEWEST_CLUSTERS = 10  # fewer have too few patterns of signs for a p below 0.01


class Test(NamedTuple):
    """An F test: `share` is the part of the residuals' sum of squares that is explained."""

    F: float
    df: tuple[int, int]
    p: float
    share: float

    @property
    def text(self) -> str:
        """F = 71 on 6 and 16 degrees of freedom, p = 1e-10."""
        p = f"p = {self.p:.1g}" if self.p > 1e-99 else "p < 1e-99"
        return f"F = {self.F:.3g} on {self.df[0]} and {self.df[1]} degrees of freedom, {p}"


NOTHING = Test(0.0, (0, 0), 1.0, 0.0)


@dataclass(frozen=True)
class Linear:
    """The residuals of a linear model and an orthonormal basis of it.

    basis       [points, rank]
    residual    [points], in units of the known noise if there is one
    weights     square roots of the points' weights [points]
    """

    basis: np.ndarray
    residual: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.residual)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the residuals."""
        return len(self) - self.basis.shape[1]

    @property
    def std(self) -> float:
        """The residuals' standard deviation."""
        return math.sqrt(float(self.residual @ self.residual) / max(self.freedom, 1))

    def new(self, columns: np.ndarray) -> np.ndarray:
        """An orthonormal basis of what the columns [points, k] add to the model."""
        return basis_of(columns * self.weights[:, None], self.basis)

    def test(self, columns: np.ndarray, within: np.ndarray | None = None) -> Test:
        """Whether the residuals depend on the columns, which the law would not explain.

        within: the columns of which the error is made, such as the levels of a variable of which
        `columns` are smooth functions; None for all that is left.
        """
        added = self.new(columns)
        explained = float(np.sum((added.T @ self.residual) ** 2))
        whole = float(self.residual @ self.residual)
        error, df = whole - explained, self.freedom - added.shape[1]
        if within is not None:
            rest = basis_of(within * self.weights[:, None], np.hstack([self.basis, added]))
            error, df = float(np.sum((rest.T @ self.residual) ** 2)), rest.shape[1]
        return f_test(explained, added.shape[1], max(error, 0.0), df, whole)

    def flipped(self, columns: np.ndarray, clusters: np.ndarray) -> Test:
        """The same question where the rows of a cluster may share any error.

        The scores of whole clusters change sign at random: Hemerik, Goeman & Finos 2020, "Robust
        testing in generalized linear models by sign flipping score contributions".
        """
        added = self.new(columns)
        scores = np.zeros((int(clusters.max()) + 1, added.shape[1]))
        np.add.at(scores, clusters, added * self.residual[:, None])
        if not added.shape[1] or len(scores) < FEWEST_CLUSTERS:
            return NOTHING
        scale = np.linalg.pinv(scores.T @ scores, hermitian=True)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (FLIPS, len(scores)))
        drawn = signs @ scores
        statistic = np.einsum("fi,ij,fj->f", drawn, scale, drawn)
        total = scores.sum(axis=0)
        found = float(total @ scale @ total)
        p = (1 + int((statistic >= found * (1 - 1e-12)).sum())) / (1 + FLIPS)
        whole = float(self.residual @ self.residual)
        share = float(total @ total) / whole if whole > 0 else 0.0
        return Test(found, (added.shape[1], len(scores)), p, share)

    def means(self, groups: np.ndarray) -> np.ndarray:
        """The mean residual of each group [groups]."""
        return np.bincount(groups, self.residual) / np.bincount(groups)


def f_test(explained: float, df: int, error: float, rest: int, whole: float) -> Test:
    """The F test of a sum of squares against an error; nothing if either has no freedom."""
    if df < 1 or rest < 1 or whole <= 0:
        return NOTHING
    F = math.inf if error <= 1e-14 * whole else explained / df / (error / rest)
    p = 0.0 if math.isinf(F) else float(special.fdtrc(df, rest, F))
    return Test(F, (df, rest), p, explained / whole)


def linear(subject: Fitted) -> Linear:
    """The fit's residuals as those of a linear model."""
    sharp = np.sqrt(subject.weights)
    residual = subject.residual if subject.noise is None else subject.residual / subject.noise
    limit = CLIP * spread(residual, subject.free)
    clipped = np.clip(residual, -limit, limit) * sharp
    jacobian = np.where(np.isfinite(subject.jacobian), subject.jacobian, 0)
    basis = basis_of(jacobian * sharp[:, None])
    return Linear(basis, clipped - basis @ (basis.T @ clipped), sharp)


def pooled(model: Linear, groups: np.ndarray) -> Linear:
    """The model of the groups' means. The points of a group have the same variables."""
    size = np.bincount(groups)
    first = np.unique(groups, return_index=True)[1]
    weights = np.sqrt(np.bincount(groups, model.weights**2) / size)
    mean = np.bincount(groups, model.weights * model.residual)
    mean /= np.bincount(groups, model.weights**2)
    spanned = model.basis[first] / model.weights[first, None] * weights[:, None]
    basis = basis_of(spanned)
    residual = mean * weights
    return Linear(basis, residual - basis @ (basis.T @ residual), weights)


def dummies(groups: np.ndarray) -> np.ndarray:
    """A column for each group [points, groups]."""
    return (groups[:, None] == np.arange(groups.max() + 1)).astype("float64")


def levels(values: np.ndarray, apart: float = 1e-6) -> np.ndarray:
    """The number of each value among the distinct ones, ascending; closer than `apart` is equal."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    step = np.diff(ascending) > apart * np.abs(ascending[1:])
    number = np.empty(len(values), dtype=int)
    number[order] = np.concatenate([[0], np.cumsum(step)])
    return number


def together(columns: Sequence[np.ndarray]) -> np.ndarray:
    """The number of each row's combination of group numbers."""
    return np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1].ravel()
