"""What is found out about one experiment before it is put on a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import experiment_tables
from ..claims import verdict as claims


@dataclass
class Findings:
    """All that is found out about one experiment before it is put on a page."""

    folder: Path
    definition: dict[str, Any]
    tables: experiment_tables.Tables
    fits: dict[str, Any] = field(default_factory=dict)
    verdicts: list[claims.Verdict] = field(default_factory=list)
    pictures: dict[str, tuple[Path, Path]] = field(default_factory=dict)
    undrawn: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def choose(self) -> list[str]:
        return list(self.definition.get("choose", ()))
