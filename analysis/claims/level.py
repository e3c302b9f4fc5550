"""The level of the intervals that decide claims: 95%, or that of a look.

`at(level)` sets it for what is evaluated inside. An estimate that comes with a 95% interval, such
as a study's, gets a wider one by Student's quantiles, in logarithms where both ends are positive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from scipy import special

if TYPE_CHECKING:
    from ..fitting.parameter import Parameter

USUAL = 0.95

_level: ContextVar[float] = ContextVar("level of the intervals of claims", default=USUAL)


def now() -> float:
    """The level in force."""
    return _level.get()


@contextmanager
def at(level: float) -> Iterator[None]:
    """Inside, intervals that decide claims have this level."""
    token = _level.set(level)
    try:
        yield
    finally:
        _level.reset(token)


def text() -> str:
    """The level in force as a percentage: 95%, 98.7%."""
    return f"{100 * now():.4g}%"


def widened(found: Parameter, certificate: Mapping[str, Any] | None = None) -> Parameter:
    """A parameter with a 95% interval, at the level in force.

    certificate: of its fit, for the degrees of freedom. The resampled draws of a fit are too few
    for the tails of a high level, which is why its interval is stretched and not read off them.
    """
    if now() == USUAL:
        return found
    low, high = widened_ends(found.value, found.low, found.high, certificate)
    return found._replace(low=low, high=high)


def widened_ends(
    value: float, low: float, high: float, certificate: Mapping[str, Any] | None = None
) -> tuple[float, float]:
    """As `widened`, of an interval alone."""
    if now() == USUAL:
        return low, high
    df = float((certificate or {}).get("freedom") or math.inf)
    if not df > 0:
        return -math.inf, math.inf
    stretch = _quantile(df, now()) / _quantile(df, USUAL)
    if low > 0 and value > 0:
        a, b = math.log(low), math.log(high) if math.isfinite(high) else math.inf
        centre = math.log(value)
        first, last = centre + stretch * (a - centre), centre + stretch * (b - centre)
        return math.exp(max(first, -700)), math.exp(last) if last < 700 else math.inf
    # An end that is open, or at 0 because the data do not exclude it, stays.
    first = low if low == 0 else value + stretch * (low - value)
    return first, value + stretch * (high - value)


def _quantile(df: float, level: float) -> float:
    if math.isinf(df):
        return float(special.ndtri((1 + level) / 2))
    return float(special.stdtrit(df, (1 + level) / 2))
