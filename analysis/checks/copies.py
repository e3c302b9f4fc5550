"""Rows that repeat others, and rows that could not be used."""

from __future__ import annotations

from .counting import count
from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class Copies:
    """Rows that have the same variables and the same response as another row."""

    name, of = "copies", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding if there are any."""
        repeated = subject.certificate["repeated"]
        if not repeated:
            return []
        return [
            Finding(
                self.name,
                Severity.DOUBT,
                f"{count(repeated, 'row')} repeat another exactly",
                what_to_do="drop those that are not separate runs",
                measured=repeated,
                threshold=0,
            )
        ]


class LeftOut:
    """Rows without a usable number, and those that the caller dropped."""

    name, of = "left_out", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding that names the rows."""
        if not subject.left_out:
            return []
        return [Finding(self.name, Severity.NOTE, f"left out: {subject.left_out}")]
