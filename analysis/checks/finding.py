"""Finding: what a check found wrong with a fit or a table, how bad it is, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

__all__ = ["Finding", "Severity"]


class Severity(IntEnum):
    """How far a finding reaches, from worth knowing to fatal."""

    NOTE = 1  # worth knowing
    DOUBT = 2  # the number may be off by more than its interval says
    INVALID = 3  # do not use the number


MARKS = {Severity.NOTE: "-", Severity.DOUBT: "!", Severity.INVALID: "!!"}


@dataclass(frozen=True)
class Finding:
    """One reason to doubt a number.

    check       the name of the check
    what        what is wrong, as a clause: "the residuals depend on D"
    how_bad     the evidence: "F = 71 on 4 and 12 degrees of freedom"; "" if `what` says it all
    what_to_do  what would settle it: "fit a law with a term for D"; "" if nothing would
    measured    the statistic, and `threshold` the value that it passed; NaN if there is none
    rows        the numbers of the table's rows that it is about
    """

    check: str
    severity: Severity
    what: str
    how_bad: str = ""
    what_to_do: str = ""
    measured: float = math.nan
    threshold: float = math.nan
    rows: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """One line: what (how bad); what to do."""
        how_bad = f" ({self.how_bad})" if self.how_bad else ""
        what_to_do = f"; {self.what_to_do}" if self.what_to_do else ""
        return f"{self.what}{how_bad}{what_to_do}"

    @property
    def line(self) -> str:
        """The same in a summary, marked !! if the number should not be used and ! if doubtful."""
        return f"{MARKS[self.severity]} {self.text}"

    def card(self) -> dict[str, Any]:
        """The finding as JSON; NaN becomes null."""
        numbers = {"measured": self.measured, "threshold": self.threshold}
        finite = {k: float(v) if math.isfinite(v) else None for k, v in numbers.items()}
        rows = [int(row) for row in self.rows]
        return asdict(self) | finite | {"severity": self.severity.name.lower(), "rows": rows}

    @classmethod
    def from_card(cls, card: Mapping[str, Any] | str) -> Finding:
        """The finding that a card describes; the cards of old fits hold sentences alone."""
        if isinstance(card, str):
            return cls("recorded", Severity.DOUBT, card)
        kept: dict[str, Any] = {k: math.nan if v is None else v for k, v in card.items()}
        kept["severity"] = Severity[card["severity"].upper()]
        kept["rows"] = tuple(card["rows"])
        return cls(**kept)


# What explains other findings comes before them: in a table of wrong units or of pooled rows no law
# fits, and where the law does not fit its parameters are poorly determined.
CAUSES = ("units", "pooled", "outliers", "tautology", "holdout", "lack_of_fit")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by severity, causes before what follows from them, otherwise in their order."""

    def place(finding: Finding) -> tuple[int, int]:
        known = finding.check in CAUSES
        return -finding.severity, CAUSES.index(finding.check) if known else len(CAUSES)

    return sorted(findings, key=place)
