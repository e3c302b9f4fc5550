"""The share of runs for which something holds lies in the predicted range.

    {"kind": "share", "name": "few runs diverge", "event": "status == 'diverged'",
     "where": "learning_rate > 0.001", "low": 0, "high": 0.05, "reason": "..."}

`event` and `where` are conditions on the run table: all runs that were recorded, diverged and
failed ones included, of every recipe. The interval is that of Clopper & Pearson 1934 ("The use of
confidence or fiducial limits illustrated in the case of the binomial"), which covers at least 95%
whatever the share. Runs count as independent. The cells trained first are no sample of the others,
so a sequential experiment decides a share when all runs that it counts are recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from scipy import special

from scaling_lab import conditions
from scaling_lab.errors import LabError

from ..experiment_tables import Tables
from ..studies import Refusal, Result
from . import level as levels
from . import parameter, planned, rangecheck
from .verdict import HELD, REFUTED, Verdict, in_range

FIELDS = ("event", "low", "high")
GATE = ()
WHOLE = (HELD, REFUTED)
EXAMPLE = {
    "name": "half of the runs have more data than 2^20",
    "event": "D > 2 ** 20",
    "low": 0.4,
    "high": 0.7,
}


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """Compare the share's 95% interval with the predicted range. Raises LabError if no run is."""
    where = parameter.condition(claim, list(map(str, tables.runs.columns)))
    rows = planned.selected(tables.runs, where)
    holds = int(np.sum(conditions.parse(claim["event"]).mask(rows)))
    interval = clopper_pearson(holds, len(rows))
    word, why = in_range(claim, interval)
    why = f"It holds for {holds} of {len(rows)} runs. {why}"
    return Verdict(claim, word, why, holds / len(rows), interval, "share")


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an event that is missing, an unknown column, or a range of no content."""
    if not parameter.condition(claim, columns, "event"):
        raise LabError("it has no event; give `event`, a condition such as status == 'diverged'")
    parameter.condition(claim, columns)
    rangecheck.refuse(claim, "the share", possible=(0.0, 1.0))


def clopper_pearson(holds: int, n: int, level: float | None = None) -> tuple[float, float]:
    """The exact interval of a share of `holds` in `n`."""
    tail = (1 - (level or levels.now())) / 2
    low = special.betaincinv(holds, n - holds + 1, tail) if holds else 0.0
    high = special.betaincinv(holds + 1, n - holds, 1 - tail) if holds < n else 1.0
    return float(low), float(high)
