"""Units of estimates: pint's physical units, and things that are counted.

FLOP, dollars, parameters, examples and devices are counted everywhere. A domain declares the rest,

    counted("neuron", "synapse", "spike")

each with its own dimension, so that neurons times spikes per second can never pass for FLOP/s.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from scaling_lab.errors import LabError

if TYPE_CHECKING:
    import pint

EVERYWHERE = ("FLOP", "dollar", "parameter", "example", "device")

_declared: set[str] = set()


def counted(*names: str) -> None:
    """Define each name as a unit with its own dimension; defining it again is harmless.

    Raises LabError for a name that is already a unit of pint.
    """
    for name in names:
        if name not in _declared:
            if name in registry():
                raise LabError(f"'{name}' is already a unit of pint; count under another name")
            registry().define(f"{name} = [{name}]")
            _declared.add(name)


def unit(text: str) -> pint.Unit:
    """The unit written as text: "FLOP/s", "spikes / synapse / s". Raises LabError."""
    import pint

    try:
        return registry().parse_units(text)
    except pint.UndefinedUnitError as error:
        missing = error.unit_names if isinstance(error.unit_names, str) else error.unit_names[0]
        raise LabError(
            f"unknown unit '{missing}' in '{text}'; if it is something counted, declare it with "
            f"counted('{missing}')"
        ) from error
    except Exception as error:  # pint's parser raises what Python's tokeniser does
        raise LabError(f"'{text}' is not a unit; write one such as FLOP/s or dollar/day") from error


def ratio(old: pint.Unit, new: pint.Unit) -> float:
    """The factor that converts a number from `old` to `new`. Raises pint.DimensionalityError."""
    return float(registry().Quantity(1.0, old).to(new).magnitude)


def compatible(one: pint.Unit, other: pint.Unit) -> bool:
    """Whether the two units have the same dimension."""
    return one.dimensionality == other.dimensionality


@cache
def registry() -> pint.UnitRegistry:
    """Pint's units and ours; built on first use, because pint is slow to import."""
    import pint

    made = pint.UnitRegistry()
    for name in EVERYWHERE:
        made.define(f"{name} = [{name}]")
    return made
