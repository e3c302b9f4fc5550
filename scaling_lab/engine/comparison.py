"""Two records of one run, compared number by number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..storage.schema import RUN_COLUMNS

CLOCK = {"wall_s", "compile_s", "energy_J", "started", "finished"}
# Of origin `provenance` or chosen by measuring: how a run was trained, not what came out.
HOW = {
    "width",
    "devices",
    "fingerprint",
    *(c.name for c in RUN_COLUMNS if c.origin == "provenance"),
}
JSON = ("versions", "environment")

Row = Mapping[str, Any]


class Difference(NamedTuple):
    """A number that differs: its name, its step (None: of the row), recorded and now."""

    name: str
    step: int | None
    recorded: float | str | None
    now: float | str | None

    @property
    def relative(self) -> float:
        """|now - recorded| / |recorded|; infinite if one is missing, text or zero."""
        a, b = self.recorded, self.now
        if isinstance(a, str | None) or isinstance(b, str | None) or not a:
            return math.inf
        found = abs(b - a) / abs(a)
        return math.inf if math.isnan(found) else found


@dataclass(frozen=True)
class Comparison:
    """A recorded run and the same run trained again.

    compared: how many numbers of the row and of the curve. differences: those that differ. equal:
    the last evaluated step before the curves part, 0 if they part at once. provenance: (what,
    recorded, now) of what differs in how they were trained. unknown: what the record does not tell.
    """

    run: str
    fingerprint: str
    compared: int
    differences: tuple[Difference, ...]
    equal: int
    provenance: tuple[tuple[str, Any, Any], ...]
    unknown: tuple[str, ...]

    @property
    def tolerance(self) -> float:
        """The largest relative difference; 0 if all bits are equal."""
        return max((found.relative for found in self.differences), default=0.0)

    @property
    def parts_at(self) -> int | None:
        """The first evaluated step at which the curves differ; None if they do not."""
        return min((d.step for d in self.differences if d.step is not None), default=None)

    @property
    def largest(self) -> Difference | None:
        """The number that differs most."""
        return max(self.differences, key=lambda found: found.relative, default=None)


def compare(recorded: Row, curve: Sequence[Row], now: Row, curve_now: Sequence[Row]) -> Comparison:
    """Compare the rows of a run in both tables with those of the same run trained again.

    Missing numbers are None. A number that the record does not have at all is not compared.
    """
    pairs = [
        Difference(n, None, _value(recorded, n), _value(now, n)) for n in _numbers(now, recorded)
    ]
    then, again = ({int(row["step"]): row for row in rows} for rows in (curve, curve_now))
    for step in sorted(then.keys() | again.keys()):
        a, b = then.get(step, {}), again.get(step, {})
        names = _numbers(b or a, a or b)
        pairs += [Difference(n, step, _value(a, n), _value(b, n)) for n in names]
    differences = tuple(pair for pair in pairs if pair.recorded != pair.now)
    parted = [found.step for found in differences if found.step is not None]
    steps = then.keys() | again.keys()
    before = [step for step in steps if not parted or step < min(parted)]
    provenance, unknown = _how(recorded, now)
    return Comparison(
        run=str(recorded["run"]),
        fingerprint=str(recorded["fingerprint"]),
        compared=len(pairs),
        differences=differences,
        equal=max(before, default=0),
        provenance=tuple(provenance),
        unknown=tuple(unknown),
    )


def _numbers(row: Row, recorded: Row) -> list[str]:
    """The columns that training gives: status, metrics and counts, if the record has them."""
    return [
        name
        for name, value in row.items()
        if name in recorded and name not in CLOCK | HOW
        if name == "status" or (isinstance(value, int | float) and not isinstance(value, bool))
    ]


def _value(row: Row, name: str) -> Any:
    """A number, None if it is missing, as tables have it where a loss is no number."""
    value = row.get(name)
    return None if isinstance(value, float) and math.isnan(value) else value


def _how(recorded: Row, now: Row) -> tuple[list[tuple[str, Any, Any]], list[str]]:
    differing, unknown = [], []
    for name in sorted(HOW & now.keys()):
        a, b = recorded.get(name), now[name]
        if a is None and b is not None:
            unknown.append(name)
        elif name in JSON and a and b:
            old, new = json.loads(a), json.loads(b)
            for key in sorted(old.keys() | new.keys()):
                if key not in old:
                    unknown.append(f"{name} {key}")
                elif old[key] != new.get(key):
                    differing.append((f"{name} {key}", old[key], new.get(key)))
        elif a != b:
            differing.append((name, a, b))
    return differing, unknown
