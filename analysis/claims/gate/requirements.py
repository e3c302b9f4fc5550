"""Requirements: every number of the gate, with its reason. A claim may override some of them.

    Claim(..., gate={"levels": 5}, reason="boards have five sizes")

An override holds for one claim, and needs the claim's `reason`; the page shows both numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from scaling_lab.errors import LabError, unknown

__all__ = ["DEFAULTS", "Requirements", "of_claim"]


@dataclass(frozen=True)
class Requirements:
    """What a table and its fits must have before the interval of a claim decides it."""

    # Exponents, and what else a fitted law gives
    levels: int | None = None  # of the claim's axis; None: 2 k + 2, k parameters needing the axis
    decades: float = 1.5  # of the axis: over one decade a floor bends a power law unseen
    clusters: int = 8  # independent ones: a bootstrap of fewer covers too little
    seeds: int = 2  # at every level: pure error needs repeats
    share_of_starts: float = 0.5  # that reached the optimum
    gradient: float = 1e-3  # relative offset at the optimum (Bates & Watts 1981) ...
    agreement: float = 1e-9  # ... or by how much an independent optimiser's objective may differ
    lack_of_fit: int = 0  # findings that are tolerated
    aicc: float = 2.0  # a smaller difference prefers neither law (Burnham & Anderson 2002, 2.6)

    # The runs that either rests on
    sweep_end: float = 0.0  # share of points whose learning rate lies at an end of its sweep
    undertrained: float = 0.0  # share of runs that end before their validation minimum
    family_changes: int = 0  # what else changes along the axis: depth, head size
    tautology: int = 0  # axes that are functions of one another

    # Values, ratios, differences, orderings
    cell_seeds: int = 3  # with two, Student's interval is 12.7 standard errors wide
    unequal: int = 0  # conditions that may differ between cells that are compared
    equivalence: float = 0.1  # of the quantity: the widest margin that still says "the same"

    # Curves
    curve_points: int = 5  # fewer can agree with many curves
    curve_error: float = 0.02  # standard error over the excess loss, at every point


DEFAULTS = Requirements()


def of_claim(claim: Mapping[str, object]) -> Requirements:
    """The requirements with the claim's own. Raises LabError for an unknown one or no number."""
    own = claim.get("gate") or {}
    assert isinstance(own, Mapping)
    for name, value in own.items():
        if name not in NAMES:
            raise unknown("requirement of the gate", str(name), NAMES)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LabError(f"the gate's {name} is {value!r}; give a number")
    return replace(DEFAULTS, **own)


NAMES = tuple(field.name for field in fields(Requirements))
