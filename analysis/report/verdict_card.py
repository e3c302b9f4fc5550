"""The card of a verdict on the page: the claim, the estimate, and where both lie on a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..claims.verdict import Verdict
from ..numbers import symbol
from .typography import equation, interval, number, short


def card(verdict: Verdict, fits: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's template shows of a verdict, in words, beside the fit that was judged."""
    claim, (low, high) = verdict.claim, verdict.predicted
    fit = fits.get(claim["name"], fits.get(claim["law"]))
    return {
        "name": claim["name"],
        "word": verdict.word,
        "why": verdict.why,
        "symbol": symbol(str(claim["parameter"])),
        "value": number(verdict.value),
        "interval": interval(verdict.low, verdict.high),
        "predicted": interval(low, high, short),
        "published": _published(claim),
        "judged": math.isfinite(verdict.value),
        "strip": _strip(verdict),
        "equation": equation(fit) if fit else "",
        "where": str(claim.get("where") or ""),
        "warnings": list(fit.warnings) if fit else [],
    }


def _published(claim: Mapping[str, Any]) -> str:
    """What others found, and who; "" where the claim names none."""
    value = claim.get("published")
    return "" if value is None else f"{short(value)} ({claim.get('source') or 'no source'})"


def _strip(verdict: Verdict) -> dict[str, Any] | None:
    """Where the predicted range and the interval lie on a line 0 to 100, cut at its ends."""
    low, high = verdict.predicted
    others = verdict.claim.get("published")
    ends = [v for v in (low, high, verdict.low, verdict.high) if math.isfinite(v)]
    if len(ends) < 3 or max(ends) == min(ends):
        return None
    room = high - low if math.isfinite(high - low) else max(ends) - min(ends)
    room = room or max(ends) - min(ends)
    first = max(min(ends), min(v for v in (low, high) if math.isfinite(v)) - 2.5 * room)
    last = min(max(ends), max(v for v in (low, high) if math.isfinite(v)) + 2.5 * room)
    if others is not None and first - 2.5 * room <= others <= last + 2.5 * room:
        first, last = min(first, others), max(last, others)
    else:
        others = None  # too far away to be drawn; the words have it
    margin = 0.18 * (last - first)
    first, last = first - margin, last + margin

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - first) / (last - first))), 2)

    return {
        "predicted": (place(low), place(high)),
        "interval": (place(verdict.low), place(verdict.high)),
        "value": place(verdict.value),
        "published": None if others is None else place(others),
        "beyond": (verdict.low < first, verdict.high > last),
        "ticks": [(place(v), short(v)) for v in (low, high) if math.isfinite(v)],
    }
