"""The result of training one run: its learning curve, and how it ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from ...config import Run

FIRST_EVALUATION = 32  # optimiser updates
RATIO = math.sqrt(2.0)


@cache
def evaluations(steps: int, updates: int = 1) -> tuple[int, ...]:
    """Steps after which a run is evaluated: log-spaced, the same for every length, and the last.

    updates: optimiser updates in a step; the first evaluation comes after 32 of them.
    """
    found, at = [], FIRST_EVALUATION / max(1, updates)
    while round(at) < steps:
        found.append(max(1, round(at)))
        at *= RATIO
    return (*dict.fromkeys(step for step in found if step < steps), steps)


@dataclass
class RunResult:
    """The learning curve of one run of an ensemble, and how the run ended.

    status: done or diverged, with the reason. curve: one row per evaluation. sums: the loss summed
    over all steps so far, at each row of the curve. final: the learner's final_metrics.
    """

    run: Run
    status: str = "done"
    reason: str | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    final: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.evaluations = evaluations(self.run.steps, self.run.learner.cost(self.run).updates)

    @property
    def step(self) -> int:
        """Step of the last row."""
        return self.curve[-1]["step"] if self.curve else 0

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.status != "done" or self.step == self.run.steps

    def add(self, step: int, summed: float, metrics: dict[str, float], objective: str) -> None:
        """Add a row to the curve, or end the run if its loss is not finite.

        summed: the loss summed over all steps. A step at which this run is not evaluated, and one
        after its end, is ignored.
        """
        if self.ended or step not in self.evaluations:
            return
        before = self.sums[-1] if self.sums else 0.0
        mean = (summed - before) / (step - self.step)
        row = {"train_loss": mean, **metrics}
        wrong = [name for name in ("train_loss", objective) if not np.isfinite(row[name])]
        if wrong:
            self.status = "diverged"
            self.reason = f"{wrong[0]} is {row[wrong[0]]} at step {step}"
        else:
            self.curve.append({"step": step, **row})
            self.sums.append(summed)

    def cut(self, step: int) -> None:
        """Drop the rows after a step, unless the run has ended."""
        if not self.ended:
            count = sum(row["step"] <= step for row in self.curve)
            del self.curve[count:], self.sums[count:]
