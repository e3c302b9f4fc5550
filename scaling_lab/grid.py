"""Grids: combinators of plain Python values that end in a tuple of runs.

    points = product(axis("N", [1e3, 1e4]), axis("D", [100, 1000]), axis("seed", range(3)))
    runs = cells(Run(learner=Supervised(), data=Digits(), model=MLP(), steps=500), points)

A point maps axes to values. An axis is a field of the run by its path ("recipe.learning_rate") or,
if only one part has it, by its bare name ("learning_rate"); a whole part ("model"); or one of

    N        parameters: the model is replaced by the nearest member of its family
    C        training FLOP: the steps are chosen so that the run costs C
    epochs   passes over the D examples: the steps follow

A run with a parent has the parent's model, whatever N says, unless the point gives a whole model.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from . import config, registry
from .config import PARTS, Parent, Run
from .counting import StepCost, cost_of, step_cost
from .data import Spec
from .errors import LabError, unknown
from .protocols import Model
from .recipe import Recipe, named_values, recorded_fields, recorded_values

__all__ = ["axis", "cells", "chain", "derive", "product", "where", "zip_"]

SPECIAL = ("N", "C", "epochs")  # axes that are not fields of a run

Point = Mapping[str, Any]
Points = tuple[Point, ...]


@dataclasses.dataclass(frozen=True)
class GridPoint:
    """One run of a grid with its values on the axes; `name` is its readable identity."""

    axes: Mapping[str, Any]
    run: Run

    @cached_property
    def name(self) -> str:
        return "/".join(f"{axis}={text_of(value)}" for axis, value in self.axes.items())


def axis(name: str, values: Iterable[object]) -> Points:
    """One point for each value."""
    return tuple({name: value} for value in values)


def product(*grids: Points) -> Points:
    """Every combination, the last grid varying fastest."""
    return tuple(_joined(points) for points in itertools.product(*grids))


def zip_(*grids: Points) -> Points:
    """The first with the first, the second with the second. Raises LabError on unequal lengths."""
    if len({len(grid) for grid in grids}) > 1:
        raise LabError(
            f"zip_ of grids of {[len(grid) for grid in grids]} points; give equal lengths"
        )
    return tuple(_joined(points) for points in zip(*grids, strict=True))


def chain(*grids: Points) -> Points:
    """One grid after another."""
    return tuple(itertools.chain(*grids))


def where(grid: Points, keep: Callable[[Point], bool]) -> Points:
    """The points for which `keep(point)` is true."""
    return tuple(point for point in grid if keep(point))


def derive(grid: Points, /, **rules: Callable[[Point], object]) -> Points:
    """The grid with axes computed from others, each by its rule; later rules see earlier axes.

    derive(axis("N", sizes), learning_rate=lambda point: 0.01 * (point["N"] / 1e5) ** -0.25)
    """
    for name, rule in rules.items():
        grid = tuple(_joined([point, {name: rule(point)}]) for point in grid)
    return grid


def cells(base: Run, grid: Points) -> tuple[GridPoint, ...]:
    """The grid's runs: `base` with each point's values. Raises LabError for an impossible run."""
    if not grid:
        raise LabError("the grid has no points; give every axis at least one value")
    names_given = {name for point in grid for name in point if name not in SPECIAL}
    places = {name: path(base, name) for name in names_given}
    recorded = {name: _recorded(name, places) for name in (*names_given, *SPECIAL)}
    shared = _Shared()
    made = tuple(
        GridPoint(
            {recorded[name]: value for name, value in point.items()},
            _run(base, point, places, shared),
        )
        for point in grid
    )
    names: set[str] = set()
    runs: dict[Run, str] = {}
    for cell in made:
        name = cell.name
        if name in names:
            raise LabError(f"the grid holds '{name}' twice; give each axis distinct values")
        if (other := runs.setdefault(cell.run, name)) != name:
            raise LabError(f"'{other}' and '{name}' are the same run; leave one out")
        names.add(name)
    return made


def path(base: Run, name: str) -> str:
    """The dotted path, as recorded, of a field given by its path or its bare name."""
    paths = {p: p for p in config.flat(base) if p not in PARTS} | _renamed(base)
    paths |= dict(zip(PARTS, PARTS, strict=True))
    if name in paths:
        return paths[name]
    ends = list(dict.fromkeys(paths[p] for p in paths if p.endswith(f".{name}")))
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise LabError(f"axis '{name}' could be {' or '.join(ends)}; give the whole path")
    raise unknown("axis", name, [*paths, *(p.rsplit(".", 1)[-1] for p in paths), *SPECIAL])


def _renamed(base: Run) -> dict[str, str]:
    """Path with the new name of each renamed field -> the path that it is recorded under."""
    return {
        f"{part}.{field.name}": f"{part}.{old}"
        for part in PARTS
        if (value := getattr(base, part)) is not None
        for old, field in recorded_fields(type(value)).items()
        if old != field.name
    }


def _recorded(axis: str, places: Mapping[str, str]) -> str:
    """An axis, given by its path or its bare name, by the name under which it is recorded."""
    place = places.get(axis, axis)
    return place if "." in axis else place.rsplit(".", 1)[-1]


@dataclasses.dataclass
class _Shared:
    """What the runs of a grid share that differ only in numbers of their own, by their parts."""

    runs: dict[Hashable, Run] = dataclasses.field(default_factory=dict)
    costs: dict[Hashable, StepCost] = dataclasses.field(default_factory=dict)


def _run(base: Run, point: Point, places: Mapping[str, str], shared: _Shared) -> Run:
    special = {name: _positive(name, point[name]) for name in SPECIAL if name in point}
    if len(special.keys() & {"C", "epochs"}) + ("steps" in point) > 1:
        raise LabError("C, epochs and steps each fix the number of steps; give one of them")
    seen: dict[str, str] = {}
    numbers: dict[str, int] = {}
    choices: dict[str, Any] = {}
    for name, value in point.items():
        if name in special:
            continue
        place = places[name]
        if place in seen:
            raise LabError(f"axis '{name}' is given twice, as '{seen[place]}' too; give it once")
        seen[place] = name
        if "." in place or place in (*PARTS, "parent"):
            choices[place] = value
        else:
            numbers[place] = _whole(name, value)
    key = special.get("N"), *((place, _exact(value)) for place, value in choices.items())
    if key not in shared.runs:
        shared.runs[key] = _with_parts(base, choices, special.get("N"))
    run = dataclasses.replace(shared.runs[key], **numbers)
    if run.data is None and (run.D or "epochs" in special):
        raise LabError("this learner makes its own data by acting; leave D and epochs out")
    if run.data is None and run.data_seed:
        raise LabError("this learner makes its own data by acting; leave data_seed 0")
    if key not in shared.costs:
        shared.costs[key] = step_cost(run)
    cost = shared.costs[key]
    if run.data is not None:
        least, most = cost.examples // run.recipe.batch_size, run.data.spec.examples
        if not least <= run.D <= most:
            raise LabError(
                f"D is {run.D}; {registry.name_of(run.data)} has {least} to {most} "
                f"training {run.data.spec.unit}"
            )
    if "C" in special:
        steps = round(special["C"] / cost.total)
        run = dataclasses.replace(run, steps=max(1, steps))
    if "epochs" in special:
        steps = math.ceil(special["epochs"] * run.D / cost.examples)
        run = dataclasses.replace(run, steps=steps)
    if run.steps >= 2**31 or run.examples >= 2**32:
        raise LabError(
            f"{run.steps:.3g} steps of {run.recipe.batch_size} examples are too many for one run; "
            "give fewer than 2^31 steps and 2^32 examples"
        )
    if run.steps < 1:
        raise LabError(f"steps is {run.steps}; give the run 1 step or more, or an axis C or epochs")
    return run


def _exact(value: object) -> Hashable:
    """What only a value of the same type equals: 1, 1.0 and True are not the same choice."""
    return (type(value), value) if isinstance(value, int | float | str) else (id(value),)


def _with_parts(base: Run, choices: Mapping[str, Any], n: float | None) -> Run:
    """The base with these parts, and fields of parts, and a model of n parameters."""
    changes = {place: value for place, value in choices.items() if "." not in place}
    fields: dict[str, dict[str, Any]] = {}
    for place, value in choices.items():
        part, _, field = place.partition(".")
        if field:
            fields.setdefault(part, {})[field] = value
    parent = changes.get("parent")
    defined = parent.defined if isinstance(parent, Parent) and "model" not in changes else None
    if defined is not None:
        changes["model"] = defined.model
    for part, values in fields.items():
        old = changes.get(part, getattr(base, part))
        have = recorded_values(old)
        typed = {k: _like(f"{part}.{k}", have.get(k), v) for k, v in values.items()}
        changes[part] = config.make(type(old), {**have, **typed})
    run = dataclasses.replace(base, **changes)
    if n is not None and defined is not None:
        _require_near(run.model, n, run.learner.spec(run))
    elif n is not None:
        run = dataclasses.replace(run, model=_sized(run.model, n, run.learner.spec(run)))
        for field, value in fields.get("model", {}).items():
            if recorded_values(run.model)[field] != value:
                raise LabError(f"N fixes model.{field} and the grid gives it too; give one of them")
    return run


@lru_cache(maxsize=4096)
def _sized(model: Model, n: float, spec: Spec) -> Model:
    sized = getattr(model, "sized", None)
    if sized is None:
        raise LabError(
            f"axis N needs a model that says which of its sizes has N parameters, and "
            f"{registry.name_of(model)} has no sized(n, spec); give it one, or use a field of "
            "the model as an axis"
        )
    found = sized(n, spec)
    _require_near(found, n, spec)
    return found


def _require_near(model: Model, n: float, spec: Spec) -> None:
    """Raise LabError if the model's N is not of the size that the axis asks for."""
    have = cost_of(model, spec).parameters
    if not n / 4 < have < 4 * n:
        raise LabError(
            f"axis N holds {n:g}; the nearest {registry.name_of(model)} has {have:,} parameters; "
            "give another N, or a base model of another depth"
        )


