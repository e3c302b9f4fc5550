"""Change: the cheapest change of a grid that lets it decide a claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..claims import contrast, parameter, planned
from ..claims.gate import GateLine
from .planned_cells import Cells, of_rows

ENOUGH = 0.8
HELPS = 0.05  # the least gain of P(decided) that is worth proposing


class Step(NamedTuple):
    """A change in words, the cells after it, and what it costs more, in FLOP."""

    said: str
    cells: Sequence[Cells]
    cost: float


def cheapest(
    cells: Sequence[Cells], now: float, decided: Callable[[Sequence[Cells]], float]
) -> str:
    """The cheapest single change that makes P(decided) ENOUGH, else the one that helps most."""
    found = []
    for step in sorted(steps(cells), key=lambda one: one.cost):
        p = decided(step.cells)
        if p >= ENOUGH:
            return _text(step, p)
        found.append((p, step))
    if not found:
        return ""
    p, step = max(found, key=lambda one: one[0])
    return _text(step, p) if p >= now + HELPS else "no single level or seed helps much"


def steps(cells: Sequence[Cells]) -> Iterator[Step]:
    """Single changes: a seed of each cell, or a level below, between or above those of an axis."""
    before = sum(one.total for one in cells)

    def step(said: str, changed: Sequence[Cells]) -> Step:
        return Step(said, changed, sum(one.total for one in changed) - before)

    yield step("a further seed of each cell", [one.with_seeds(1) for one in cells])
    for axis, column in cells[0].columns.items():
        levels = np.unique(cells[0].x[axis])
        if len(levels) < 2:
            continue
        ratio = levels[-1] / levels[-2]
        above, below = levels[-1] * ratio, levels[0] * levels[0] / levels[1]
        gap = int(np.argmax(levels[1:] / levels[:-1]))
        middle = math.sqrt(levels[gap] * levels[gap + 1])
        for value in (below, middle, above):
            changed = [one.with_level(axis, value) for one in cells]
            yield step(f"{column} = {value:.2g} as well", changed)


def of_lines(
    claim: Mapping[str, Any], lines: Sequence[GateLine], rows: Any, choose: Sequence[str]
) -> str:
    """What would pass the lines, with its cost where levels or seeds are missing."""
    said = ". ".join(line.what_would_pass for line in lines if line.what_would_pass)
    said = said[:1].lower() + said[1:]
    cost = _cost(claim, lines, rows, choose)
    return f"{said} (about {cost:.1g} FLOP more)" if cost else said


def _cost(
    claim: Mapping[str, Any], lines: Sequence[GateLine], rows: Any, choose: Sequence[str]
) -> float:
    names = {line.name: line for line in lines}
    if not names.keys() & {"levels", "seeds"}:
        return 0.0
    total = 0.0
    for end in contrast.SIDES if claim["against"] else ("where",):
        some = planned.selected(rows, parameter.condition(claim, list(map(str, rows)), end))
        try:
            cells = of_rows(claim, some, choose)
        except (ValueError, KeyError):
            return 0.0
        if "levels" in names:
            axis = names["levels"].found.split(" of ")[-1]
            variable = next((v for v, c in cells.columns.items() if c == axis), "")
            short = _number(names["levels"].needed) - _number(names["levels"].found)
            values = np.unique(cells.x[variable]) if variable else np.empty(0)
            if len(values) > 1:
                between = math.sqrt(values[0] * values[1])
                total += short * (cells.with_level(variable, between).total - cells.total)
        if "seeds" in names:
            short = _number(names["seeds"].needed) - _number(names["seeds"].found)
            total += short * (cells.with_seeds(1).total - cells.total)
    return total


def _number(text: str) -> int:
    return int(text.split()[0])


def _text(step: Step, p: float) -> str:
    return f"{step.said} (about {step.cost:.1g} FLOP more) makes it {p:.2f}"
