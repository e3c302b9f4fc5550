"""Name -> class, for models, data sources and learners.

A module of `models/`, `data/` or `learners/` registers its class under a name,

    @register("model", "mlp")
    @dataclass(frozen=True, kw_only=True)
    class MLP: ...

and is found by being there: the first look-up imports every module of the three packages. A class
of one's own, in an experiment's file, registers in the same way.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from .errors import LabError, unknown

PACKAGES = {"model": "models", "data": "data", "learner": "learners"}

_classes: dict[str, dict[str, type]] = {kind: {} for kind in PACKAGES}

T = TypeVar("T")


def register(kind: str, name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator. Raises LabError if another class has the name already."""

    def add(cls: type[T]) -> type[T]:
        old = _classes[kind].get(name)
        if old is not None and (old.__module__, old.__qualname__) != (
            cls.__module__,
            cls.__qualname__,
        ):
            raise LabError(
                f"{kind} '{name}' is registered twice: by {old.__module__}.{old.__qualname__} "
                f"and by {cls.__module__}.{cls.__qualname__}; rename one"
            )
        _classes[kind][name] = cls
        return cls

    return add


def names(kind: str) -> list[str]:
    """All registered names of a kind, sorted."""
    _discover()
    return sorted(_classes[kind])


def get(kind: str, name: str) -> type:
    """The class of that name. Raises LabError, with the nearest name, if there is none."""
    _discover()
    if name not in _classes[kind]:
        raise unknown(kind, name, _classes[kind])
    return _classes[kind][name]


def name_of(thing: object) -> str:
    """The name an object's class is registered under."""
    for classes in _classes.values():
        for name, cls in classes.items():
            if type(thing) is cls:
                return name
    raise LabError(f"{type(thing).__name__} is not registered; decorate it with @register")


@cache
def _discover() -> None:
    for package in PACKAGES.values():
        parent = importlib.import_module(f".{package}", __package__)
        for module in pkgutil.iter_modules(parent.__path__):
            importlib.import_module(f".{package}.{module.name}", __package__)
