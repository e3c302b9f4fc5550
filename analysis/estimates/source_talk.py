"""The talk against its own factors and against what was measured since: one row a figure of it."""

from __future__ import annotations

from typing import NamedTuple

from .. import estimates
from ..numbers import Range, plain, shown
from . import Said, units
from .quantity import Estimate, Factor

RIGHT = 1.25  # a figure of the talk within this factor is right: most have one digit

HEADINGS = ("", "the talk says", "follows from its factors", "measured since", "off by", "mind")


class Row(NamedTuple):
    """A row of the table, in words."""

    domain: str
    what: str
    says: str
    follows: str
    measured: str
    source: str
    off: str
    slip: str


def rows() -> list[Row]:
    """Every number of the talk, domain by domain."""
    return [_row(domain, said) for domain, said in estimates.said()]


def off(said: Said, truth: Factor | Estimate) -> float:
    """What was said, over what is so."""
    return said.value / _range(truth, said)[1]


def _row(domain: str, said: Said) -> Row:
    says = (said.value / said.within, said.value, said.value * said.within)
    return Row(
        domain=domain,
        what=said.what,
        says=f"{said.bound} {shown(says)} {said.units}".strip(),
        follows=shown(_range(said.follows, said)) if said.follows else "",
        measured=shown(_range(said.measured, said)) if said.measured else "",
        source=_source(said.measured),
        off=_off(said),
        slip=said.slip,
    )


def _off(said: Said) -> str:
    """In words: by its own factors, and by what was measured; once where both say the same."""
    told = {
        _words(said, truth): by
        for truth, by in ((said.follows, "by its factors"), (said.measured, "as measured"))
        if truth
    }
    if len(told) < 2:
        return "".join(told)
    return "; ".join(f"{words} {by}" for words, by in told.items())


def _words(said: Said, truth: Factor | Estimate) -> str:
    factor, (low, _, high) = off(said, truth), _range(truth, said)
    if (said.bound == "at least" and factor <= 1) or (said.bound == "at most" and factor >= 1):
        return "holds"
    size = max(factor, 1 / factor)
    if size <= max(RIGHT, said.within):
        return "right"
    much = plain(float(f"{size:.2g}")) + (" times too high" if factor > 1 else " times too low")
    return f"inside the range ({much})" if low < said.value < high else much


def _range(quantity: Factor | Estimate, said: Said) -> Range:
    """The range of a quantity, in the unit in which the talk speaks."""
    ratio = units.ratio(quantity.unit, units.unit(said.units))
    low, centre, high = quantity.range
    return (ratio * low, ratio * centre, ratio * high)


def _source(quantity: Factor | Estimate | None) -> str:
    if isinstance(quantity, Factor):
        return f"{quantity.name}: {quantity.source}"
    return quantity.name if quantity else ""
