"""Laws: how the loss depends on scale. One law a file, and the file's name is the law's name.

A law's file holds a docstring whose first line is the equation (the rest says where it comes
from), and three names:

    VARIABLES    ("x",) for a law of one variable, whichever of N, D and C it is given;
                 else their names, such as ("N", "D")
    PARAMETERS   name -> Scale, Exponent or Place, in the order in which they are shown
    loss(p, x)   the loss, from dicts of positive parameters and of columns; written with operators
                 and jax.numpy only, so that it can be differentiated and mapped

Everything else (starts, fit, certificate, intervals, bands) follows from these.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scaling_lab.errors import LabError, unknown


@dataclass(frozen=True)
class Scale:
    """A parameter in which the law is linear: a floor, or the coefficient of a power.

    `Scale("N", "alpha")` says that it multiplies N^-alpha; then it is solved for with N in units
    of its geometric mean. It needs no start of its own: given the exponents, data gives it.
    """

    variable: str = ""
    exponent: str = ""


@dataclass(frozen=True)
class Exponent:
    """A positive parameter in which the law is not linear; starts are spread from low to high."""

    low: float = 0.02
    high: float = 2.0


@dataclass(frozen=True)
class Place(Exponent):
    """A positive value of a variable, in its units: a shift or a break.

    Starts are spread from low to high times the variable's geometric mean.
    """

    variable: str = "x"


@dataclass(frozen=True, eq=False)
class Law:
    """A functional form, as its file declares it."""

    name: str
    equation: str
    variables: tuple[str, ...]
    parameters: Mapping[str, Scale | Exponent]
    loss: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]

    @property
    def scales(self) -> list[str]:
        return [name for name, kind in self.parameters.items() if isinstance(kind, Scale)]

    @property
    def exponents(self) -> list[str]:
        return [name for name, kind in self.parameters.items() if isinstance(kind, Exponent)]

    def __str__(self) -> str:
        return self.name


def names() -> list[str]:
    """The laws there are: the files of this folder (none is imported)."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


@functools.cache
def get(name: str) -> Law:
    """The law of that name. Raises LabError for an unknown name or an incomplete file."""
    if name not in names():
        raise unknown("law", name, names())
    module = importlib.import_module(f".{name}", __name__)
    for part in ("__doc__", "VARIABLES", "PARAMETERS", "loss"):
        if not getattr(module, part, None):
            raise LabError(f"law '{name}' has no {part}; see the docstring of analysis/laws")
    equation = str(module.__doc__).strip().splitlines()[0]
    return Law(name, equation, module.VARIABLES, module.PARAMETERS, module.loss)
