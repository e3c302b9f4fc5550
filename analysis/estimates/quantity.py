"""Estimates: quantities computed from named factors, each with a range, a unit and a source.

    neurons = Factor("neurons of a brain", 1e11, "neurons", "the talk", within=1.5)
    synapses = Factor("synapses of a neuron", 1e4, "synapses / neuron", "the talk", within=3)
    spikes = Factor("spikes a second", 1.0, "spikes / synapse / s", "the talk", within=10)
    flop = Factor("operations for a spike", 1.0, "FLOP / spike", "the talk", within=10)
    print(Estimate("what a brain computes", neurons * synapses * spikes * flop, "FLOP/s").sheet())

A factor's value is its median, and `within=k` gives its 90% range: value / k to value * k. The
distribution is log-normal, or with `shape="flat"` log-uniform between those ends. Units must
match, or the estimate raises. Ranges propagate through products and sums by Monte Carlo. The draws
of a factor are seeded with its repr, so that a factor used twice is drawn once and equal estimates
have equal ranges everywhere.
"""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_lab.errors import LabError

from ..numbers import Range, shown
from . import units

if TYPE_CHECKING:
    import pint

LEVEL = 0.9  # the level of every range
DRAWS = 20_000
NORMAL = 1.6448536269514722  # the 95% quantile of the standard normal distribution


