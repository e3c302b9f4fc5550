"""Numbers without false digits: ranges to two digits or as powers of ten, exact ones whole."""

from __future__ import annotations

import math

Range = tuple[float, float, float]  # low, centre, high


def shown(found: Range) -> str:
    """A range without false digits: two of them where it is narrow, a power of ten where wide."""
    low, centre, high = found
    if low <= 0 or high / low < 1.02:
        return plain(centre)
    if high / low < 10 or (high / low < 1000 and 0.01 <= centre < 1e4):
        return f"{_two(centre)} ({_two(low)} to {_two(high)})"
    return f"{power(centre)} ({power(low)} to {power(high)})"


def plain(value: float) -> str:
    """A number that is exact, or is given without a range: whole if it can be, else 3 digits."""
    if value == int(value) and abs(value) < 1e7:
        return f"{value:,.0f}"
    value = float(f"{value:.3g}")
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:,g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def power(value: float) -> str:
    """A positive number as a power of ten to a tenth: 10^23.9, 10^24."""
    return "10^" + f"{math.log10(value):.1f}".replace("-0.0", "0.0").removesuffix(".0")


def _two(value: float) -> str:
    """Two significant digits."""
    return plain(float(f"{value:.1e}"))
