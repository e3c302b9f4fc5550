"""Theories: exact curves of the loss that claims of kind `curve` compare with measured points.

One theory a file, ours or in a plugin's folder `theory`; the file's name is the theory's. Its
docstring begins with the formula and says where it comes from. It defines

    VARIABLES            the columns of the run table that it reads, such as ("N", "D")
    curve(**settings)    a function: dict from columns to float64 arrays -> the loss, an array
    floor(**settings)    the loss that no amount of the variables removes; optional, 0 without it
    EXAMPLE              settings, for the tests
    limits(**settings)   law -> its exponent in the limit of infinite size, such as {"L(D)": 0.5};
                         optional, and never compared with runs
    RUNS, SETTINGS       optional: column -> value of the runs that it is about, and setting ->
                         column of the run table; the study `calibration` compares such runs with it

Settings are numbers or text without which there is no curve: a spectrum, a number of classes. They
are part of a prediction, and nothing in them is fitted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import numpy as np
from scipy import special

from scaling_lab import plugins
from scaling_lab.errors import LabError, unknown

__all__ = ["Theory", "check", "deviates", "floor", "found", "get", "limits", "values"]

NOUN = "theory"
LEAST = 1e-300  # the smallest probability with a finite normal deviate


class Theory(Protocol):
    """The module of a theory."""

    VARIABLES: tuple[str, ...]
    EXAMPLE: Mapping[str, Any]

    def curve(self, **settings: Any) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]: ...


def found() -> dict[str, Theory]:
    """All theories by name: the files of this folder, then those of plugins."""
    modules = {name: plugins.load("theory", name, NOUN) for name in plugins.modules("theory")}
    return {name: cast(Theory, m) for name, m in modules.items() if hasattr(m, "curve")}


def get(name: str) -> Theory:
    """One theory. Raises LabError for an unknown one."""
    every = found()
    if name not in every:
        raise unknown(NOUN, name, every)
    return every[name]


def check(name: str, settings: Mapping[str, Any]) -> None:
    """Raise LabError for an unknown theory, or settings that its curve does not take."""
    try:
        inspect.signature(get(name).curve).bind(**settings)
    except TypeError as error:
        raise LabError(f"theory '{name}' takes other settings: {error}; see its file") from error
    _made(name, settings)


def values(name: str, settings: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The theory's loss at columns [points].

    Raises LabError if the theory fails, or does not give a finite number for every point.
    """
    shape = np.broadcast_shapes(*(np.shape(column) for column in columns.values()))
    try:
        made = np.asarray(_made(name, settings)(columns), "float64")
        made = np.broadcast_to(made, shape)
    except LabError:
        raise
    except Exception as error:
        raise LabError(f"theory '{name}' fails: {type(error).__name__}: {error}") from error
    if not np.isfinite(made).all():
        raise LabError(f"theory '{name}' is not finite at every point; check its settings")
    return np.array(made)


def floor(name: str, settings: Mapping[str, Any]) -> float:
    """The loss that no amount of the variables removes; 0 if the theory says nothing of it."""
    given = getattr(get(name), "floor", None)
    return float(given(**settings)) if given else 0.0


def limits(name: str, settings: Mapping[str, Any]) -> dict[str, float]:
    """Law -> exponent in the limit of infinite size, as far as the theory knows it."""
    given = getattr(get(name), "limits", None)
    return dict(given(**settings)) if given else {}


def deviates(apart: Any, se: Any, seeds: Any) -> np.ndarray:
    """Normal deviates of distances whose standard errors rest on so many seeds; NaN for one."""
    apart, se, df = (np.asarray(part, "float64") for part in (apart, se, np.asarray(seeds) - 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(apart == 0, 0.0, apart / se)
        tail = special.stdtr(np.maximum(df, 1), -np.abs(t))
    found = -special.ndtri(np.clip(tail, LEAST, 0.5))
    return np.where(df > 0, np.sign(t) * found, np.nan)


def _made(
    name: str, settings: Mapping[str, Any]
) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    try:
        return get(name).curve(**settings)
    except LabError:
        raise
    except Exception as error:
        raise LabError(
            f"theory '{name}' refuses its settings: {type(error).__name__}: {error}; correct them"
        ) from error