def _joined(points: Sequence[Point]) -> Point:
    joined: dict[str, Any] = {}
    for point in points:
        if twice := sorted(joined.keys() & point.keys()):
            raise LabError(f"axis '{twice[0]}' is given twice; give it once")
        joined.update(point)
    return joined


def _positive(name: str, value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise LabError(f"axis {name} holds {value!r}; give positive numbers")
    return float(value)


def _whole(name: str, value: object) -> int:
    """A value of one of the run's own fields, which are integers: 1e3 means 1000."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise LabError(f"axis {name} holds {value!r}; give whole numbers")
    if not math.isfinite(value) or value != int(value):
        raise LabError(f"axis {name} holds {value!r}; give whole numbers")
    if not 0 <= value < 2**31:
        raise LabError(f"axis {name} holds {value!r}; give numbers from 0 to 2^31 - 1")
    return int(value)


def _like(name: str, old: object, value: object) -> object:
    """A value of the type of the one it replaces, so that 1 and 1.0 are the same run."""
    if old is None:
        return value
    if isinstance(old, bool):
        said = {"true": True, "false": False}.get(str(value).lower())
        if said is None:
            raise LabError(f"axis {name} holds {value!r}; give True or False")
        return said
    if isinstance(old, int) and isinstance(value, int | float):
        return _whole(name, value)
    if isinstance(old, float) and isinstance(value, int | float):
        return float(value)
    if type(value) is not type(old) and not isinstance(old, tuple):
        raise LabError(f"axis {name} holds {value!r}; it takes a {type(old).__name__}")
    return value


def text_of(value: object) -> str:
    """A value as it appears in the name of a run."""
    if type(value) in (int, str):
        return str(value)
    if isinstance(value, Parent):
        return str(value)
    if dataclasses.is_dataclass(value):
        shown = ",".join(f"{name}={field}" for name, field in named_values(value).items())
        kind = "recipe" if isinstance(value, Recipe) else registry.name_of(value)
        return f"{kind}({shown})"
    if isinstance(value, float):
        whole = math.isfinite(value) and value == int(value) and abs(value) < 1e7
        return str(int(value)) if whole else repr(value)
    return str(value)
