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
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np

from . import registry
from .errors import LabError, unknown
from .protocols import Learner, Model
from .recipe import Recipe, as_declared, optional, recorded_fields, traced

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


@dataclasses.dataclass(frozen=True, eq=False)
class Fields:
    """The fields of a part of a run, or with part "" those of the run itself.

    plain: name -> value. flat: dotted path -> value, "model" -> its name. static: path and value of
    the static choices. given: path -> value of what is not at its default; defaults: name -> value
    of what is. traced: path as code writes it, field and value of the numbers for the program.
    Compared and hashed by identity, since runs share those of their parts.
    """

    part: str
    plain: dict[str, Any]
    flat: dict[str, Any]
    static: tuple[tuple[str, Any], ...]
    given: dict[str, Any]
    defaults: dict[str, Any]
    traced: tuple[tuple[str, dataclasses.Field, Any], ...]


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
    def fields(self) -> tuple[Fields, ...]:
        """Its own fields and those of its parts, as identities, programs and tables need them."""
        values = tuple(getattr(self, name) for name in _NUMBERS)
        own = _own(values, tuple(map(type, values)))
        parts = [(name, getattr(self, name)) for name in PARTS]
        return own, *(_part(name, part) for name, part in parts if part is not None)


def to_dict(run: Run) -> dict[str, Any]:
    """The run as plain values, the inverse of `from_dict`."""
    own, *parts = run.fields
    found: dict[str, Any] = {name: own.plain.get(name) for name in _NAMES}
    found |= {part.part: dict(part.plain) for part in parts}
    if run.parent is not None:
        names = ("experiment", "run", "fingerprint", "step")
        found["parent"] = {name: getattr(run.parent, name) for name in names}
    return found


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
    if wrong := sorted(values.keys() - fields):
        raise unknown(f"field of {cls.__name__}", wrong[0], fields)
    if missing := sorted(needed - values.keys()):
        raise LabError(f"{cls.__name__} needs {', '.join(missing)}; give a value for each")
    made = cls(**values)
    as_declared(made)
    return made


