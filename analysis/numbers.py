"""Numbers as text without false precision: ranges, counts, exact values; names of parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence

Range = tuple[float, float, float]  # low, centre, high
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "kappa": "κ", "sigma": "σ"}


def shown(found: Range) -> str:
    """A range: two digits if it is narrow, powers of ten if it is wide."""
    low, centre, high = found
    if low <= 0 or high / low < 1.02:
        return plain(centre)
    if high / low < 10 or (high / low < 1000 and 0.01 <= centre < 1e4):
        return f"{_two(centre)} ({_two(low)} to {_two(high)})"
    return f"{power(centre)} ({power(low)} to {power(high)})"


def plain(value: float) -> str:
    """A number that is exact or has no range: whole if possible, else three significant digits."""
    if value == int(value) and abs(value) < 1e7:
        return f"{value:,.0f}"
    value = float(f"{value:.3g}")
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:,g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def power(value: float) -> str:
    """A positive number as a power of ten, to one decimal: 10^23.9, 10^24."""
    return "10^" + f"{math.log10(value):.1f}".replace("-0.0", "0.0").removesuffix(".0")


def _two(value: float) -> str:
    """Two significant digits."""
    return plain(float(f"{value:.1e}"))


def symbol(name: str) -> str:
    """The symbol of a parameter: alpha is α."""
    return GREEK.get(name, name)


def human(value: float) -> str:
    """A count with a suffix: 950, 1.2k, 34k, 1.5M."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{_three(value / size)}{unit}"
    return _three(value)


def _three(value: float) -> str:
    """Three significant digits, without an exponent."""
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e+" in text else text


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of plain text with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
