"""Units of estimates: those of physics from pint, and whatever else is counted.

A FLOP is a count of operations and a dollar one of money; a domain declares what else it counts,

    counted("neuron", "synapse", "spike")

each with a dimension of its own, so that neurons times spikes a second never pass for FLOP/s.
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
    """Make each name a unit with a dimension of its own; a second time changes nothing.

    Raises LabError for a name that pint takes for a unit of physics.
    """
    for name in names:
        if name not in _declared:
            if name in registry():
                raise LabError(f"'{name}' is a unit of pint already; count by another name")
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
            f"unknown unit '{missing}' in '{text}'; if it is a thing that is counted, declare it "
            f"with counted('{missing}')"
        ) from error
    except Exception as error:  # pint's parser raises what Python's tokeniser does
        raise LabError(f"'{text}' is no unit; write one such as FLOP/s or dollar/day") from error


def ratio(old: pint.Unit, new: pint.Unit) -> float:
    """What a number in `old` is multiplied by to be in `new`. Raises pint.DimensionalityError."""
    return float(registry().Quantity(1.0, old).to(new).magnitude)


def compatible(one: pint.Unit, other: pint.Unit) -> bool:
    """Whether the two units measure the same kind of thing."""
    return one.dimensionality == other.dimensionality


@cache
def registry() -> pint.UnitRegistry:
    """Pint's units and those of this laboratory; made when first asked for."""
    import pint

    made = pint.UnitRegistry()
    for name in EVERYWHERE:
        made.define(f"{name} = [{name}]")
    return made
