"""The path of a sequential experiment, `results/NAME/looks.jsonl`: one line for each look.

    {"sequence": 1, "previous": SHA-256 of the line before, "time": UTC, "share": 0.25,
     "spent": 2.6e13, "rows": 40, "level": 0.982, "claims": [{"name": ..., "word": "undecided",
     "low": 0.31, "high": 0.52}, ...]}

spent is in the unit of the registered budget, rows is the number of recorded runs, and an open end
of an interval is null. Each line holds the digest of the one before, as in `registered.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..storage.atomic import write_whole

LOOKS = "looks.jsonl"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look: at which share of the budget, at which level, and what it saw of each claim."""

    share: float
    spent: float
    rows: int
    level: float
    claims: tuple[Mapping[str, Any], ...]
    time: str = ""


@dataclass(frozen=True)
class Looked:
    """The looks in their order, and the messages about a broken chain."""

    looks: tuple[Look, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def last(self) -> Look | None:
        """The newest look."""
        return self.looks[-1] if self.looks else None

    @property
    def share(self) -> float:
        """The share of the newest look; 0 before the first."""
        return self.last.share if self.last else 0.0


def read(folder: Path) -> Looked:
    """The looks of a results folder. A damaged file raises nothing; see `broken`."""
    try:
        data = (folder / LOOKS).read_bytes()
    except FileNotFoundError:
        return Looked()
    except OSError as error:
        return Looked(broken=(f"{LOOKS} cannot be read: {error.strerror}",))
    looks, broken, before = [], [], b""
    for number, line in enumerate(data.splitlines(), 1):
        try:
            found = json.loads(line)
            looks.append(_look(found))
            if found.get("previous") != _digest(before) or found.get("sequence") != number:
                broken.append(f"the chain of {LOOKS} is broken at line {number}")
        except (ValueError, KeyError, TypeError, AttributeError):
            broken.append(f"line {number} of {LOOKS} is not a look")
        before = line
    return Looked(tuple(looks), tuple(broken))


def append(folder: Path, look: Look) -> None:
    """Append a look. Raises LabError if one was taken at this share or a later one."""
    if look.share <= read(folder).share:
        raise LabError(f"a look at {look.share:.0%} of the budget was taken already; take the next")
    path = folder / LOOKS
    lines = path.read_bytes().splitlines() if path.exists() else []
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = lines[-1] if lines else b""
    values = {"sequence": len(lines) + 1, "previous": _digest(before), **asdict(look), "time": now}
    lines.append(json.dumps(values, ensure_ascii=False).encode())
    write_whole(path, b"\n".join(lines) + b"\n")


def _look(line: Mapping[str, Any]) -> Look:
    return Look(
        share=float(line["share"]),
        spent=float(line["spent"]),
        rows=int(line["rows"]),
        level=float(line["level"]),
        claims=tuple(dict(claim) for claim in line["claims"]),
        time=str(line["time"]),
    )


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest() if line else ""
