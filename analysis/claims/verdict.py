"""The verdict on a claim: a word, the value found with its interval, and the evidence.

held           the 95% interval lies inside the predicted range
refuted        the interval and the predicted range do not overlap
undecided      the interval lies partly outside, or no interval was found
insufficient   there are too few points for the fit that the claim is about
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..registration import EXPLORATORY, Standing

if TYPE_CHECKING:
    from ..studies import Result

HELD, REFUTED, UNDECIDED, INSUFFICIENT = "held", "refuted", "undecided", "insufficient"
WORDS = (HELD, REFUTED, UNDECIDED, INSUFFICIENT)


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim: `word` is one of WORDS, `why` a sentence.

    claim      the claim as stored in experiment.json
    value      the value found; NaN if there is none
    interval   its 95% interval; NaN if there is none
    quantity   the name of the value, such as "alpha"
    evidence   what the verdict rests on: a fit, a study's result, or None
    registration  whether the claim was registered before the runs that it rests on; None if unknown
    """

    claim: Mapping[str, Any]
    word: str
    why: str
    value: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    quantity: str = ""
    evidence: Result | None = None
    registration: Standing | None = None

    @property
    def is_exploratory(self) -> bool:
        """Whether the claim was registered after runs that it rests on."""
        return self.registration is not None and self.registration.status == EXPLORATORY

    @property
    def predicted(self) -> tuple[float, float]:
        """The range that was predicted; an end that was left open is infinite."""
        return predicted(self.claim)


def predicted(claim: Mapping[str, Any]) -> tuple[float, float]:
    """The range from `low` to `high` of a claim; an end that was left open is infinite."""
    low, high = claim.get("low"), claim.get("high")
    return (-math.inf if low is None else low, math.inf if high is None else high)


def in_range(claim: Mapping[str, Any], interval: tuple[float, float]) -> tuple[str, str]:
    """Word and reason for a 95% interval and the range that the claim predicts."""
    (low, high), (first, last) = predicted(claim), interval
    if not (math.isfinite(first) and math.isfinite(last)):
        return UNDECIDED, "The fit gives no finite 95% interval."
    found = f"The 95% interval {first:#.3g} to {last:#.3g}"
    if low <= first and last <= high:
        return HELD, f"{found} lies inside the predicted range."
    if first > high:
        return REFUTED, f"{found} lies wholly above the predicted range."
    if last < low:
        return REFUTED, f"{found} lies wholly below the predicted range."
    return UNDECIDED, f"{found} lies partly outside the predicted range."
