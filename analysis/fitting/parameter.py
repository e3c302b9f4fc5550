"""Parameter: an estimate with its interval; Prediction: a response with its band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import special

DIGITS = 10  # at most, however exact the points are
SMALL = 20.0  # a value this many times smaller than its error would round to nothing
TIED = 1e-9  # relative: draws this near to the estimate are equal to it
NEGLIGIBLE = 1e-9  # a value below this share of the interval's upper end counts as 0


class Parameter(NamedTuple):
    """Estimate, interval and standard error; NaN where there were no draws.

    An end that the data do not determine is infinite, or 0 for a parameter that is positive.
    """

    value: float
    low: float
    high: float
    se: float

    @classmethod
    def from_draws(
        cls, value: float, draws: np.ndarray, level: float, center: float | None = None
    ) -> Parameter:
        """An estimate with the interval and standard error of its draws [replicates].

        `center` as in `interval`: the interval is bias-corrected about it, or plain if None. The
        standard error is the standard deviation of the draws, or half of their central 68% if the
        interval is plain: draws from few clusters have long tails. The interval holds the estimate.
        """
        low, high = (float(end) for end in interval(draws, level, center))
        if len(draws) < 2:
            return cls(value, low, high, float("nan"))
        # Draws of a parameter that the points do not determine may be arbitrarily large.
        with np.errstate(over="ignore", invalid="ignore"):
            if center is None:
                error = float(np.diff(np.quantile(draws, special.ndtr([-1.0, 1.0])))[0]) / 2
            else:
                error = float(np.std(draws, ddof=1))
        return cls(value, min(low, value), max(high, value), error)

    def as_json(self) -> dict[str, float | bool | None]:
        """The four numbers, null where they are not finite, and whether they are determined."""
        numbers = {k: v if np.isfinite(v) else None for k, v in self._asdict().items()}
        # Without draws nothing was asked of the data.
        return numbers | ({} if np.isnan(self.low) else {"determined": self.determined})

    @classmethod
    def from_json(cls, card: Mapping[str, Any]) -> Parameter:
        """The parameter that `as_json` wrote; cards of earlier versions have no open ends."""
        found = cls(**{k: np.nan if card[k] is None else card[k] for k in cls._fields})
        if card.get("determined", True):
            return found
        low = -np.inf if np.isnan(found.low) else found.low
        return found._replace(low=low, high=np.inf if np.isnan(found.high) else found.high)

    @property
    def determined(self) -> bool:
        """Whether both ends of the interval are known; False without an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    def as_text(self) -> tuple[str, str, str]:
        """Value, interval and standard error, to two digits of the narrower of the last two."""
        value, low, high, error = self
        if np.isinf(low) or np.isinf(high):
            over = f" (above {low:.3g})" if low > 0 else ""
            return f"{value:.3g}", f"not determined{over}", f"{error:.3g}" if error > 0 else "-"
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
    """The law's response and its band, of the law itself or of a new run."""

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
        # With these plotting positions the interval holds the level's share of further draws.
        low, high = np.quantile(draws, ends, axis=0, method="weibull")
        return low, high
    # Replicates that differ from the estimate by the solver's rounding are ties.
    tied = np.abs(draws - center) <= TIED * np.abs(center)
    below = np.mean((draws < center) & ~tied, axis=0) + 0.5 * np.mean(tied, axis=0)
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
