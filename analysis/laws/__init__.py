"""Laws: how the loss depends on scale. One law per file; the file's name is the law's name.

A law's file has a docstring, whose first line is the equation (the rest says what the law describes
and where it comes from), and three names:

    VARIABLES    ("x",) for a law of any one variable; else the roles that it depends on, such as
                 ("N", "D"). A role that `tables.ROLES` does not list is the name of a column
    PARAMETERS   name -> Scale, Exponent, Place, Level or Real, in the order in which they are shown
    loss(p, x)   the loss, from dicts of parameters and of columns; elementwise, with operators and
                 jax.numpy only, so that it can be differentiated and vectorised

Everything else (starts, fit, certificate, intervals, bands) follows from these. It may also hold

    SPACE            the default space of residuals, "log" unless given; "raw" is for responses that
                     may be zero or negative, such as Elo
    RESPONSE         the name of the response if it is not a loss: "accuracy" (its role is still L)
    frontier(p, C, k)    {"N", "D", "L"} of least loss at C = k N D, in closed form
    starts(x, y)         name -> (low, high): ranges of starts that depend on the data
    extended(columns)    the law with a term for each extra column: `get("chinchilla+width+depth")`
    member(number)       a member of a family: `get("broken_power_law:2")`
    EXAMPLE          realistic parameters, if possible those that its source publishes
    GRID             variable -> (low, high): a range of data from which they can be recovered

`extended` and `member` return a dict of the names above and "equation". Tests and docs plot and
recover every law at its EXAMPLE, on its GRID.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from scaling_lab import plugins, sources
from scaling_lab.errors import LabError, unknown


@dataclass(frozen=True)
class Scale:
    """A positive parameter in which the law is linear: a floor, or the coefficient of a power.

    `Scale("N", "alpha")` says that it multiplies N^-alpha; `Scale()` says only that the law is
    linear in it. It needs no start: given the other parameters, it is solved for.
    """

    variable: str = ""
    exponent: str = ""


@dataclass(frozen=True)
class Exponent:
    """A positive parameter in which the law is not linear; starts are log-spaced in its range."""

    low: float = 0.02
    high: float = 2.0


@dataclass(frozen=True)
class Place(Exponent):
    """A positive value of a variable, in its units: a shift or a break.

    Starts are log-spaced from low to high times the variable's geometric mean.
    """

    variable: str = "x"


@dataclass(frozen=True)
class Level(Exponent):
    """A positive value of the response, in its units: a ceiling, the loss before any training.

    Starts are log-spaced from low to high times the response's geometric mean.
    """

    low: float = 0.1
    high: float = 10.0


@dataclass(frozen=True)
class Real:
    """A parameter of either sign in which the law is not linear; starts are evenly spaced."""

    low: float = -1.0
    high: float = 1.0


Kind = Scale | Exponent | Real


@dataclass(frozen=True, eq=False)
class Law:
    """A functional form, as its file declares it; `about` is its docstring without the equation.

    origin    of a law made from another: that law, and what was done to it
    """

    name: str
    equation: str
    variables: tuple[str, ...]
    parameters: Mapping[str, Kind]
    loss: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
    space: str = "log"
    response: str = "loss"
    frontier: Callable[[Mapping[str, Any], Any, float], Mapping[str, Any]] | None = None
    starts: Callable[[Mapping[str, Any], Any], Mapping[str, tuple[float, float]]] | None = None
    example: Mapping[str, float] = field(default_factory=dict)
    grid: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    about: str = ""
    origin: tuple[Law, str] | None = None

    @property
    def scales(self) -> list[str]:
        """The parameters in which the law is linear."""
        return [name for name, kind in self.parameters.items() if isinstance(kind, Scale)]

    @property
    def nonlinear(self) -> list[str]:
        """The parameters that need starts: all but the scales."""
        return [name for name, kind in self.parameters.items() if not isinstance(kind, Scale)]

    @property
    def exponents(self) -> list[str]:
        """The parameters of kind Exponent: positive, dimensionless, and not linear."""
        return [name for name, kind in self.parameters.items() if type(kind) is Exponent]

    def __str__(self) -> str:
        return self.name


def names() -> list[str]:
    """The names of all laws: the files of this folder, then those of plugins. Imports none."""
    return list(plugins.modules("laws"))


def equation(name: str) -> str:
    """The first line of a law's docstring; the law is not imported."""
    return sources.declared(plugins.modules("laws")[name].file).doc.partition("\n")[0]


