"""The difference of two cells, or of a law's parameter between two sides, lies in a range.

    {"kind": "difference", "name": "attention is ahead", "where": "model == 'seq2seq'",
     "against": "model == 'encoder_decoder'", "at": {"N": 80000, "D": 29000}, "low": 0.1, ...}

    {"kind": "difference", "name": "one exponent", "law": "power_law", "x": "N",
     "parameter": "alpha", "where": "model == 'lstm'", "against": "model == 'transformer'",
     "margin": 0.005, "quantity": 0.05, "reason": "Hestness 2017"}

The value is that of `where` less that of `against`. A `margin` says that they are the same: the
difference lies between -margin and margin, and margin is at most a tenth of the `quantity`.

Means of two cells are compared by Welch's interval. The interval of a difference of parameters
follows from those of both, which may be asymmetric or open (MOVER: Zou & Donner 2008,
"Construction of confidence limits about effect measures").

The gate asks for three seeds of each cell, at equal conditions; of parameters for what a fitted
exponent needs; and that a margin is narrow beside the quantity that was found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..experiment_tables import Tables
from ..studies import Refusal, Result
from . import contrast, rangecheck
from .contrast import GATE
from .verdict import Verdict, in_range

__all__ = ["EXAMPLE", "FIELDS", "GATE", "check", "evaluate", "plan"]

FIELDS = (*contrast.FIELDS, "margin", "quantity")
EXAMPLE = {
    "name": "the LSTM is behind",
    "where": "model == 'lstm'",
    "against": "model == 'transformer'",
    "at": {"N": 2.0**22, "D": 2.0**24},
    "low": 0.1,
    "high": 0.2,
}
plan = contrast.plan


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """Compare the difference's 95% interval with the predicted range.

    Raises LabError if a side has no run, or more than one cell, or its law cannot be fitted.
    """
    found = contrast.sides(claim, tables)
    quantity, value, interval = contrast.difference(claim, found)
    word, why = in_range(claim, interval)
    name = f"difference of {quantity}"
    return Verdict(claim, word, why, value, interval, name, found.pair, support=found.support)


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown name, a missing side, or a range that says nothing."""
    contrast.check(claim, columns)
    rangecheck.refuse(claim, f"the difference of {claim.get('parameter') or claim['loss']}")
