"""A file of JSON lines each of which holds the digest of the one before, so that a change shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ..storage.atomic import write_whole

T = TypeVar("T")


def read(path: Path, made: type[T]) -> tuple[list[T], list[str]]:
    """The lines of a file, and messages about a broken chain. A damaged file raises nothing.

    made: called with the line's values other than its digest and number.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [f"{path.name} cannot be read: {error.strerror}"]
    found, broken, before = [], [], b""
    for number, line in enumerate(data.splitlines(), 1):
        try:
            values = json.loads(line)
            previous, sequence = values.pop("previous", None), values.pop("sequence", None)
            found.append(made(**values))
            if previous != _digest(before) or sequence != number:
                broken.append(f"the chain of {path.name} is broken at line {number}")
        except (ValueError, KeyError, TypeError, AttributeError):
            broken.append(f"line {number} of {path.name} is damaged")
        before = line
    return found, broken


def append(path: Path, values: Mapping[str, Any]) -> None:
    """Append a line with the time, the digest of the line before, and its number."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = _digest(lines[-1] if lines else b"")
    line = {"sequence": len(lines) + 1, "previous": before, **values, "time": now}
    lines.append(json.dumps(line, ensure_ascii=False).encode())
    write_whole(path, b"\n".join(lines) + b"\n")


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest() if line else ""
