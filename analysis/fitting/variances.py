"""Variances: how much of the residuals' variance is a cluster's and how much a row's own.

    tau^2 of a cluster, sigma^2 of a row:     residual_ci = u_c + e_ci

Paule & Mandel's equation: the clusters' mean residuals, each over its variance, sum up to the
degrees of freedom that the fit leaves between clusters. With a drawn chi^2 in their place it gives
a draw of tau^2 (see `confidence`).

Paule & Mandel 1982, "Consensus values and weighting factors".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import shared_error
from .merged import Merged
from .problem import Problem

LEAST = 0.5  # degrees of freedom below which a sum of squares says nothing
COPIES = 1e-9  # least sigma^2 over tau^2: rows of a cell may be exact copies


class Variances(NamedTuple):
    """What is left of the residuals, as sums of squares with their degrees of freedom.

    mean, size    each cluster's mean residual, and its precision apart from tau^2 [clusters]
    within        sum of squares within clusters
    """

    mean: np.ndarray
    size: np.ndarray
    between_freedom: float
    within: float
    within_freedom: float

    def at(self, chi_between: np.ndarray, chi_within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """tau^2 and sigma^2 for values of chi^2 (their degrees of freedom give the estimates)."""
        if self.within_freedom < LEAST:
            # Nothing tells a row's error from its cluster's: all of it is the row's.
            sigma = np.sum(self.mean**2 * self.size) / chi_between
            return np.zeros_like(sigma), sigma
        sigma = self.within / chi_within
        low, high = np.zeros_like(sigma), np.sum(self.mean**2) / chi_between
        for _ in range(60):
            tau = (low + high) / 2
            left = np.sum(self.mean**2 / (tau[:, None] + sigma[:, None] / self.size), axis=1)
            above = left > chi_between
            low, high = np.where(above, tau, low), np.where(above, high, tau)
        return np.where(high < 1e-12 * sigma, 0, high), sigma

    def estimates(self) -> tuple[float, float]:
        """tau^2 and sigma^2."""
        one = np.array([self.between_freedom]), np.array([self.within_freedom])
        tau, sigma = (float(part[0]) for part in self.at(*one))
        return tau, max(sigma, COPIES * tau)


def variances(
    fitted: Problem, merged: Merged, residual: np.ndarray, jacobian: np.ndarray, cells: bool
) -> Variances:
    mixing, noise = fitted.mixing, fitted.noise
    assert mixing is not None
    assert noise is not None
    if cells:
        freedom = len(residual) - jacobian.shape[1]
        order = np.argsort(merged.members)
        mean, size = (residual * noise)[order], merged.precision[order]
        return Variances(mean, size, freedom, merged.spread, merged.freedom)
    basis = shared_error.basis_of(jacobian)
    used = shared_error.between_freedom(basis, merged.members)
    mean, apart = shared_error.parts(residual, merged.members)
    count = np.bincount(merged.members)
    own = np.zeros(len(count))
    own[merged.members] = mean
    within = len(residual) - len(count) - (basis.shape[1] - used)
    return Variances(
        own / (1 - mixing.taken),
        count.astype("float64"),
        len(count) - used,
        float(np.sum(apart**2)),
        within,
    )
