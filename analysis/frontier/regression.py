"""Regression: power laws y = coefficient x^exponent, by least squares in logarithms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class PowerLaw(NamedTuple):
    """y = coefficient x^exponent; both arrays have the same shape."""

    coefficient: np.ndarray
    exponent: np.ndarray

    def at(self, x: np.ndarray) -> np.ndarray:
        """y at each x; shape: the law's shape + the shape of x."""
        exponent = np.asarray(self.exponent)[..., None]
        return np.asarray(self.coefficient)[..., None] * x**exponent


def power_law(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> PowerLaw:
    """The power law through positive points x [points] and y [..., points]; weights broadcast.

    A y that is NaN, infinite or 0 is ignored; with fewer than two distinct x left, the law is NaN.
    A coefficient too large or too small for float64 is infinite or 0.
    """
    known = np.isfinite(y) & (y > 0) & (weights > 0)
    log_x, log_y = np.log(x), np.log(np.where(known, y, 1.0))
    share = np.where(known, weights, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = share / share.sum(axis=-1, keepdims=True)
        from_mean = log_x - (share * log_x).sum(axis=-1, keepdims=True)
        spread = (share * from_mean**2).sum(axis=-1)
        exponent = (share * from_mean * log_y).sum(axis=-1) / np.where(spread > 1e-12, spread, 0)
    level = (share * log_y).sum(axis=-1) - exponent * (share * log_x).sum(axis=-1)
    # The coefficient is y at x = 1. Two points a percent apart in x can have an exponent of
    # hundreds, and y at x = 1 is then beyond any float64.
    with np.errstate(over="ignore"):
        coefficient = np.exp(level)
    return PowerLaw(coefficient, np.where(np.isfinite(exponent), exponent, np.nan))
