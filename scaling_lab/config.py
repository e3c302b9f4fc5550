"""The definition of a run: frozen dataclasses that determine it completely.

    Run(learner=Supervised(), data=Mnist(), model=MLP(width=128), recipe=Recipe(), D=100, steps=500)

Every field is either static (it changes the compiled program: an architecture, a batch size) or
traced (it changes only numbers in it: a seed, a learning rate, D). Traced fields are declared with
`traced(default)`; runs that differ only in them share one program.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import registry
from .errors import LabError, unknown
from .protocols import Learner, Model
from .recipe import Recipe, as_declared, optional, recorded_fields, recorded_values, traced

__all__ = ["Parent", "Run"]

# Raise it when the arithmetic of training changes, so that earlier results become stale.
NUMERICS = 1

PARTS = ("learner", "data", "model", "recipe")
EXAMPLES = {
    "learner": "Supervised()",
    "data": "Digits()",
    "model": "MLP(width=64)",
    "recipe": "Recipe()",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parent:
    """A run of another experiment from whose kept parameters a run starts.

    experiment, run, fingerprint: those of the parent. step: of the snapshot to start from; 0 for
    the parameters that the parent ended with. defined: the parent as its experiment defines it, for
    grids and plans; not recorded. `lineage.parents` makes them.
    """

    experiment: str
    run: str
    fingerprint: str
    step: int = 0
    defined: Run | None = dataclasses.field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        at = f" after {self.step}" if self.step else ""
        return f"{self.experiment}({self.run.replace('/', ', ')}){at}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One training run. Everything that can change its numbers is a field.

    data: None if the learner acts in an environment instead.
    D: distinct training examples to learn from, the first D in the source's fixed order; 0 without
    data. `storage.schema` explains how the table's columns D and D_target differ from it.
    steps: learner steps; most learners make one optimiser update per step. seed: of initialisation
    and of minibatch order. data_seed: which D examples; 0 for the first in the source's order, any
    other number for those of an order of its own, whatever the seed. parent: the run whose
    parameters it starts from, in place of an initialisation.
    """

    learner: Learner[Run]
    data: Any = None
    model: Model
    recipe: Recipe = dataclasses.field(default_factory=Recipe)
    D: int = traced(0)
    steps: int = traced(0)
    seed: int = traced(0)
    data_seed: int = optional(0)
    parent: Parent | None = None

    def __post_init__(self):
        for part in PARTS:
            value = getattr(self, part)
            if value is None and part == "data":
                continue
            if not dataclasses.is_dataclass(value) or isinstance(value, type):
                raise LabError(f"{part} is {value!r}; give an object, such as {EXAMPLES[part]}")
            as_declared(value)
        if not isinstance(self.parent, Parent | None):
            raise LabError(f"parent is {self.parent!r}; give what parents(...) makes, or None")

    @property
    def examples(self) -> int:
        """Training examples seen, with repetition."""
        return self.steps * self.recipe.batch_size

    @cached_property
    def _program_key(self) -> str:
        return _digest(static(self))


def to_dict(run: Run) -> dict[str, Any]:
    """The run as plain values, the inverse of `from_dict`."""
    return {
        field.name: _plain(field.name, getattr(run, field.name))
        for field in dataclasses.fields(run)
    }


def from_dict(values: Mapping[str, Any]) -> Run:
    """A run from plain values. Raises LabError on an unknown field or name."""
    fields = {field.name for field in dataclasses.fields(Run)}
    if wrong := sorted(set(values) - fields):
        raise unknown("field of a run", wrong[0], fields)
    made: dict[str, Any] = dict(values)
    for part in PARTS:
        if made.get(part) is not None:
            inner = dict(made[part])
            cls = Recipe if part == "recipe" else registry.get(part, inner.pop("name", ""))
            made[part] = make(cls, inner)
    if made.get("parent") is not None:
        made["parent"] = make(Parent, made["parent"])
    return make(Run, made)


def make(cls: type, values: Mapping[str, Any]) -> Any:
    """`cls(**values)`. Raises LabError, naming the field, if one is unknown or missing.

    A renamed field is accepted under its new and its old name.
    """
    current, fields, needed = _declared(cls)
    if twice := [old for old, new in current.items() if old != new and {old, new} <= {*values}]:
        raise LabError(
            f"{cls.__name__} is given {twice[0]} and {current[twice[0]]}, the old and the new name "
            "of one field; give one of them"
        )
    values = {current.get(name, name): value for name, value in values.items()}
    if wrong := sorted(set(values) - set(fields)):
        raise unknown(f"field of {cls.__name__}", wrong[0], fields)
    if missing := sorted(needed - set(values)):
        raise LabError(f"{cls.__name__} needs {', '.join(missing)}; give a value for each")
    made = cls(**values)
    as_declared(made)
    return made


