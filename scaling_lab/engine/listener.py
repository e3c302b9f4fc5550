"""What a call of `run` tells: progress while it trains, and a summary at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..plan import Plan, PlannedRun


class Listener:
    """Receives the progress of training; the command line's subclass displays it."""

    def begin(self, plan: Plan, runs: int, flops: float) -> None:
        """Training of that many runs and FLOP begins."""

    def advance(self, flops: float) -> None:
        """That many more FLOP are done."""

    def ended(self, run: PlannedRun, status: str, reason: str | None) -> None:
        """A run is recorded."""

    def say(self, line: str) -> None:
        """A message for the user."""


@dataclass
class Summary:
    """What one call did: number of runs recorded by status, and whether it was interrupted."""

    recorded: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False
    seconds: float = 0.0

    def add(self, other: Summary) -> None:
        """Count what a further round did."""
        for status, count in other.recorded.items():
            self.recorded[status] = self.recorded.get(status, 0) + count
        self.interrupted |= other.interrupted
        self.seconds += other.seconds
