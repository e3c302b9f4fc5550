"""Whether runs were trained until their loss stopped falling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..numbers import human
from .finding import Finding, Severity
from .subject import Experiment
from .tautology import follows
from .thresholds import Thresholds


class Undertrained:
    """The slope of log validation loss in log steps over the last half of each chosen run.

    A run whose best step is its last and whose loss still falls is a run cut short. Where the steps
    grow with D, L(D) then is a law of the length of training as much as of the data; runs that read
    each example once have no other way to see more of it.
    """

    name, of = "undertrained", "tables"

    def examine(
        self, tables: Experiment, definition: Mapping[str, Any], thresholds: Thresholds
    ) -> list[Finding]:
        """A finding if more than a few runs were cut short."""
        measure = str(definition.get("objective") or "valid_loss")
        best, curves = tables.families, tables.curves
        needed = {"run", "steps", "best_step"}
        if not needed <= set(best) or curves.empty or measure not in curves:
            return []
        falling = slopes(curves, measure, definition.get("direction") or "min")
        rows = best.assign(slope=best["run"].map(falling)).dropna(subset=["slope", "best_step"])
        last = rows["best_step"] >= thresholds.last_step * rows["steps"]
        short = rows[last & (rows["slope"] > thresholds.steep)]
        if rows.empty or len(short) <= thresholds.cut_short * len(rows):
            return []
        steps = rows["steps"]
        share = f"{len(short)} of {len(rows)} runs"
        slope = float(short["slope"].median())
        fall = 1 - 2.0**-slope
        how_bad = f"the last half of their steps lowered the loss by {fall:.0%} in the median"
        varied = _with_data(rows, thresholds)
        confused = ""
        if varied and _once(rows, thresholds):
            varied, confused = False, ", as in any single pass over the data"
        severity = Severity.DOUBT if varied else Severity.NOTE
        if varied:
            confused = (
                f", and steps grow with D from {human(steps.min())} to {human(steps.max())}, so "
                "that L(D) is a law of both"
            )
        return [
            Finding(
                self.name,
                severity,
                f"{share} ended while their validation loss still fell{confused}",
                how_bad,
                "train longer, or equally long at every D",
                slope,
                thresholds.steep,
            )
        ]


def slopes(curves: Any, measure: str, direction: str) -> pd.Series:
    """Run -> -d log(loss) / d log(step) over the last half of its steps; NaN if it has no curve."""
    rows = curves.dropna(subset=[measure]) if measure in curves else curves.iloc[:0]
    sign = 1.0 if direction == "min" else -1.0
    found = {}
    for run, curve in rows[rows[measure] > 0].groupby("run"):
        step, loss = curve["step"].to_numpy(float), curve[measure].to_numpy(float)
        order = np.argsort(step)
        step, loss = step[order], loss[order]
        middle = int(np.argmin(np.abs(step - step[-1] / 2)))
        if 0 < step[middle] < step[-1]:
            found[run] = sign * np.log(loss[middle] / loss[-1]) / np.log(step[-1] / step[middle])
    return pd.Series(found, dtype="float64")


def _once(rows: Any, limits: Thresholds) -> bool:
    """Whether every run reads its examples once: counted, or steps in proportion to D."""
    if "examples" in rows and rows["examples"].notna().all():
        return bool((rows["examples"] <= limits.passes * rows["D"]).all())
    r2, power = follows(rows["D"].to_numpy(float), rows["steps"].to_numpy(float))
    return r2 > limits.follows and abs(power - 1) < 0.05


def _with_data(rows: Any, limits: Thresholds) -> bool:
    """Whether D varies and the steps grow with it."""
    if "D" not in rows or rows["D"].nunique() < 2:
        return False
    if rows["steps"].max() < limits.steps_vary * rows["steps"].min():
        return False
    ranks = rows[["D", "steps"]].rank()
    return float(np.corrcoef(ranks["D"], ranks["steps"])[0, 1]) > 0.5
