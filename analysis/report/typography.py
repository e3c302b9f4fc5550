"""Numbers, ranges and equations as HTML for the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from ..numbers import symbol


def equation(fit: Any) -> Markup:
    """A law's equation as HTML: L = E + A D^-alpha with its exponent raised and in Greek."""
    made = str(escape(fit.equation))
    made = re.sub(
        r"\^\(?(-?)(\w+)\)?", lambda m: f"<sup>{'−' * len(m[1])}{symbol(m[2])}</sup>", made
    )
    made = re.sub(r"\b([A-Z])\b", r"<i>\1</i>", made)
    return Markup(made)


def raised(text: str) -> Markup:
    """Text with its powers of ten raised: 10^23.9, 5e17; no line breaks inside a number."""
    times = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10"
    made = re.sub(r"(?<![\d.])1e(-?\d+)\b", r"10^\1", str(escape(text)))
    made = re.sub(r"\b(\d[\d.]*)e(-?\d+)\b", rf"\1{times}^\2", made)
    made = re.sub(r"\^(-?)(\d[\d.]*\d|\d)", lambda m: f"<sup>{'−' * len(m[1])}{m[2]}</sup>", made)
    return Markup(made)


def number(value: float | None) -> Markup:
    """Three significant digits; powers of ten where they are shorter."""
    if value is None or math.isnan(value):
        return Markup("—")
    if math.isinf(value):
        return Markup("∞" if value > 0 else "−∞")
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")
        return Markup(text.replace("-", "−"))
    factor, power = f"{value:.2e}".split("e")
    return Markup(f"{factor} × 10<sup>{int(power)}</sup>".replace("-", "−"))


def short(value: Any) -> str:
    """A value of the grid as the experiment writes it: 0.003, adam."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def duration(seconds: float) -> str:
    """A duration for people to read: 42 s, 3 min 20 s, 5 h 12 min."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def interval(low: float, high: float, write: Callable[[float], str] = number) -> Markup:
    """A range in words; an infinite end is left out."""
    if math.isinf(low) and math.isinf(high):
        return Markup("any value")
    if math.isinf(low):
        return Markup(f"at most {write(high)}")
    if math.isinf(high):
        return Markup(f"at least {write(low)}")
    return Markup(f"{write(low)} to {write(high)}")
