"""The card of a verdict on the page: prediction, finding, gate, doubts, and both on a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..checks import Finding
from ..claims.verdict import Verdict
from ..numbers import symbol
from .findings import of_verdict
from .typography import equation, interval, number, short


def record(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON for other programs; a number that is missing or infinite is null."""
    numbers = zip(("value", "low", "high"), (verdict.value, *verdict.interval), strict=True)
    return {
        "claim": dict(verdict.claim),
        "word": verdict.word,
        "why": verdict.why,
        "quantity": verdict.quantity,
        **{name: float(one) if math.isfinite(one) else None for name, one in numbers},
        "prediction": verdict.prediction,
        "turning": verdict.turning,
        "registration": verdict.registration and verdict.registration._asdict(),
    }


def card(verdict: Verdict) -> dict[str, Any]:
    """What the page's template shows of a verdict and its evidence."""
    claim, evidence = verdict.claim, verdict.evidence
    return {
        "name": claim["name"],
        "word": verdict.word,
        "why": verdict.why,
        "symbol": symbol(verdict.quantity),
        "value": number(verdict.value),
        "interval": interval(*verdict.interval),
        "predicted": verdict.prediction or interval(*verdict.predicted, short),
        "grounds": _grounds(claim),
        "published": _published(claim),
        "measured": math.isfinite(verdict.value),
        "strip": _strip(verdict),
        "equation": equation(evidence) if hasattr(evidence, "equation") else "",
        "registration": verdict.registration.sentence if verdict.registration else "",
        "exploratory": verdict.is_exploratory,
        "where": str(claim.get("where") or ""),
        "failed": verdict.failed,
        "passed": [line for line in verdict.gate if line.passed],
        "turning": verdict.turning,
        "findings": [_doubt(one) for one in of_verdict(verdict)],
    }


def shown(one: Finding) -> dict[str, str]:
    """A finding as the template shows it."""
    return {
        "check": one.check.replace("_", " "),
        "severity": one.severity.name.lower(),
        "what": one.what,
        "how_bad": one.how_bad,
        "what_to_do": one.what_to_do,
    }


def _grounds(claim: Mapping[str, Any]) -> str:
    """Where the prediction comes from, and why it is wide or the gate lower than usual."""
    source = claim.get("source") if claim.get("published") is None else ""
    said = [text for text in (source, claim.get("reason")) if text]
    if not said:
        return "no source or reason was given"
    if gate := claim.get("gate"):
        changed = ", ".join(f"{name} {short(value)}" for name, value in gate.items())
        said.append(f"(gate: {changed})")
    return " ".join(said)


def _doubt(finding: Finding) -> dict[str, str]:
    """A finding on the card: how severe, and in words."""
    return {"severity": finding.severity.name.lower(), "text": finding.text}


def _published(claim: Mapping[str, Any]) -> str:
    """The published value and its source; "" if the claim gives none."""
    value = claim.get("published")
    return "" if value is None else f"{short(value)} ({claim.get('source') or 'no source'})"


def _strip(verdict: Verdict) -> dict[str, Any] | None:
    """The predicted range and the interval on a line from 0 to 100, clipped to it."""
    low, high = verdict.predicted
    first_found, last_found = verdict.interval
    others = verdict.claim.get("published")
    ends = [v for v in (low, high, first_found, last_found) if math.isfinite(v)]
    if len(ends) < 3 or max(ends) == min(ends):
        return None
    room = high - low if math.isfinite(high - low) else max(ends) - min(ends)
    room = room or max(ends) - min(ends)
    first = max(min(ends), min(v for v in (low, high) if math.isfinite(v)) - 2.5 * room)
    last = min(max(ends), max(v for v in (low, high) if math.isfinite(v)) + 2.5 * room)
    if others is not None and first - 2.5 * room <= others <= last + 2.5 * room:
        first, last = min(first, others), max(last, others)
    else:
        others = None  # too far away to draw; the text gives it
    margin = 0.18 * (last - first)
    first, last = first - margin, last + margin

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - first) / (last - first))), 2)

    return {
        "predicted": (place(low), place(high)),
        "interval": (place(first_found), place(last_found)),
        "value": place(verdict.value),
        "published": None if others is None else place(others),
        "beyond": (first_found < first, last_found > last),
        "ticks": [(place(v), short(v)) for v in (low, high) if math.isfinite(v)],
    }
