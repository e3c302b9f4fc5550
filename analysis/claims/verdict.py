"""Claims: what an experiment said beforehand about a fitted parameter, and what came of it.

A claim names a law, the rows it holds for and the range its parameter was predicted to lie in:

    {"name": "L(D) at the largest model", "law": "power_law_floor", "x": "D",
     "where": "N == N.max()", "loss": "best_test_loss",
     "parameter": "alpha", "low": 0.3, "high": 0.7}

It is held when the 95% interval of the fit lies inside the predicted range, refuted when the two
are apart, and undecided otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from scaling_lab import conditions
from scaling_lab.errors import unknown

from .. import laws

HELD, REFUTED, UNDECIDED = "held", "refuted", "undecided"


@dataclass(frozen=True)
class Verdict:
    """A claim with its answer: `word` is held, refuted or undecided, `why` a sentence."""

    claim: Mapping[str, Any]
    word: str
    why: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def predicted(self) -> tuple[float, float]:
        """The range that was predicted; an end that was left open is infinite."""
        low, high = self.claim.get("low"), self.claim.get("high")
        return (-math.inf if low is None else low, math.inf if high is None else high)


def columns(claim: Mapping[str, Any]) -> dict[str, str]:
    """Which columns of the run table play the law's roles (for `tables.checked`)."""
    law = laws.get(claim["law"])
    asked = claim.get("x", [])
    variables = law.variables if law.variables != ("x",) else asked
    names = [variables] if isinstance(variables, str) else list(variables)
    return {name: name for name in names} | {"L": claim.get("loss", "best_test_loss")}


def condition(claim: Mapping[str, Any], frame: pd.DataFrame) -> str:
    """The claim's condition on the rows; empty for all.

    Raises LabError if it cannot be read or names what is no column.
    """
    text = str(claim.get("where") or "").strip()
    if text:
        conditions.parse(text).require(frame)
    return text


def judge(claim: Mapping[str, Any], fit: Any) -> Verdict:
    """Hold a fit against what was claimed. Raises LabError for a parameter the law has not."""
    name = claim["parameter"]
    if name not in fit.params:
        raise unknown("parameter", name, fit.params)
    found = fit.params[name]
    verdict = Verdict(claim, UNDECIDED, "", found.value, found.low, found.high)
    low, high = verdict.predicted
    interval = f"95% interval {found.low:#.3g} to {found.high:#.3g}"
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        word, why = UNDECIDED, "The fit gives no finite 95% interval."
    elif low <= found.low and found.high <= high:
        word, why = HELD, f"The {interval} lies inside the predicted range."
    elif found.low > high:
        word, why = REFUTED, f"The {interval} lies wholly above the predicted range."
    elif found.high < low:
        word, why = REFUTED, f"The {interval} lies wholly below the predicted range."
    else:
        word, why = UNDECIDED, f"The {interval} lies partly outside the predicted range."
    return Verdict(claim, word, why, found.value, found.low, found.high)
