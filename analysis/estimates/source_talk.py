"""The talk's numbers compared with their own factors and with what was measured since."""

from __future__ import annotations

from typing import NamedTuple

from .. import estimates
from ..numbers import Range, plain, shown
from . import Quote, units
from .quantity import Estimate, Factor

RIGHT = 1.25  # a number within this factor counts as right: most in the talk have one digit

HEADINGS = ("", "the talk says", "follows from its factors", "measured since", "verdict", "note")


class Row(NamedTuple):
    """A row of the table, as text."""

    domain: str
    what: str
    says: str
    follows: str
    measured: str
    source: str
    verdict: str
    note: str


def rows() -> list[Row]:
    """Every number in the talk, domain by domain."""
    return [_row(domain, quote) for domain, quote in estimates.quotes()]


def ratio(quote: Quote, truth: Factor | Estimate) -> float:
    """The quoted value over the true one."""
    return quote.value / _range(truth, quote)[1]


def _row(domain: str, quote: Quote) -> Row:
    says = (quote.value / quote.within, quote.value, quote.value * quote.within)
    return Row(
        domain=domain,
        what=quote.what,
        says=f"{quote.bound} {shown(says)} {quote.units}".strip(),
        follows=shown(_range(quote.follows, quote)) if quote.follows else "",
        measured=shown(_range(quote.measured, quote)) if quote.measured else "",
        source=_source(quote.measured),
        verdict=_verdict(quote),
        note=quote.note,
    )


def _verdict(quote: Quote) -> str:
    """By the talk's own factors and as measured; once if both agree."""
    by_words = {
        _words(quote, truth): by
        for truth, by in ((quote.follows, "by its factors"), (quote.measured, "as measured"))
        if truth
    }
    if len(by_words) < 2:
        return "".join(by_words)
    return "; ".join(f"{words} {by}" for words, by in by_words.items())


def _words(quote: Quote, truth: Factor | Estimate) -> str:
    factor, (low, _, high) = ratio(quote, truth), _range(truth, quote)
    if (quote.bound == "at least" and factor <= 1) or (quote.bound == "at most" and factor >= 1):
        return "holds"
    size = max(factor, 1 / factor)
    if size <= max(RIGHT, quote.within):
        return "right"
    much = plain(float(f"{size:.2g}")) + (" times too high" if factor > 1 else " times too low")
    return f"inside the range ({much})" if low < quote.value < high else much


def _range(quantity: Factor | Estimate, quote: Quote) -> Range:
    """The range of a quantity, in the talk's unit."""
    scale = units.ratio(quantity.unit, units.unit(quote.units))
    low, centre, high = quantity.range
    return (scale * low, scale * centre, scale * high)


def _source(quantity: Factor | Estimate | None) -> str:
    if isinstance(quantity, Factor):
        return f"{quantity.name}: {quantity.source}"
    return quantity.name if quantity else ""
