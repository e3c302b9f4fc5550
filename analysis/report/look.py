"""The verdicts on an experiment's claims at a look before its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import sequential
from ..claims import level
from ..claims.verdict import Verdict
from ..experiment_tables import Tables
from .read import read
from .write import judge


def verdicts(folder: Path, at: float, planned: Any) -> list[tuple[Verdict, float]]:
    """The verdicts on all claims of a results folder, and the levels of their intervals.

    at: the level of the look. planned: the planned runs (pandas), with the columns that are known
    beforehand.
    """
    levels: list[float] = []

    def evaluate(claim: Mapping[str, Any], tables: Tables, *rest: Any) -> Verdict:
        verdict, its_level = sequential.evaluated(claim, tables, *rest, planned=planned)
        levels.append(its_level)
        return verdict

    with level.at(at):
        found = read(folder)
        judge(found, evaluate)
    return list(zip(found.verdicts, levels, strict=True))
