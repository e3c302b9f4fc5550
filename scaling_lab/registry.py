"""Name -> class, for models, data sources, learners, environments and backends.

A module of `models/`, `data/`, `learners/`, `environments/` or `engine/backends/`, ours or a
plugin's, registers its class under a name, written as a literal,

    @register("model", "mlp")
    @dataclass(frozen=True, kw_only=True)
    class MLP: ...

and nothing else is needed: names are read from the source, and a module is imported only when its
class is asked for. A class in an experiment's file registers in the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from . import plugins, sources
from .errors import LabError, unknown

__all__ = ["register"]

ROOMS = {
    "model": "models",
    "data": "data",
    "learner": "learners",
    "environment": "environments",
    "backend": "backends",
}

_classes: dict[str, dict[str, type]] = {kind: {} for kind in ROOMS}
# Name, place and file of every class ever registered. An experiment that is loaded twice makes its
# classes anew, and the runs of the first time have those of the first time.
_registered: dict[type, tuple[str, str, Path | None]] = {}

T = TypeVar("T")


def register(kind: str, name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator. Raises LabError for an unknown kind, or if another class has the name."""
    if kind not in ROOMS:
        raise unknown("kind of registered class", kind, ROOMS)

    def add(cls: type[T]) -> type[T]:
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        place, old = _told(f"{cls.__module__}.{cls.__qualname__}", file), _classes[kind].get(name)
        if old is not None:
            taken = {_registered[old][1]}
        else:
            taken = {_told(f"{m.name}.{c}", m.file) for m, c in found(kind).get(name, [])}
        if others := sorted(taken - {place}):
            places = [others[0], place]
            names = [where.partition(" in ")[0] for where in places]
            one, other = names if names[0] != names[1] else places
            raise LabError(
                f"{kind} '{name}' is registered twice: by {one} and by {other}; rename one"
            )
        _classes[kind][name] = cls
        _registered[cls] = (name, place, Path(file) if file else None)
        return cls

    return add


def found(kind: str) -> dict[str, list[tuple[plugins.Module, str]]]:
    """Name -> modules and classes in the room of a kind; nothing is imported."""
    listed: dict[str, list[tuple[plugins.Module, str]]] = {}
    for _, module in plugins.every(ROOMS[kind]):
        for one in sources.declared(module.file).registered:
            if one.kind == kind:
                listed.setdefault(one.name, []).append((module, one.cls))
    return listed


def names(kind: str) -> list[str]:
    """All names of a kind, sorted: those registered so far and those in its room."""
    return sorted({*_classes[kind], *found(kind)})


def get(kind: str, name: str) -> type:
    """The class of that name. Raises LabError, with the nearest name, if there is none."""
    if name not in _classes[kind]:
        if name not in (listed := found(kind)):
            raise unknown(kind, name, names(kind))
        for module, _ in listed[name]:
            module.load()
    return _classes[kind][name]


def name_of(thing: object) -> str:
    """The name an object's class is registered under."""
    if type(thing) in _registered:
        return _registered[type(thing)][0]
    raise LabError(f"{type(thing).__name__} is not registered; decorate it with @register")


@contextmanager
def scratch() -> Iterator[None]:
    """On exit, forget the classes registered meanwhile by modules outside the rooms.

    For tests and for the code in the documentation.
    """
    before = {kind: dict(classes) for kind, classes in _classes.items()}
    try:
        yield
    finally:
        for kind, classes in _classes.items():
            kept = {*before[kind], *found(kind)}
            _classes[kind] = {name: cls for name, cls in classes.items() if name in kept}
            for cls in {*classes.values()} - {*_classes[kind].values()}:
                _registered.pop(cls, None)


def file_of(cls: type) -> Path | None:
    """The file in which a class was registered; the module that it made may be gone since."""
    return _registered[cls][2] if cls in _registered else None


def _told(name: str, file: str | Path | None) -> str:
    """A class with its file: experiments in two folders may have modules of one name."""
    return f"{name} in {Path(file).resolve()}" if file else name
