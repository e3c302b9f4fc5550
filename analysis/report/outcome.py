"""How an experiment ended: which runs gave a result, and what was spent on them."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd


class Outcome(NamedTuple):
    """Numbers of recorded runs, and the FLOP spent on them, one a run (0 for a failed one).

    reason: the most common reason of failure.
    """

    runs: int
    done: int
    failed: int
    spent: pd.Series
    reason: str

    @property
    def is_failure(self) -> bool:
        """Whether most runs failed, or none gave a result."""
        return not self.done or 2 * self.failed > self.runs

    @property
    def headline(self) -> str:
        """What the reader must know before anything else; "" if no run failed and some are done."""
        if self.failed:
            return f"{self.failed} of {self.runs} runs failed ({self.reason})"
        return "" if self.done else f"None of {self.runs} runs is done: all diverged"


def outcome(runs: pd.DataFrame, curves: pd.DataFrame) -> Outcome:
    """The outcome of an experiment, from its whole run table and curve table.

    A diverged run spent what it had when it was last evaluated.
    """
    status = runs["status"]
    spent = pd.Series(0.0, index=runs.index)
    if "C" in runs:
        spent = spent.where(status != "done", runs["C"])
    if "C" in curves:
        reached = runs["run"].map(curves.groupby("run")["C"].max()).fillna(0.0)
        spent = spent.where(status != "diverged", reached)
    reasons = runs.loc[status == "failed", "reason"].dropna().value_counts()
    return Outcome(
        runs=len(runs),
        done=int((status == "done").sum()),
        failed=int((status == "failed").sum()),
        spent=spent.fillna(0.0),
        reason=str(reasons.index[0]) if len(reasons) else "no reason",
    )
