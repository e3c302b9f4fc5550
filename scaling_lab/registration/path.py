"""The path of a sequential experiment: its looks and its rounds, in two files of its results.

`looks.jsonl`, one line for each look:

    {"sequence": 1, "previous": SHA-256 of the line before, "share": 0.25, "spent": 2.6e13,
     "rows": 40, "level": 0.982, "claims": [{"name": ..., "word": "undecided", "low": 0.31,
     "high": 0.52, "level": 0.982, "why": ...}, ...], "time": UTC}

spent is in the unit of the registered budget, rows is the number of recorded runs, and an open end
of an interval is null.

`rounds.jsonl`, one line for the runs that were chosen together, written before they are trained:

    {"sequence": 1, "previous": ..., "share": 0.25, "runs": [...], "why": {CLAIM: ...}, "time": UTC}

share is that of the look before, 0 for the first. After an interruption a round is finished as it
was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import LabError
from . import chain

LOOKS, ROUNDS = "looks.jsonl", "rounds.jsonl"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look: at which share of the budget, at which level, and what it saw of each claim."""

    share: float
    spent: float
    rows: int
    level: float
    claims: tuple[Mapping[str, Any], ...]
    time: str = ""

    def __post_init__(self):
        object.__setattr__(self, "claims", tuple(dict(claim) for claim in self.claims))


@dataclass(frozen=True, kw_only=True)
class Round:
    """Runs that were chosen together, after the look at `share`, and why by claim."""

    share: float
    runs: tuple[str, ...]
    why: Mapping[str, str]
    time: str = ""

    def __post_init__(self):
        object.__setattr__(self, "runs", tuple(self.runs))


@dataclass(frozen=True)
class Looked:
    """The looks and the rounds in their order, and the messages about a broken chain."""

    looks: tuple[Look, ...] = ()
    broken: tuple[str, ...] = ()
    rounds: tuple[Round, ...] = ()

    @property
    def last(self) -> Look | None:
        """The newest look."""
        return self.looks[-1] if self.looks else None

    @property
    def share(self) -> float:
        """The share of the newest look; 0 before the first."""
        return self.last.share if self.last else 0.0


def read(folder: Path) -> Looked:
    """The path of a results folder. A damaged file raises nothing; see `broken`."""
    looks, broken = chain.read(folder / LOOKS, Look)
    rounds, torn = chain.read(folder / ROUNDS, Round)
    return Looked(tuple(looks), (*broken, *torn), tuple(rounds))


def append(folder: Path, look: Look) -> None:
    """Append a look. Raises LabError if one was taken at this share or a later one."""
    if look.share <= read(folder).share:
        raise LabError(f"a look at {look.share:.0%} of the budget was taken already; take the next")
    chain.append(folder / LOOKS, asdict(look))


def begin(folder: Path, round_: Round) -> None:
    """Append a round, before its runs are trained."""
    folder.mkdir(parents=True, exist_ok=True)
    chain.append(folder / ROUNDS, asdict(round_))