@functools.cache
def get(name: str) -> Law:
    """The law of that name: "chinchilla", "chinchilla+width", "broken_power_law:2".

    Raises LabError for an unknown name, an incomplete file, or a family that it does not define.
    """
    plain, *columns = name.split("+")
    plain, _, number = plain.partition(":")
    module = plugins.load("laws", plain, "law")
    for part in ("__doc__", "VARIABLES", "PARAMETERS", "loss"):
        if not getattr(module, part, None):
            raise LabError(f"law '{plain}' has no {part}; see the docstring of analysis/laws")
    equation, _, about = inspect.cleandoc(str(module.__doc__)).partition("\n")
    form: dict[str, Any] = vars(module) | {"equation": equation}
    if number:
        form |= _family(form, plain, "member")(_whole(plain, number))
    if columns:
        form |= _family(form, plain, "extended")(tuple(columns))
    _check_kinds(name, form["PARAMETERS"])
    return Law(
        name,
        form["equation"],
        tuple(form["VARIABLES"]),
        dict(form["PARAMETERS"]),
        form["loss"],
        form.get("SPACE", "log"),
        form.get("RESPONSE", "loss"),
        form.get("frontier"),
        form.get("starts"),
        form.get("EXAMPLE", {}),
        form.get("GRID", {}),
        about.strip(),
    )


def identity(law: Law) -> list[str] | None:
    """What tells this law from all others: its name, and how it was made from the law of that name.

    None for a law that a caller wrote, which its name does not tell.
    """
    if law.origin is not None:
        known = identity(law.origin[0])
        return known and [*known, law.origin[1]]
    with suppress(LabError):
        if get(law.name) is law:
            return [law.name]
    return None


@functools.cache
def tied(law: Law, ties: tuple[tuple[str, str], ...]) -> Law:
    """The law with some parameters set equal to others: (("beta", "alpha"),) removes beta.

    Raises LabError for an unknown parameter, or two of different kinds.
    """
    for name, to in ties:
        for one in (name, to):
            if one not in law.parameters:
                raise unknown("parameter", one, law.parameters)
        if name == to or to in dict(ties) or [one for one, _ in ties].count(name) > 1:
            raise LabError(
                f"cannot tie {name} to {to}; tie it once, to a parameter that stays free"
            )
        if type(law.parameters[name]) is not type(law.parameters[to]):
            raise LabError(f"cannot tie {name} to {to}: they are parameters of different kinds")
    if not ties:
        return law

    def whole(p: Mapping[str, Any]) -> dict[str, Any]:
        return dict(p) | {name: p[to] for name, to in ties}

    frontier, starts = law.frontier, law.starts
    return replace(
        law,
        parameters={k: v for k, v in law.parameters.items() if k not in dict(ties)},
        loss=lambda p, x: law.loss(whole(p), x),
        frontier=frontier and (lambda p, C, k: frontier(whole(p), C, k)),
        starts=starts
        and (lambda x, y: {k: v for k, v in starts(x, y).items() if k not in dict(ties)}),
        origin=(law, ", ".join(f"{name} = {to}" for name, to in sorted(ties))),
    )


@functools.cache
def signed(law: Law, floors: tuple[str, ...]) -> Law:
    """The law with floors of either sign, for responses that are: scales are positive otherwise."""
    if not floors:
        return law
    inner = law.starts

    def starts(x: Mapping[str, Any], y: Any) -> dict[str, tuple[float, float]]:
        reach = float(y.max() - y.min())
        lowest = (float(y.min()) - reach, float(y.max()))
        return dict(inner(x, y) if inner else {}) | dict.fromkeys(floors, lowest)

    kinds = {name: Real() if name in floors else kind for name, kind in law.parameters.items()}
    made = (law, f"{', '.join(floors)} of either sign")
    return replace(law, parameters=kinds, starts=starts, origin=made)


def _check_kinds(name: str, parameters: object) -> None:
    kinds = "Scale(), Exponent(), Place(), Level() or Real()"
    if not isinstance(parameters, Mapping):
        raise LabError(
            f"law '{name}': PARAMETERS is {parameters!r}; give a dict from names to {kinds}"
        )
    for parameter, kind in parameters.items():
        if not isinstance(kind, Kind):
            raise LabError(f"law '{name}': parameter '{parameter}' is {kind!r}; give {kinds}")


def _family(form: Mapping[str, Any], name: str, part: str) -> Callable[..., Mapping[str, Any]]:
    if part not in form:
        why = "takes no extra columns (+)" if part == "extended" else "has no members (:)"
        raise LabError(f"law '{name}' {why}; use its plain name")
    return form[part]


def _whole(name: str, number: str) -> int:
    if not number.isdecimal() or not int(number):
        raise LabError(
            f"'{name}:{number}' is not a member of {name}; give a whole number, as in {name}:2"
        )
    return int(number)
