"""Parts of a grid, and grids with other values: what the command line asks for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import is_dataclass

from . import conditions, registry
from .config import PARTS, Parent
from .errors import LabError, unknown
from .grid import GridPoint, Point, Points, axis, product, text_of

__all__ = ["override"]


def override(grid: Points, /, **values: object) -> Points:
    """The grid with these axes set: to one value, or to each of a list of values.

    An axis that is not crossed with the others (zip_, derive, where) cannot take any value: values
    that it has select their points, and new ones are an error if another axis goes with it that
    is not set as well.
    """
    lists = {name: list(v) if isinstance(v, list | tuple) else [v] for name, v in values.items()}
    crossed = dict(lists)
    for name, chosen in lists.items():
        there = [point for point in grid if name in point]
        if _is_crossed(there, name, lists):
            continue
        have = {text_of(point[name]) for point in there}
        if all(text_of(value) in have for value in chosen):
            asked = {text_of(value) for value in chosen}
            grid = tuple(p for p in grid if name in p and text_of(p[name]) in asked)
            del crossed[name]
        elif tied := [other for other in _tied(there, name) if other not in lists]:
            raise LabError(
                f"axis {name} goes with {' and '.join(tied)} in this grid, so it cannot be set "
                f"alone to {', '.join(map(text_of, chosen))}; set {' and '.join(tied)} too, or "
                "give some of its own values"
            )
    for name, chosen in crossed.items():
        rest: dict[str, Point] = {}
        for point in grid:
            other = {key: v for key, v in point.items() if key != name}
            rest.setdefault(repr(other), other)
        order = list(grid[0]) if grid and name in grid[0] else []
        grid = product(tuple(rest.values()), axis(name, chosen))
        if order:
            grid = tuple(
                {key: point[key] for key in [*order, *point] if key in point} for point in grid
            )
    return grid


def _is_crossed(points: Sequence[Point], name: str, others: Collection[str]) -> bool:
    """Whether the axis has all its values with every combination of the axes but these others."""
    values = {text_of(point[name]) for point in points}
    rests = {_rest(point, {name, *others}) for point in points}
    found = {(text_of(point[name]), _rest(point, {name, *others})) for point in points}
    return len(values) * len(rests) == len(found)


def _rest(point: Point, without: Collection[str]) -> str:
    return repr({name: text_of(value) for name, value in point.items() if name not in without})


def _tied(points: Sequence[Point], name: str) -> list[str]:
    """The axes, other than whole parts, that vary and have one value for each value of this one."""
    found: dict[str, dict[str, set[str]]] = {}
    for point in points:
        for other in point.keys() - {name, *PARTS}:
            of = found.setdefault(other, {}).setdefault(text_of(point[name]), set())
            of.add(text_of(point[other]))
    return sorted(
        other
        for other, of in found.items()
        if all(len(values) == 1 for values in of.values()) and len(set.union(*of.values())) > 1
    )


def matching(cells: Sequence[GridPoint], condition: str) -> tuple[GridPoint, ...]:
    """The cells whose axes meet a condition, such as "N == 600 and D == max(D)".

    An axis that a cell does not have is missing there. Raises LabError for an unknown axis.
    """
    names = {name: None for cell in cells for name in cell.axes}
    columns = {name: [named(cell.axes.get(name)) for cell in cells] for name in names}
    parsed = conditions.parse(condition)
    for name in parsed.names:
        if name not in columns:
            raise unknown("axis", name, columns)
    mask = parsed.mask(columns)
    return tuple(cell for cell, kept in zip(cells, mask, strict=True) if kept)


def named(value: object) -> object:
    """An axis value as it appears in the run table: a part of a run by its registered name."""
    if isinstance(value, Parent):
        return str(value)
    return registry.name_of(value) if is_dataclass(value) else value
