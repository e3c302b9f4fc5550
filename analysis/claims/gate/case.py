"""Case: what a line of the gate looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...checks import Finding, Severity
from ...experiment_tables import Tables
from ..support import Support
from ..verdict import GateLine
from .requirements import DEFAULTS, Requirements

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """A claim before its gate.

    required   the requirements, with the claim's own
    support    what the verdict rests on
    doubts     what the checks of tables found in the rows of the support
    word       what the interval says
    tables     the experiment's tables; None before anything is trained
    """

    claim: Mapping[str, Any]
    required: Requirements
    support: Support | None
    doubts: Sequence[Finding] = ()
    word: str = ""
    tables: Tables | None = None

    def line(
        self, name: str, passed: bool, found: str, needed: str, what_would_pass: str, of: str = ""
    ) -> GateLine:
        """A line; `of` names the requirement, so that an override is shown."""
        if of and of in (self.claim.get("gate") or {}):
            usual = getattr(DEFAULTS, of)
            needed += " by the claim" if usual is None else f" by the claim, usually {usual:g}"
        return GateLine(name, passed, found, needed, "" if passed else what_would_pass)

    def doubted(self, check: str) -> list[Finding]:
        """The findings of a check that doubt a number, about the rows or the fits."""
        fits = self.support.fits.values() if self.support else ()
        every = [*self.doubts, *(one for fit in fits for one in fit.findings)]
        return [one for one in every if one.check == check and one.severity >= Severity.DOUBT]
