"""Lines of the gate about cells: seeds, equal conditions, margins; and points of a curve."""

from __future__ import annotations

import math

from ..verdict import GateLine, predicted
from .case import Case


def cell_seeds(case: Case) -> GateLine | None:
    """Seeds of the cell that has the fewest."""
    if case.support is None or not case.support.cells:
        return None
    cells = case.support.cells
    name = min(cells, key=lambda one: cells[one].n)
    there, needed = cells[name].n, case.required.cell_seeds
    where = f" ({name})" if len(cells) > 1 else ""
    return case.line(
        "seeds a cell",
        there >= needed,
        f"{there}{where}",
        str(needed),
        f"Train {needed} seeds of every cell",
        "cell_seeds",
    )


def conditions(case: Case) -> GateLine | None:
    """Cells that are compared agree in N, D, steps and batch size, but for what is compared."""
    if case.support is None or len(case.support.cells) < 2:
        return None
    found = list(case.support.unequal)
    return case.line(
        "equal conditions",
        len(found) <= case.required.unequal,
        f"{' and '.join(found)} differ{'s' if len(found) == 1 else ''}" if found else "equal",
        "equal",
        f"Compare cells of equal {' and '.join(found)}",
        "unequal",
    )


def equivalence(case: Case) -> GateLine | None:
    """A range around no difference is narrow beside the quantity, so that zero would not pass."""
    low, high = predicted(case.claim)
    size = case.support.smallest if case.support else None
    if case.support is None or size is None or not low < case.support.nothing < high:
        return None
    nothing = case.support.nothing
    margin = max(abs(end - nothing) for end in (low, high) if math.isfinite(end))
    share = margin / size if size else math.inf
    allowed = case.required.equivalence
    return case.line(
        "margin",
        share <= allowed,
        f"{share:.0%} of the quantity, {size:.3g}",
        f"at most {allowed:.0%}",
        f"Predict it within {allowed * size:.2g} of {nothing:g}",
        "equivalence",
    )


def curve_points(case: Case) -> GateLine | None:
    """Points of a curve."""
    if case.support is None or not case.support.cells:
        return None
    there, needed = len(case.support.cells), case.required.curve_points
    return case.line(
        "points",
        there >= needed,
        str(there),
        str(needed),
        f"Measure {needed - there} more points of the curve",
        "curve_points",
    )


def curve_errors(case: Case) -> GateLine | None:
    """Standard error over the excess loss, at the point where it is largest."""
    if case.support is None or not case.support.errors:
        return None
    worst, allowed = max(case.support.errors), case.required.curve_error
    more = (worst / allowed) ** 2
    return case.line(
        "precision",
        worst <= allowed,
        f"standard error {worst:.2%} of the excess loss",
        f"{allowed:.0%} at every point",
        f"Average over {more:.2g} times as many runs at the least precise point",
        "curve_error",
    )
