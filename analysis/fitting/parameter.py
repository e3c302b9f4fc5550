"""Parameter: an estimate with its interval; Prediction: a response with its band."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

DIGITS = 10  # at most, however exact the points are
SMALL = 20.0  # a value this many times smaller than its error would round to nothing
NEGLIGIBLE = 1e-9  # a value below this share of the interval's upper end counts as 0


class Parameter(NamedTuple):
    """Estimate, interval and standard error; NaN where there was no bootstrap."""

    value: float
    low: float
    high: float
    se: float

    @classmethod
    def from_draws(
        cls, value: float, draws: np.ndarray, level: float, center: float | None = None
    ) -> Parameter:
        """An estimate with the interval and standard deviation of its draws [replicates].

        `center` as in `interval`: the interval is bias-corrected about it, or plain if None.
        """
        low, high = interval(draws, level, center)
        # Draws of a parameter that the points do not determine may be arbitrarily large.
        with np.errstate(over="ignore", invalid="ignore"):
            error = float(np.std(draws, ddof=1)) if len(draws) > 1 else float("nan")
        return cls(value, float(low), float(high), error)

    def as_text(self) -> tuple[str, str, str]:
        """Value, interval and standard error, to two digits of the narrower of the last two."""
        value, low, high, error = self
        if not error > 0:
            return f"{value:.6g}", "-", "-"
        # A few extreme draws widen a standard error more than an interval.
        narrow = min(error, (high - low) / 4) or error
        if not np.isfinite(narrow) or (narrow > SMALL * value > 0 and value > NEGLIGIBLE * high):
            # The ends are decades apart: no number of decimals suits both.
            return f"{value:.3g}", f"{low:.3g} to {high:.3g}", f"{error:.3g}"
        decimals = min(1 - _exponent(narrow), DIGITS - 1 - _exponent(value))
        shown = [_rounded(number, decimals) for number in self]
        return shown[0], f"{shown[1]} to {shown[2]}", shown[3]


class Prediction(NamedTuple):
    """The law's response and the band of the law itself (a new run scatters more)."""

    center: np.ndarray
    low: np.ndarray
    high: np.ndarray


def interval(
    draws: np.ndarray, level: float, center: np.ndarray | float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over the first axis; NaN where there are no draws.

    With the estimate as `center` it is bias-corrected (Efron 1981): if fewer than half of the draws
    lie below the estimate, both percentiles move down.
    """
    if not len(draws):
        nothing = np.full(draws.shape[1:], np.nan)
        return nothing, nothing
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    if center is None:
        low, high = np.quantile(draws, ends, axis=0)
        return low, high
    below = np.mean(draws < center, axis=0) + 0.5 * np.mean(draws == center, axis=0)
    # If all draws lie on one side of the estimate, the correction would be infinite.
    below = np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws))
    shares = special.ndtr(
        2 * special.ndtri(below) + special.ndtri(ends).reshape(2, *[1] * below.ndim)
    )
    ordered = np.sort(draws, axis=0)
    place = shares * (len(draws) - 1)
    under = np.clip(np.floor(place).astype(int), 0, len(draws) - 1)
    over = np.minimum(under + 1, len(draws) - 1)
    first, last = (np.take_along_axis(ordered, index, axis=0) for index in (under, over))
    low, high = first + (place - under) * (last - first)
    return low, high


def _exponent(value: float) -> int:
    return int(np.floor(np.log10(abs(value)))) if value else 0


def _rounded(number: float, decimals: int) -> str:
    """Rounded to that many decimals (to tens and hundreds if negative)."""
    if abs(number) < 0.5 * 10.0**-decimals:
        return "0"
    if 1e-4 < abs(number) < 1e7:
        return f"{round(number, decimals):.{max(decimals, 0)}f}"
    return f"{number:.3g}"
