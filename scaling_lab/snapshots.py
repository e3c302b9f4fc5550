"""When the parameters of a kept run are also kept before its end."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .config import Run
from .errors import LabError, unknown

__all__ = ["Snapshots"]

UNITS = ("steps", "C")


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """Log-spaced points of a run's training at which its parameters are kept.

        snapshots = Snapshots()                             # after 1, 2, 4, 8, ... steps
        snapshots = Snapshots(by="C", first=1e9, ratio=10)  # after 1e9, 1e10, ... FLOP

    by: "steps", or "C", training compute in FLOP, at which runs of every size have a snapshot.
    first: where the first is. ratio: of each to the one before.
    """

    by: str = "steps"
    first: float = 1
    ratio: float = 2

    def __post_init__(self):
        if self.by not in UNITS:
            raise unknown("unit of snapshots", self.by, UNITS)
        if not (0 < self.first < math.inf and 1 < self.ratio < math.inf):
            raise LabError(f"{self}: give a first above 0 and a ratio above 1")

    def steps(self, run: Run) -> tuple[int, ...]:
        """After which steps, before the last: `keep` alone keeps the end."""
        cost = 1.0 if self.by == "steps" else run.learner.cost(run).total
        found, at = [], self.first / cost
        while (step := round(at)) < run.steps:
            found.append(step)
            at *= self.ratio
        return tuple(dict.fromkeys(step for step in found if step))
