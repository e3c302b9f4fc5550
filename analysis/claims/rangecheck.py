"""Ranges that predict too little, refused before anything is trained.

A range that holds all that the quantity can be cannot fail. One around 0 that is wide beside the
quantity would hold for no effect at all: it needs the quantity's expected size, and to be at most a
tenth of it. Any other range ends within a factor of two, or says where it comes from (`source`) or
why it is wider (`reason`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scaling_lab.errors import LabError

from ..laws import Exponent, Kind, Place, Real
from .gate.requirements import of_claim
from .verdict import predicted

FACTOR = 2.0
POSITIVE = (0.0, math.inf)


def refuse(
    claim: Mapping[str, Any],
    what: str,
    kind: Kind | None = None,
    possible: tuple[float, float] = (-math.inf, math.inf),
) -> None:
    """Raise LabError for a range that says too little about `what`.

    kind: of a law's parameter; its range of starts is what such a parameter can plausibly be.
    possible: the ends of what the quantity can be.
    """
    (low, high), possible = predicted(claim), _plausible(kind, possible)
    if low <= possible[0] and high >= possible[1]:
        ends = f"{possible[0]:g} to {possible[1]:g}"
        whole = "any number" if possible == (-math.inf, math.inf) else ends
        raise LabError(f"it cannot fail: {what} is {whole} in any case; give a narrower range")
    if low < 0 < high and possible[0] < 0:
        margin = max(abs(end) for end in (low, high) if math.isfinite(end))
        _refuse_equivalence(claim, what, margin)
        return
    if claim.get("source") or claim.get("reason"):
        return
    small, large = sorted(map(abs, (low, high)))
    if small == 0 or math.isinf(large):
        raise LabError(
            f"the range of {what}, {_text(low, high)}, has one end alone; give both within a "
            "factor of two, or a source, or say in reason why not"
        )
    if large > FACTOR * small:
        raise LabError(
            f"the range of {what}, {_text(low, high)}, is wider than a factor of two "
            f"({large / small:.2g}); narrow it, or give its source, or say in reason why not"
        )


def is_wide(claim: Mapping[str, Any]) -> bool:
    """Whether a range ends further apart than a factor of two, or has one end alone."""
    small, large = sorted(map(abs, predicted(claim)))
    return small == 0 or math.isinf(large) or large > FACTOR * small


def _refuse_equivalence(claim: Mapping[str, Any], what: str, margin: float) -> None:
    size, share = claim.get("quantity"), of_claim(claim).equivalence
    if size is None:
        raise LabError(
            f"a range of {what} around 0 holds if nothing is there; give `quantity`, the expected "
            f"size of what is compared, and a margin of at most {share:.0%} of it"
        )
    if margin > share * abs(size):
        raise LabError(
            f"it cannot fail: a margin of {margin:g} is {margin / abs(size):.0%} of the quantity, "
            f"{size:g}; give at most {share:.0%} of it, {share * abs(size):.2g}"
        )


def _plausible(kind: Kind | None, possible: tuple[float, float]) -> tuple[float, float]:
    """What a parameter of a law can be, before any data are seen."""
    if kind is None:
        return possible
    if type(kind) is Exponent:
        return (kind.low, kind.high)
    return possible if isinstance(kind, Real) and not isinstance(kind, Place) else POSITIVE


def _text(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:g} or more"
    return f"{high:g} or less" if math.isinf(low) or low == 0 else f"{low:g} to {high:g}"
