"""Mixing: how residuals of rows that share an error are made independent.

Rows of a cluster share an error whose variance is rho times that of their own. Taking the share

    a = 1 - 1 / sqrt(1 + m rho)

of the cluster's mean from each of its m residuals leaves residuals that are independent, with the
variance of a row's own error: generalised least squares is then least squares.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Mixing:
    """members: the cluster of each row [points]; taken: its share of the mean [clusters].

    shift    what each lane subtracts from the residuals [rows of weights, points]
    """

    members: np.ndarray
    taken: np.ndarray
    shift: np.ndarray

    def white(self, values: np.ndarray) -> np.ndarray:
        """Values [..., points] without their shares of the clusters' means."""
        if not self.taken.any():
            return values
        return values - (values @ self._mean) @ self._back

    @functools.cached_property
    def _back(self) -> np.ndarray:
        """[clusters, points]: 1 where the point is the cluster's."""
        return (np.arange(len(self.taken))[:, None] == self.members).astype("float64")

    @functools.cached_property
    def _mean(self) -> np.ndarray:
        return (self._back / self._back.sum(axis=1, keepdims=True) * self.taken[:, None]).T