class Quantity(ABC):
    """A factor, an estimate, or a combination of them by `*`, `/`, `+` and `two_to`."""

    @property
    @abstractmethod
    def unit(self) -> pint.Unit: ...

    @abstractmethod
    def centre(self) -> float:
        """The value with every factor at its median, in the quantity's unit."""

    @abstractmethod
    def draws(self, seed: int = 0) -> np.ndarray:
        """Values [DRAWS] in the quantity's unit; a scalar if nothing is uncertain."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]: ...

    @abstractmethod
    def lines(self, sign: str, depth: int) -> Iterator[tuple[str, str, str]]:
        """Rows of a sheet: sign and value, name, source."""

    def __mul__(self, other: Quantity) -> Product:
        return Product((*_powers(self), *_powers(other)))

    def __truediv__(self, other: Quantity) -> Product:
        return Product((*_powers(self), *((q, -power) for q, power in _powers(other))))

    def __add__(self, other: Quantity) -> Sum:
        return Sum((*_terms(self), *_terms(other)))


@dataclass(frozen=True)
class Factor(Quantity):
    """A number and its `source`: who measured, published or said it.

    Raises LabError for an empty source, an unknown shape or unit, or an impossible range.
    """

    name: str
    value: float
    units: str
    source: str
    within: float = 1.0
    shape: str = "lognormal"

    def __post_init__(self) -> None:
        units.unit(self.units)
        if not self.source.strip():
            raise LabError(f"the factor '{self.name}' has no source; say where it comes from")
        if self.shape not in ("lognormal", "flat"):
            raise LabError(
                f"the factor '{self.name}' has shape '{self.shape}'; use lognormal or flat"
            )
        if not (math.isfinite(self.value) and 1 <= self.within < math.inf):
            raise LabError(f"the factor '{self.name}' needs a finite value and within >= 1")
        if self.value <= 0 and self.within > 1:
            raise LabError(f"the factor '{self.name}' is not positive, so within must be 1")

    @property
    def unit(self) -> pint.Unit:
        return units.unit(self.units)

    def centre(self) -> float:
        return float(self.value)

    def draws(self, seed: int = 0) -> np.ndarray:
        if self.within == 1:
            return np.array(float(self.value))
        random = np.random.default_rng([seed, zlib.crc32(repr(self).encode())])
        if self.shape == "flat":
            logs = random.uniform(-1, 1, DRAWS)
        else:
            logs = random.standard_normal(DRAWS) / NORMAL
        return self.value * self.within**logs

    @property
    def range(self) -> Range:
        """Value / within, value, value * within."""
        return (self.value / self.within, float(self.value), self.value * self.within)

    def to_dict(self) -> dict[str, Any]:
        return {"factor": self.name, "value": self.value, "unit": self.units} | {
            "source": self.source,
            "within": self.within,
            "shape": self.shape,
        }

    def lines(self, sign: str, depth: int) -> Iterator[tuple[str, str, str]]:
        yield _cell(sign, shown(self.range), self.units, depth), self.name, self.source


@dataclass(frozen=True)
class Product(Quantity):
    """A product of quantities, each to an integer power."""

    of: tuple[tuple[Quantity, int], ...]

    @cached_property
    def unit(self) -> pint.Unit:
        found = units.unit("")
        for quantity, power in self.of:
            found = found * quantity.unit**power
        return found

    def centre(self) -> float:
        return math.prod(quantity.centre() ** power for quantity, power in self.of)

    def draws(self, seed: int = 0) -> np.ndarray:
        found = np.array(1.0)
        for quantity, power in self.of:
            found = found * quantity.draws(seed) ** power
        return found

    def to_dict(self) -> dict[str, Any]:
        return {"product": [[quantity.to_dict(), power] for quantity, power in self.of]}

    def lines(self, sign: str, depth: int) -> Iterator[tuple[str, str, str]]:
        for i, (quantity, power) in enumerate(self.of):
            mark = "×" if power > 0 else "÷"
            for _ in range(abs(power)):
                yield from quantity.lines(sign if i == 0 and power > 0 else mark, depth)


@dataclass(frozen=True)
class Sum(Quantity):
    """A sum of quantities of one dimension, in the unit of the first."""

    of: tuple[Quantity, ...]

    def __post_init__(self) -> None:
        first = self.of[0].unit
        for other in self.of[1:]:
            if not units.compatible(first, other.unit):
                raise LabError(f"cannot add {_words(other.unit)} to {_words(first)}")

    @property
    def unit(self) -> pint.Unit:
        return self.of[0].unit

    def centre(self) -> float:
        return sum(units.ratio(q.unit, self.unit) * q.centre() for q in self.of)

    def draws(self, seed: int = 0) -> np.ndarray:
        found = np.array(0.0)
        for quantity in self.of:
            found = found + units.ratio(quantity.unit, self.unit) * quantity.draws(seed)
        return found

    def to_dict(self) -> dict[str, Any]:
        return {"sum": [quantity.to_dict() for quantity in self.of]}

    def lines(self, sign: str, depth: int) -> Iterator[tuple[str, str, str]]:
        if sign in "×÷":
            yield _cell(sign, "the sum of", "", depth), "", ""
            depth, sign = depth + 1, " "
        for i, quantity in enumerate(self.of):
            yield from quantity.lines(sign if i == 0 else "+", depth)


@dataclass(frozen=True)
class TwoTo(Quantity):
    """Two to the power of a pure number, such as a time over a doubling time."""

    of: Quantity

    def __post_init__(self) -> None:
        if not units.compatible(self.of.unit, units.unit("")):
            raise LabError(
                f"2 to the power of {_words(self.of.unit)}; make the power a pure number"
            )

    @property
    def unit(self) -> pint.Unit:
        return units.unit("")

    def centre(self) -> float:
        return 2.0 ** (units.ratio(self.of.unit, self.unit) * self.of.centre())

    def draws(self, seed: int = 0) -> np.ndarray:
        return 2.0 ** (units.ratio(self.of.unit, self.unit) * self.of.draws(seed))

    def to_dict(self) -> dict[str, Any]:
        return {"two_to": self.of.to_dict()}

    def lines(self, sign: str, depth: int) -> Iterator[tuple[str, str, str]]:
        yield _cell(sign, "2 to the power of", "", depth), "", ""
        yield from self.of.lines(" ", depth + 1)


@dataclass(frozen=True)
class Estimate(Quantity):
    """A named quantity in a chosen unit; `note` is a caveat.

    Raises LabError, with both units, if the factors do not give that unit.
    """

    name: str
    of: Quantity
    units: str
    note: str = ""

    def __post_init__(self) -> None:
        if not units.compatible(self.of.unit, self.unit):
            raise LabError(
                f"the estimate '{self.name}' should be in {self.units}, but its factors give "
                f"{_words(self.of.unit)}; add the missing factor or correct a unit"
            )

    @property
    def unit(self) -> pint.Unit:
        return units.unit(self.units)

    def centre(self) -> float:
        return units.ratio(self.of.unit, self.unit) * self.of.centre()

    def draws(self, seed: int = 0) -> np.ndarray:
        return units.ratio(self.of.unit, self.unit) * self.of.draws(seed)

    @cached_property
    def range(self) -> Range:
        """Low, centre and high: 90% of the draws lie between low and high."""
        low, high = np.quantile(self.draws(), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return (float(low), self.centre(), float(high))

    def to_dict(self) -> dict[str, Any]:
        """The estimate as JSON: its tree of factors, its value and its range."""
        low, value, high = self.range
        return {"estimate": self.name, "unit": self.units, "note": self.note} | {
            "value": value,
            "low": low,
            "high": high,
            "of": self.of.to_dict(),
        }

    def lines(self, sign: str, depth: int) -> Iterator[tuple[str, str, str]]:
        yield _cell(sign, shown(self.range), self.units, depth), self.name, ""
        yield from self.of.lines(" ", depth + 1)

    def sheet(self) -> str:
        """The Fermi sheet: the result, then every factor with its range and source."""
        rows = list(self.of.lines(" ", 0))
        wide = [max(len(row[i]) for row in rows) for i in (0, 1)]
        lines = [f"{self.name}: {shown(self.range)} {self.units}".rstrip()]
        lines += [
            f"{cell:<{wide[0]}}  {name:<{wide[1]}}  {source}".rstrip()
            for cell, name, source in rows
        ]
        return "\n".join([*lines, *([f"  ! {self.note}"] if self.note else [])])


def two_to(power: Quantity) -> TwoTo:
    """2 to the power of a pure number, such as a time over a doubling time."""
    return TwoTo(power)


def from_dict(tree: Mapping[str, Any]) -> Quantity:
    """The quantity that `to_dict` describes. Raises LabError for anything else."""
    try:
        if "factor" in tree:
            kept = {k: tree[k] for k in ("value", "source", "within", "shape")}
            return Factor(name=tree["factor"], units=tree["unit"], **kept)
        if "estimate" in tree:
            return Estimate(tree["estimate"], from_dict(tree["of"]), tree["unit"], tree["note"])
        if "product" in tree:
            return Product(tuple((from_dict(q), int(power)) for q, power in tree["product"]))
        if "sum" in tree:
            return Sum(tuple(from_dict(q) for q in tree["sum"]))
        return TwoTo(from_dict(tree["two_to"]))
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(f"not an estimate ({error}); give what to_dict returns") from error


def _cell(sign: str, value: str, unit: str, depth: int) -> str:
    return f"  {'    ' * depth}{sign} {value} {unit}".rstrip()


def _powers(quantity: Quantity) -> tuple[tuple[Quantity, int], ...]:
    return quantity.of if isinstance(quantity, Product) else ((quantity, 1),)


def _terms(quantity: Quantity) -> tuple[Quantity, ...]:
    return quantity.of if isinstance(quantity, Sum) else (quantity,)


def _words(unit: pint.Unit) -> str:
    return str(unit) if str(unit) != "dimensionless" else "a pure number"
