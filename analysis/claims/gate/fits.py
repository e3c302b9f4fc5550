"""Lines of the gate about fits: whether the table can give an exponent, and the fit is its."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from scaling_lab.errors import LabError

from ...fitting import floor
from ..verdict import GateLine
from .case import Case

SAME_LEVEL = 1.1  # values within this factor are one level
PER_PARAMETER, MORE = 2, 2  # levels: two a parameter, and two to test the law with


def levels(case: Case) -> GateLine | None:
    """Distinct levels of the axis: 2 k + 2, k being the parameters that it must determine."""
    found = _axes(case)
    if not found:
        return None
    asked = case.required.levels
    short = {
        axis: (count_levels(values), asked or PER_PARAMETER * k + MORE, k)
        for axis, (values, k) in found.items()
    }
    axis = min(short, key=lambda name: short[name][0] - short[name][1])
    there, needed, k = short[axis]
    shown = f"{needed}" if asked else f"{needed} (2 k + 2, k = {k} parameters)"
    return case.line(
        "levels",
        there >= needed,
        f"{there} of {axis}",
        shown,
        f"Give {axis} {needed - there} more level{'s' if needed - there > 1 else ''}",
        "levels",
    )


def decades(case: Case) -> GateLine | None:
    """Decades that the axis spans."""
    found = {axis: values for axis, (values, _) in _axes(case).items() if len(values)}
    if not found:
        return None
    spans = {axis: math.log10(values.max() / values.min()) for axis, values in found.items()}
    axis = min(spans, key=spans.__getitem__)
    needed = case.required.decades
    return case.line(
        "decades",
        spans[axis] >= needed - 1e-9,
        f"{spans[axis]:.3g} of {axis}",
        f"{needed:g}",
        f"Spread {axis} over {needed:g} decades",
        "decades",
    )


def clusters(case: Case) -> GateLine | None:
    """Independent clusters: cells of equal conditions, runs, budgets."""
    support = case.support
    if support is None or not (support.fits or support.axes):
        return None
    counts = [int(fit.certificate["clusters"]) for fit in support.fits.values()]
    if not counts and support.points is not None:
        counts = [len(support.points)]
    if case.tables is None:  # planned: each cell is one
        counts = [max((count_levels(values) for values, _ in _axes(case).values()), default=0)]
    if not counts:
        return None
    there, needed = min(counts), case.required.clusters
    return case.line(
        "clusters",
        there >= needed,
        str(there),
        str(needed),
        f"Add {needed - there} independent cells",
        "clusters",
    )


def certificate(case: Case) -> GateLine | None:
    """The optimum: reached from half the starts, and confirmed by gradient or other optimiser."""
    if case.support is None or not case.support.fits:
        return None
    wanted, said, passed = case.required, [], True
    for fit in case.support.fits.values():
        found = fit.certificate
        share, gradient = found["share_of_starts"], found["gradient"]
        other = found["independent"]["objective"]
        unit = abs(fit.objective) + 1e-15 * fit.n
        agrees = abs(other - fit.objective) <= wanted.agreement * unit
        sound = share >= wanted.share_of_starts and (gradient < wanted.gradient or agrees)
        if not sound or not said:
            said = [f"{share:.0%} of starts, gradient {gradient:.1g}"]
            said += [", another optimiser agrees"] if agrees and gradient >= wanted.gradient else []
        passed &= sound
    return case.line(
        "certificate",
        passed,
        "".join(said),
        f"{wanted.share_of_starts:.0%} and {wanted.gradient:g}",
        "Fit a law that these points determine, or from more starts",
        "share_of_starts",
    )


def lack_of_fit(case: Case) -> GateLine | None:
    """No check finds that the law misses the points."""
    if case.support is None or not case.support.fits:
        return None
    found = case.doubted("lack_of_fit")
    said = "none"
    if found:
        said = found[0].what + (f" ({found[0].how_bad})" if found[0].how_bad else "")
    return case.line(
        "lack of fit",
        len(found) <= case.required.lack_of_fit,
        said,
        "none" if not case.required.lack_of_fit else f"at most {case.required.lack_of_fit}",
        found[0].what_to_do[:1].upper() + found[0].what_to_do[1:]
        if found and found[0].what_to_do
        else "Claim another law",
        "lack_of_fit",
    )


def floor_or_none(case: Case) -> GateLine | None:
    """The word is the same with a floor and without, or the table prefers the claim's law."""
    support = case.support
    if support is None or support.reword is None or not support.tables:
        return None
    name, table = next(iter(support.tables.items()))
    fit = support.fits[name]
    correlated = case.doubted("correlated_residuals")
    rows = int(fit.certificate["clusters"]) if correlated else None
    axis = next(iter(support.axes), "") if len(fit.variables) == 1 else ""
    try:
        found = floor.compare(fit, table, axis=axis, rows=rows, apart=case.required.aicc)
    except LabError as error:
        return case.line(
            "floor", False, f"no comparison: {error}", "one word with and without", "Add levels"
        )
    if found is None:
        return None
    mine = "without" if found.added else "with"
    word = support.reword(found.other)
    if word == case.word:
        return case.line("floor", True, f"{word} with a floor and without", "one word", "")
    said = f"{case.word} {mine} a floor and {word} {_opposite(mine)}; {found.text}"
    return case.line(
        "floor",
        found.prefers == mine,
        said,
        "one word, or AICc and hold-out for the claim's law",
        "Reach further along the axis, so that the data tell whether there is a floor"
        if not found.prefers
        else f"Claim the law {found.prefers} a floor, which the table prefers",
        "aicc",
    )


def _opposite(name: str) -> str:
    return {"with": "without", "without": "with"}[name]


def count_levels(values: Iterable[float]) -> int:
    """The number of distinct values, those within 10% counted as one."""
    count, first = 0, -math.inf
    for value in np.unique(np.asarray(values, "float64")):
        if np.isfinite(value) and (count == 0 or value > SAME_LEVEL * first):
            count, first = count + 1, value
    return count


def _axes(case: Case) -> dict[str, tuple[Any, int]]:
    """Axis -> its values and the number of parameters that it must determine."""
    support = case.support
    if support is None:
        return {}
    frame = support.rows if support.points is None else support.points
    found = {}
    for axis, k in support.axes.items():
        if frame is not None and axis in frame:
            values = np.asarray(frame[axis].dropna(), "float64")
            found[axis] = (values[values > 0], k)
    return found
