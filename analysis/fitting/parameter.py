"""A parameter with its interval, and a prediction with its band."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Parameter(NamedTuple):
    """Estimate, interval and standard error; NaN where there was no bootstrap."""

    value: float
    low: float
    high: float
    se: float


class Prediction(NamedTuple):
    """The law's response and the band of the law itself (one new run scatters more)."""

    center: np.ndarray
    low: np.ndarray
    high: np.ndarray
