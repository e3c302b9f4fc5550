"""The verdict on a claim: a word, the value found with its interval, the gate and the evidence.

held           the gate is passed, and the 95% interval lies inside the predicted range
refuted        the gate is passed, and the interval and the predicted range do not overlap
undecided      the gate is passed, and the interval lies partly outside
insufficient   the gate is not passed: the table cannot decide the claim; or nothing can be computed

The gate (`claims.gate`) asks what the table and the fit must have before their interval decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..registration import EXPLORATORY, Standing
from . import level

if TYPE_CHECKING:
    from ..studies import Result
    from .support import Support

HELD, REFUTED, UNDECIDED, INSUFFICIENT = "held", "refuted", "undecided", "insufficient"
WORDS = (HELD, REFUTED, UNDECIDED, INSUFFICIENT)


@dataclass(frozen=True)
class GateLine:
    """One requirement of the gate: what was found, what was needed, and what would pass it."""

    name: str
    passed: bool
    found: str
    needed: str
    what_would_pass: str = ""

    @property
    def text(self) -> str:
        """The line as one sentence without a full stop."""
        return f"{self.name}: {self.found} (needed: {self.needed})"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim: `word` is one of WORDS, `why` a sentence.

    claim         the claim as stored in experiment.json
    value         the value found; NaN if there is none
    interval      its 95% interval; NaN if there is none, infinite where an end is not determined
    quantity      the name of the value, such as "alpha"
    evidence      what the verdict rests on: a fit, a study's result, or None
    prediction    the prediction in words; "" if it is the range from low to high
    support       the rows, fits and cells behind it, for the gate
    gate          the gate's lines; those that were not passed come first
    findings      doubts about what it rests on, worst first
    turning       what would have changed the word
    registration  whether the claim was registered before the runs that it rests on; None if unknown
    """

    claim: Mapping[str, Any]
    word: str
    why: str
    value: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    quantity: str = ""
    evidence: Result | None = None
    prediction: str = ""
    support: Support | None = field(default=None, repr=False)
    gate: tuple[GateLine, ...] = ()
    findings: tuple[Any, ...] = ()
    turning: str = ""
    registration: Standing | None = None

    @property
    def is_exploratory(self) -> bool:
        """Whether the claim was registered after runs that it rests on."""
        return self.registration is not None and self.registration.status == EXPLORATORY

    @property
    def predicted(self) -> tuple[float, float]:
        """The range that was predicted; an end that was left open is infinite."""
        return predicted(self.claim)

    @property
    def failed(self) -> list[GateLine]:
        """The lines of the gate that were not passed."""
        return [line for line in self.gate if not line.passed]


def predicted(claim: Mapping[str, Any]) -> tuple[float, float]:
    """The range that a claim predicts; an end that was left open is infinite.

    A claim with a margin and no range predicts a value between -margin and margin.
    """
    low, high, margin = claim.get("low"), claim.get("high"), claim.get("margin")
    if low is None and high is None and margin is not None:
        return (-margin, margin)
    return (-math.inf if low is None else low, math.inf if high is None else high)


def in_range(claim: Mapping[str, Any], interval: tuple[float, float]) -> tuple[str, str]:
    """Word and reason for a 95% interval and the range that the claim predicts."""
    (low, high), (first, last) = predicted(claim), interval
    if math.isnan(first) or math.isnan(last):
        return UNDECIDED, f"There is no {level.text()} interval."
    if math.isinf(first) and math.isinf(last):
        return UNDECIDED, f"The data do not determine it: the {level.text()} interval has no end."
    found = f"The {level.text()} interval, {_shown(first, last)},"
    if low <= first and last <= high:
        return HELD, f"{found} lies inside the predicted range."
    if first > high:
        return REFUTED, f"{found} lies wholly above the predicted range."
    if last < low:
        return REFUTED, f"{found} lies wholly below the predicted range."
    return UNDECIDED, f"{found} lies partly outside the predicted range."


def turning(claim: Mapping[str, Any], value: float, interval: tuple[float, float]) -> str:
    """What would have changed the word that `in_range` gives; "" if there is no interval."""
    (low, high), (first, last) = predicted(claim), interval
    if math.isnan(first) or math.isnan(last):
        return ""
    word, _ = in_range(claim, interval)
    if word == REFUTED:
        end, near, half = (
            (high, first, value - first) if first > high else (low, last, last - value)
        )
        return (
            f"Not refuted if the estimate lay {_move(abs(near - end), half)} closer to {end:.3g}."
        )
    if not math.isfinite(value):
        return ""
    if word == HELD:
        room = {high: high - last, low: first - low}
        ends = [end for end in room if math.isfinite(end)]
        if not ends:
            return ""
        end = min(ends, key=room.__getitem__)
        half = last - value if end == high else value - first
        return f"Not held if the estimate lay {_move(room[end], half)} closer to {end:.3g}."
    # Each end that the interval reaches across, and its half-width on that side.
    across = {
        end: last - value if end > value else value - first
        for end in (low, high)
        if first < end < last
    }
    end = max(across, key=lambda one: across[one] / (abs(value - one) or 1e-300))
    half, room = across[end], abs(value - end)
    decided = HELD if low <= value <= high else REFUTED
    if math.isinf(half) or not room:
        return f"{decided.capitalize()} if the data told the estimate, {value:.3g}, from {end:.3g}."
    return (
        f"{decided.capitalize()} if the interval around this estimate reached less than {room:.2g} "
        f"towards {end:.3g}, not {half:.2g}: about {(half / room) ** 2:.2g} times the runs."
    )


def _move(distance: float, half: float) -> str:
    """A distance beside the half-width of the interval."""
    if not (math.isfinite(half) and half > 0):
        return f"{distance:.2g}"
    return f"{distance:.2g} ({distance / half:.2g} half-widths of its interval)"


def _shown(first: float, last: float) -> str:
    if math.isinf(first):
        return f"at most {last:#.3g}"
    return f"at least {first:#.3g}" if math.isinf(last) else f"{first:#.3g} to {last:#.3g}"
