"""Numbers, ranges and equations as HTML for the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from ..numbers import symbol

NAME = re.compile(r"[A-Za-z]\w*")


def equation(fit: Any) -> Markup:
    """A law's equation as HTML: L = E + A D^-alpha with its exponent raised and in Greek.

    Of a name such as N_1 the index is lowered.
    """
    return Markup(_typeset(str(escape(fit.equation))))


def _typeset(text: str) -> str:
    before, raised, after = text.partition("^")
    if not raised:
        return NAME.sub(_named, text)
    end = _end_of_exponent(after)
    exponent = after[:end]
    if exponent.startswith("("):
        exponent = exponent[1:-1]
    exponent = _typeset(exponent.replace("-", "−"))
    return f"{_typeset(before)}<sup>{exponent}</sup>{_typeset(after[end:])}"


def _end_of_exponent(text: str) -> int:
    """Where the exponent at the beginning of the text ends: a name, or what is in parentheses."""
    if not text.startswith("("):
        return len((re.match(r"-?\w+", text) or [""])[0])
    depth = 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth:
            return place + 1
    return len(text)


def _named(found: re.Match[str]) -> str:
    """A name: capitals are italic, an index is lowered."""
    name, _, index = found[0].partition("_")
    made = f"<i>{name}</i>" if len(name) == 1 and name.isupper() else symbol(name)
    return f"{made}<sub>{symbol(index)}</sub>" if index else made


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
