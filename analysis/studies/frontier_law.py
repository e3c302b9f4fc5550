"""The law L(C) along the compute frontier: the least loss at each compute."""

from __future__ import annotations

from scaling_lab.errors import LabError, NotApplicable

from ..experiment_tables import Tables
from ..fitting.fit import fit
from ..fitting.result import Fit
from ..tables import checked

SLUG = "frontier"
TITLE = "L(C) on the frontier"
LAW = "power_law_floor"


def analyse(tables: Tables) -> Fit:
    """Fit the law to the interior of the frontier, resampling all points of one N together.

    Raises NotApplicable if there are no learning curves, or fewer than three sizes or five points
    in the interior.
    """
    try:
        frontier = tables.frontier()
    except LabError as error:
        raise NotApplicable(str(error)) from error
    inner = frontier[frontier["inner"]].reset_index(drop=True)
    if inner["N"].nunique() < 3 or len(inner) < 5:
        raise NotApplicable(f"{TITLE} needs three interior sizes and five points on the frontier")
    return fit(LAW, checked(inner, {"C": "C", "L": "L"}, cluster="N"))