@cache
def _declared(cls: type) -> tuple[dict[str, str], frozenset[str], frozenset[str]]:
    """Recorded name -> name of each field, the names, and those without a default."""
    current = {name: field.name for name, field in recorded_fields(cls).items()}
    needed = {
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    return current, frozenset(current.values()), frozenset(needed)


def flat(run: Run) -> dict[str, Any]:
    """Dotted path -> value of every field: `D`, `recipe.learning_rate`, `model.width`, `model`.

    A parent is the text that names it, and its experiment.
    """
    own, *parts = run.fields
    found: dict[str, Any] = {}
    for name in _NAMES:
        if name in own.flat:
            found[name] = own.flat[name]
        elif name == "parent":
            found["parent"] = run.parent and str(run.parent)
            found["parent_experiment"] = run.parent and run.parent.experiment
        else:
            found |= next((part.flat for part in parts if part.part == name), {name: None})
    return found


def traced_dtypes(run: Run) -> dict[str, type]:
    """Dotted path -> numpy type of every traced number, from its field's declared default."""
    return {
        path: np.float32 if isinstance(field.default, float | tuple) else np.int32
        for path, field, _ in _traced(run)
    }


def traced_shapes(run: Run) -> dict[str, tuple[int, ...]]:
    """Dotted path -> shape of every traced field: () of a number, (k,) of a tuple of k."""
    return {path: np.shape(value) for path, _, value in _traced(run)}


def traced_values(run: Run) -> dict[str, Any]:
    """Dotted path -> number(s) of every traced field, but for `optional` ones that are off."""
    return {path: value for path, _, value in _traced(run)}


def static(run: Run) -> tuple[tuple[str, Any], ...]:
    """The static choices of a run, which fix its program.

    These are path and value of all untraced fields, and the paths of `optional` ones that are not
    0, with their length if they have one. A parent is none: it replaces numbers before the first
    step.
    """
    return tuple(choice for fields in run.fields for choice in fields.static)


def fingerprint(run: Run) -> str:
    """Digest of everything that can change the run's numbers.

    Fields at their defaults are left out, so that a new field whose default keeps the old behaviour
    does not make old results stale. Fields declared with `place` are left out too; the part's
    `numerics` stands for the content at that place. Of a parent, only its fingerprint and the step
    count.
    """
    found: dict[str, Any] = {"numerics": NUMERICS}
    for fields in run.fields:
        found |= fields.given
    for part in PARTS[:3]:
        # Version of behaviour that no field expresses, such as a metric's classifier.
        if version := getattr(getattr(run, part), "numerics", None):
            found[f"{part}.numerics"] = version
    if run.parent is not None:
        found["parent"] = [run.parent.fingerprint, run.parent.step]
    return digest(found)


def defaults(run: Run) -> dict[str, dict[str, Any]]:
    """Part -> field -> value of what the fingerprint leaves out: the fields at their defaults.

    The run's own fields are those of the part "". Runs share it: it must not be changed.
    """
    own, *parts = run.fields
    return _defaults(tuple(own.defaults.items()), *parts)


@lru_cache(maxsize=4096)
def _defaults(own: tuple[tuple[str, Any], ...], *parts: Fields) -> dict[str, dict[str, Any]]:
    every = {"": dict(own)} | {fields.part: fields.defaults for fields in parts}
    return {part: values for part, values in every.items() if values}


def digest(values: Mapping[str, Any]) -> str:
    """Digest of plain values, twelve hexadecimal digits."""
    return hashlib.sha256(_PLAIN.encode(values).encode()).hexdigest()[:12]


def _traced(run: Run) -> Iterator[tuple[str, dataclasses.Field, Any]]:
    """Path as code writes it, field and value of every number that reaches the program."""
    for fields in run.fields:
        yield from fields.traced


@lru_cache(maxsize=4096)
def _own(values: tuple[Any, ...], types: tuple[type, ...]) -> Fields:
    """The fields of a run itself, which many runs of a grid share. types: as in `_part`."""
    fields = recorded_fields(Run)
    return _fields("", {name: fields[name] for name in _NUMBERS}, [*values])


def _part(name: str, part: Any) -> Fields:
    """The fields of a part, worked out once for all runs that have it."""
    found = _seen.get((name, id(part)))
    if found is None:
        if len(_seen) >= SEEN:
            _seen.clear()
        # Equal parts whose values differ in type, 1 and True, are not recorded alike.
        fields = _shared(name, part, tuple(map(type, vars(part).values())))
        found = _seen[name, id(part)] = part, fields  # the part stays, so its id is no other's
    return found[1]


@lru_cache(maxsize=4096)
def _shared(name: str, part: Any, types: tuple[type, ...]) -> Fields:
    """The fields that equal parts share."""
    fields = recorded_fields(type(part))
    found = _fields(name, fields, [getattr(part, field.name) for field in fields.values()])
    if name == "recipe":
        return found
    known = registry.name_of(part)
    return dataclasses.replace(
        found,
        plain={"name": known, **found.plain},
        flat={name: known, **found.flat},
        static=(*found.static, (name, known)),
        given={**found.given, name: known},
    )


def _fields(part: str, fields: Mapping[str, dataclasses.Field], values: list[Any]) -> Fields:
    before = f"{part}." if part else ""
    static, optionals, traced = [], [], []
    plain, given, defaults = {}, {}, {}
    for (name, field), value in zip(fields.items(), values, strict=True):
        about, path = field.metadata, f"{before}{name}"
        plain[name] = [*value] if isinstance(value, tuple) else value
        if not about.get("traced"):
            static.append((path, value))
        elif value or not about.get("optional"):
            traced.append((f"{before}{field.name}", field, value))
        if about.get("optional") and value:
            optionals.append((path, len(value) if isinstance(value, tuple) else True))
        if about.get("place"):
            continue
        if field.default is not dataclasses.MISSING and value == field.default:
            defaults[name] = plain[name]
        else:
            given[path] = value
    flat = {f"{before}{name}": value for name, value in plain.items()}
    return Fields(part, plain, flat, (*static, *optionals), given, defaults, tuple(traced))


def program_key(run: Run) -> str:
    """Digest of the static choices: runs with the same key share a program."""
    own, *parts = run.fields
    return _program(own.static, *parts)


@lru_cache(maxsize=4096)
def _program(own: tuple[tuple[str, Any], ...], *parts: Fields) -> str:
    return digest(
        {path: value for some in (own, *(p.static for p in parts)) for path, value in some}
    )


SEEN = 4096
_seen: dict[tuple[str, int], tuple[Any, Fields]] = {}  # part of a run, by its id
_PLAIN = json.JSONEncoder(sort_keys=True, default=list)
_NAMES = tuple(field.name for field in dataclasses.fields(Run))
_NUMBERS = tuple(name for name in _NAMES if name not in (*PARTS, "parent"))  # a run's own