@cache
def _declared(cls: type) -> tuple[dict[str, str], dict[str, dataclasses.Field], set[str]]:
    """Recorded name -> name of a class's fields, the fields by name, and those without default."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    return {old: field.name for old, field in recorded_fields(cls).items()}, fields, needed


def flat(run: Run) -> dict[str, Any]:
    """Dotted path -> value of every field: `D`, `recipe.learning_rate`, `model.width`, `model`.

    A parent is the text that names it, and its experiment.
    """
    found: dict[str, Any] = {}
    for name, value in to_dict(run).items():
        if name == "parent":
            found[name] = value and str(run.parent)
            found["parent_experiment"] = value and value["experiment"]
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                found[name if key == "name" else f"{name}.{key}"] = inner
        else:
            found[name] = value
    return found


def traced_dtypes(run: Run) -> dict[str, type]:
    """Dotted path -> numpy type of every traced number, from its field's declared default."""
    return {
        path: np.float32 if isinstance(field.default, float) else np.int32
        for path, field, _ in _traced(run)
    }


def traced_values(run: Run) -> dict[str, float | int]:
    """Dotted path -> number of every traced field, but for `optional` ones that are 0."""
    return {path: value for path, _, value in _traced(run)}


def static(run: Run) -> tuple[tuple[str, Any], ...]:
    """The static choices of a run, which fix its program.

    These are path and value of all untraced fields, and the paths of `optional` ones that are not
    0. A parent is none: it replaces numbers before the first step.
    """
    found = [(at.path, value) for at, value in _walk(run) if not at.traced]
    found += [(at.path, True) for at, value in _walk(run) if at.optional and value]
    for part in PARTS[:3]:
        if (value := getattr(run, part)) is not None:
            found.append((part, registry.name_of(value)))
    return tuple(found)


def fingerprint(run: Run) -> str:
    """Digest of everything that can change the run's numbers.

    Fields at their defaults are left out, so that a new field whose default keeps the old behaviour
    does not make old results stale. Fields declared with `place` are left out too; the part's
    `numerics` stands for the content at that place. Of a parent, only its fingerprint and the step
    count.
    """
    found: dict[str, Any] = {"numerics": NUMERICS}
    for at, value in _walk(run):
        if not at.place and not _is_default(at.field, value):
            found[at.path] = value
    for part in PARTS[:3]:
        if (value := getattr(run, part)) is not None:
            found[part] = registry.name_of(value)
            # Version of behaviour that no field expresses, such as a metric's classifier.
            if version := getattr(value, "numerics", None):
                found[f"{part}.numerics"] = version
    if run.parent is not None:
        found["parent"] = [run.parent.fingerprint, run.parent.step]
    return digest(found)


def defaults(run: Run) -> dict[str, dict[str, Any]]:
    """Part -> field -> value of what the fingerprint leaves out: the fields at their defaults.

    The run's own fields are those of the part "".
    """
    found: dict[str, dict[str, Any]] = {}
    for at, value in _walk(run):
        if not at.place and _is_default(at.field, value):
            part, _, name = at.path.rpartition(".")
            plain = [*value] if isinstance(value, tuple) else value
            found.setdefault(part, {})[name] = plain
    return found


def _is_default(field: dataclasses.Field, value: object) -> bool:
    return field.default is not dataclasses.MISSING and value == field.default


def digest(values: Mapping[str, Any]) -> str:
    """Digest of plain values, twelve hexadecimal digits."""
    text = json.dumps(values, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _traced(run: Run) -> Iterator[tuple[str, dataclasses.Field, Any]]:
    """Path as code writes it, field and value of every number that reaches the program."""
    for at, value in _walk(run):
        if at.traced and (value or not at.optional):
            part, dot, _ = at.path.rpartition(".")
            yield f"{part}{dot}{at.field.name}", at.field, value


class _Field(NamedTuple):
    """A field of a run or of one of its parts: its path as recorded, and what it was declared."""

    path: str
    field: dataclasses.Field
    traced: bool
    optional: bool
    place: bool


def _walk(run: Run) -> Iterator[tuple[_Field, Any]]:
    """Every field with its value, but for the parts themselves and the parent."""
    fields, values = _layout(*[type(getattr(run, part)) for part in PARTS])
    return zip(fields, values(run), strict=True)


@cache
def _layout(*kinds: type) -> tuple[list[_Field], Callable[[Run], tuple[Any, ...]]]:
    """The fields of a run whose parts are of these classes, and what gets all their values."""
    found: dict[str, tuple[str, dataclasses.Field]] = {}
    for name, field in recorded_fields(Run).items():
        if name == "parent":
            continue
        if name not in PARTS:
            found[name] = field.name, field
            continue
        kind = kinds[PARTS.index(name)]
        if kind is not type(None):
            for inner, part in recorded_fields(kind).items():
                found[f"{name}.{inner}"] = f"{name}.{part.name}", part
    words = ("traced", "optional", "place")
    fields = [
        _Field(path, field, *(bool(field.metadata.get(word)) for word in words))
        for path, (_, field) in found.items()
    ]
    return fields, operator.attrgetter(*(place for place, _ in found.values()))


def _plain(name: str, value: object) -> object:
    if isinstance(value, Parent):
        return {n: getattr(value, n) for n in ("experiment", "run", "fingerprint", "step")}
    if name not in PARTS or value is None:
        return value
    values = recorded_values(value)
    inner = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
    return inner if name == "recipe" else {"name": registry.name_of(value), **inner}


def program_key(run: Run) -> str:
    """Digest of the static choices: runs with the same key share a program."""
    return run._program_key


@lru_cache(maxsize=65536)
def _digest(static: tuple[tuple[str, Any], ...]) -> str:
    return digest(dict(static))
