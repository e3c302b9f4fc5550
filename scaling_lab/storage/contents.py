"""What a results folder's parts hold at one moment, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from .parts import Part, stem


class Damage(NamedTuple):
    """A file among the parts, and why it is not read, or which of its rows are not."""

    path: Path
    reason: str


SHOWN = 8  # ignored files that are listed


def ignored_lines(files: Sequence[Damage]) -> list[str]:
    """A line for each ignored file; beyond the first few, one that says how many more."""
    lines = [f"{path} is not read: {reason}" for path, reason in files[:SHOWN]]
    more = len(files) - SHOWN
    return [*lines, f"... and {more} more files are not read"] if more > 0 else lines


@dataclass(frozen=True)
class Contents:
    """The parts of both tables, in order of sequence."""

    runs: tuple[Part, ...]
    curves: tuple[Part, ...]

    @cached_property
    def replaced(self) -> set[str]:
        """Stems of the parts whose rows are in a merged part."""
        return {one for part in self.runs for one in part.replaces}

    @cached_property
    def current(self) -> dict[str, pa.Table]:
        """Stem -> table of the readable `runs` parts that no merged part replaces."""
        tables = {stem(part.path): part.table for part in self.runs if part.table is not None}
        return {name: table for name, table in tables.items() if name not in self.replaced}

    @cached_property
    def partners(self) -> dict[str, pa.Table]:
        """Stem -> table of the readable `curves` parts whose `runs` part is current."""
        tables = {stem(part.path): part.table for part in self.curves if part.table is not None}
        return {name: tables[name] for name in self.current if name in tables}

    @cached_property
    def complete(self) -> dict[str, pa.Table]:
        """Those of `current` whose curves can be read too: what counts as recorded."""
        return {name: table for name, table in self.current.items() if name in self.partners}

    def damaged(self) -> list[Damage]:
        """Parts that cannot be read, and `runs` parts without readable curves."""
        found = [Damage(p.path, p.damage) for p in (*self.runs, *self.curves) if p.damage]
        why = {stem(part.path): part.damage or part.ignored for part in self.curves}
        for part in self.runs:
            name = stem(part.path)
            if name in self.current and name not in self.complete:
                reason = why.get(name, "their part is missing")
                found.append(Damage(part.path, f"without its curves ({reason})"))
        return found

    def ignored(self) -> list[Damage]:
        """Files with rows that are not this experiment's, which are not read."""
        return [Damage(p.path, p.ignored) for p in (*self.runs, *self.curves) if p.ignored]

    def superseded(self, replaced: Container[str]) -> Iterator[Path]:
        """Parts with nothing of their own: those replaced, and curves that no runs part commits."""
        committed = {stem(part.path) for part in self.runs}
        for part in (*self.curves, *self.runs):
            name = stem(part.path)
            if not part.damage and not part.ignored and (name in replaced or name not in committed):
                yield part.path
