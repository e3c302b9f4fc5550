"""Sequential experiments: a registered look at the claims, and whether they are all decided."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scaling_lab.looks import Looks
from scaling_lab.registration.path import Look

from .claims import level
from .claims.verdict import HELD, REFUTED, Verdict

DECIDED = (HELD, REFUTED)


def verdicts(folder: Path, at: float) -> list[Verdict]:
    """The verdicts on all claims of a results folder, with intervals of the level `at`."""
    from .report.read import read
    from .report.write import judge

    with level.at(at):
        found = read(folder)
        judge(found)
    return found.verdicts


def seen(verdict: Verdict) -> dict[str, Any]:
    """What a look records of a verdict."""
    low, high = (end if math.isfinite(end) else None for end in verdict.interval)
    return {"name": verdict.claim["name"], "word": verdict.word, "low": low, "high": high}


def undecided(seen_: Sequence[Mapping[str, Any]]) -> set[str]:
    """The names of the claims that are neither held nor refuted."""
    return {claim["name"] for claim in seen_ if claim["word"] not in DECIDED}


def look(
    looks: Looks, share: float, before: float, spent: float, rows: int, found: Sequence[Verdict]
) -> Look:
    """The line of a look; `found` are the verdicts at its level."""
    return Look(
        share=share,
        spent=spent,
        rows=rows,
        level=looks.level(share, before),
        claims=tuple(seen(verdict) for verdict in found),
    )
