"""Sweeps that extend themselves while the best value lies at an end.

    grid = product(axis("N", sizes), sweep("learning_rate", [1e-3, 3e-3, 1e-2], most=3))

The values are those of an axis. After they are trained, every cell (the points that agree in all
axes but this one and the seeds) whose best value lies at an end gets the next one beyond it, at
`factor` times the last, for all its seeds; and so on, at most `most` further values. A diverged run
is no best value, and its value is an end that needs no further one. Only validation data is looked
at, so that an extension is no look at the claims.

Which values are added follows from the grid and the recorded runs alone: after an interruption the
same ones are found again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import LabError
from .grid import GridPoint, Point, Points, text_of

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["sweep"]

SEEDS = ("seed", "data_seed")  # axes that repeat a cell
DIGITS = 6  # significant ones of an added value, so that its name is short


class Swept(float):
    """A value of a sweep; it knows how the sweep goes on, and why it was added, "" if given."""

    factor: float
    most: int
    why: str

    def __new__(cls, value: float, factor: float, most: int, why: str = "") -> Swept:
        made = super().__new__(cls, value)
        made.factor, made.most, made.why = factor, most, why
        return made

    def __reduce__(self):
        return Swept, (float(self), self.factor, self.most, self.why)


def sweep(
    name: str, values: Iterable[float], *, factor: float | None = None, most: int = 3
) -> Points:
    """One point for each value of a positive field; cells whose best is at an end get further ones.

    factor: between the last value and a further one, by default that between the last two given.
    most: further values of a cell, in both directions together. Raises LabError for fewer than two
    values, values that are not positive numbers, or a factor that is not above 1.
    """
    given = list(values)
    if len(set(given)) < 2 or not all(
        isinstance(v, int | float) and 0 < v < math.inf for v in given
    ):
        raise LabError(f"sweep '{name}' holds {given}; give two or more distinct positive numbers")
    ordered = sorted(float(v) for v in given)
    factor = ordered[-1] / ordered[-2] if factor is None else float(factor)
    if not 1 < factor < math.inf or most < 0:
        raise LabError(f"sweep '{name}' needs a factor above 1 and most >= 0, not {factor}, {most}")
    return tuple({name: Swept(v, factor, most)} for v in given)


def has_sweeps(grid: Points) -> bool:
    """Whether any axis of the grid may extend itself."""
    return any(isinstance(value, Swept) and value.most for p in grid for value in p.values())


def metric_of(experiment: Experiment) -> str:
    """The column of the run table that extensions look at; it is measured on validation data."""
    return f"best_{experiment.base.learner.objective}"


def extended(experiment: Experiment, rows: Mapping[str, Mapping[str, Any]]) -> Experiment:
    """The experiment with the further values that its recorded runs ask for.

    rows: run -> its newest row, with `status` and the column `metric_of`. A cell with a run that is
    neither done nor diverged is not extended yet.
    """
    if not has_sweeps(experiment.grid):
        return experiment
    better = -1 if experiment.base.learner.direction == "max" else 1
    losses = {
        run: better * _validated(row, metric_of(experiment), better)
        for run, row in rows.items()
        if row["status"] in ("done", "diverged")
    }
    added = [point for group in _groups(experiment) for point in _further(group, losses)]
    whole = experiment.in_file and extended(experiment.in_file, rows)
    return replace(experiment, added=tuple(added), in_file=whole)


class _Group(NamedTuple):
    """One cell: its swept axis, and its given points with their runs."""

    axis: str
    points: list[tuple[Point, GridPoint]]


def _groups(experiment: Experiment) -> list[_Group]:
    groups: dict[tuple[str, str], _Group] = {}
    given = replace(experiment, added=()).cells if experiment.added else experiment.cells
    for point, cell in zip(experiment.grid, given, strict=True):
        swept = [name for name, value in point.items() if isinstance(value, Swept)]
        if len(swept) > 1:
            raise LabError(f"the grid sweeps {' and '.join(swept)} together; sweep one of them")
        if swept:
            rest = {k: text_of(v) for k, v in point.items() if k not in (*swept, *SEEDS)}
            key = (swept[0], repr(rest))
            groups.setdefault(key, _Group(swept[0], [])).points.append((point, cell))
    return [*groups.values()]


def _further(group: _Group, losses: Mapping[str, float]) -> list[Point]:
    """The points that one cell gets beyond those given, as far as the records go."""
    axis = group.axis
    names: dict[float, list[str]] = {}
    repeats: dict[str, tuple[Point, GridPoint]] = {}  # one for each seed
    for point, cell in group.points:
        names.setdefault(float(point[axis]), []).append(cell.name)
        repeats.setdefault(repr([text_of(point.get(seed)) for seed in SEEDS]), (point, cell))
    first: Swept = group.points[0][0][axis]
    added: list[Point] = []
    for _ in range(first.most):
        if any(run not in losses for runs in names.values() for run in runs):
            break
        means = {value: fmean(losses[run] for run in runs) for value, runs in names.items()}
        best, ordered = min(means, key=means.__getitem__), sorted(means)
        if math.isinf(means[best]) or ordered[0] < best < ordered[-1]:
            break
        above = best == ordered[-1]
        next_ = best * first.factor if above else best / first.factor
        why = f"{axis} {best:g}, the {'largest' if above else 'smallest'} there, was the best"
        value = Swept(float(f"{next_:.{DIGITS}g}"), first.factor, first.most, why)
        added += [_with(point, axis, value) for point, _ in repeats.values()]
        names[float(value)] = [_renamed(cell, value).name for _, cell in repeats.values()]
    return added


def _with(point: Point, axis: str, value: Swept) -> Point:
    return {name: value if name == axis else old for name, old in point.items()}


def _renamed(cell: GridPoint, value: Swept) -> GridPoint:
    """The run as another value of its sweep names it."""
    axes = {k: value if isinstance(old, Swept) else old for k, old in cell.axes.items()}
    return replace(cell, axes=axes)


def _validated(row: Mapping[str, Any], metric: str, worst: float) -> float:
    """The validation loss of a run; infinite, as bad as can be, if it diverged."""
    found = row.get(metric)
    sound = row["status"] == "done" and found is not None and math.isfinite(found)
    return float(found) if sound and found is not None else worst * math.inf
