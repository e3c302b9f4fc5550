"""The ratio of two cells, or of a law's parameter on two sides, lies in a range.

    {"kind": "ratio", "name": "500 pictures are known by heart", "where": "D == 500",
     "against": "D == 50000", "at": {"N": 700000}, "low": 2, "high": 4}

The value is that of `where` over that of `against`: of the geometric means of two cells, with
Welch's interval of the logarithms, or with a `law` of its `parameter`, whose intervals are joined
as in `difference`. All values must be positive. A range around 1 says that they are the same, and
must lie within 10% of it.

The gate is that of a difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_lab.errors import LabError

from ..experiment_tables import Tables
from ..studies import Refusal, Result
from . import contrast, rangecheck
from .contrast import FIELDS, GATE
from .gate.requirements import of_claim
from .verdict import Verdict, in_range, predicted

if TYPE_CHECKING:
    from ..fitting.parameter import Parameter

__all__ = ["EXAMPLE", "FIELDS", "GATE", "check", "evaluate", "plan"]

EXAMPLE = {
    "name": "the LSTM's loss over the transformer's",
    "where": "model == 'lstm'",
    "against": "model == 'transformer'",
    "at": {"N": 2.0**22, "D": 2.0**24},
    "low": 1.1,
    "high": 1.2,
}
plan = contrast.plan


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """Compare the ratio's 95% interval with the predicted range.

    Raises LabError if a side has no run, more than one cell, or a value that is not positive.
    """
    found = contrast.sides(claim, tables)
    quantity, value, interval = contrast.difference(claim, found, _logarithms, logarithm)
    low, high = np.exp(np.clip(interval, -700, 700)).tolist()
    ends = (0.0 if interval[0] == -math.inf else low, math.inf if interval[1] == math.inf else high)
    word, why = in_range(claim, ends)
    name = f"ratio of {quantity}"
    support = replace(found.support, smallest=1.0, nothing=1.0)
    return Verdict(claim, word, why, math.exp(value), ends, name, found.pair, support=support)


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown name, a missing side, or a range that says nothing."""
    contrast.check(claim, columns)
    (low, high), share = predicted(claim), of_claim(claim).equivalence
    wide = max((abs(end - 1) for end in (low, high) if math.isfinite(end)), default=0.0)
    if low < 1 < high and wide > share + 1e-9:
        raise LabError(
            f"a ratio of {low:g} to {high:g} holds if nothing is there; predict it on one side of "
            f"1, or within {share:.0%} of it"
        )
    what = f"the ratio of {claim.get('parameter') or claim['loss']}"
    rangecheck.refuse(claim, what, possible=rangecheck.POSITIVE)


def _logarithms(values: Any) -> np.ndarray:
    found = np.asarray(values, "float64")
    if (found <= 0).any():
        raise LabError("a ratio needs positive values; predict a difference")
    return np.log(found)


def logarithm(found: Parameter) -> Parameter:
    """A positive estimate and its interval as logarithms."""
    if found.value <= 0:
        raise LabError(f"a ratio needs positive values, not {found.value:g}; predict a difference")
    low = math.log(found.low) if found.low > 0 else -math.inf
    return found._replace(value=math.log(found.value), low=low, high=math.log(found.high))
