"""Support: what a verdict rests on, so that the gate can ask whether that is enough.

`of_study` finds it for the results of studies. A study that should support claims of its own may
give its result a method `support(parameter)` that returns one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..experiment_tables import Tables
from ..frontier.frontier import Frontier
from ..frontier.pairs import Pairs
from ..studies import Result
from ..studies.architectures import Architectures
from ..studies.critical_batch import CriticalBatch
from ..studies.mup_optimum import CHOICE, DIFFERENCE, MUP, STANDARD, MupOptimum
from .cells import Mean

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..tables import Table


@dataclass(frozen=True)
class Support:
    """What a verdict rests on; what does not apply is empty.

    rows      the rows of the run table (pandas), one per seed
    fits      name -> fit
    tables    name -> the table that the fit of that name was made from, as far as it is known
    axes      column -> number of parameters that this column must determine
    points    the frame whose distinct values of `axes` are counted; None: `rows`
    cells     the means that are compared, by name
    unequal   columns that differ between cells which are compared
    errors    standard error over excess loss at each point of a curve
    smallest  the size of the quantity beside which a margin must be small
    nothing   the value of no effect: 0 of a difference, 1 of a ratio
    reword    a fit of another law to the same rows -> what its interval says of the claim
    """

    rows: Any = None
    fits: Mapping[str, Fit] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    axes: Mapping[str, int] = field(default_factory=dict)
    points: Any = None
    cells: Mapping[str, Mean] = field(default_factory=dict)
    unequal: Sequence[str] = ()
    errors: Sequence[float] = ()
    smallest: float | None = None
    nothing: float = 0.0
    reword: Callable[[Fit], str] | None = None


def of_study(result: Result, parameter: str, tables: Tables) -> Support:
    """The support of a parameter of a study's result."""
    own = getattr(result, "support", None)
    if callable(own):
        found = own(parameter)
        assert isinstance(found, Support)
        return found
    if isinstance(result, CriticalBatch):
        return _of_critical_batch(result, parameter)
    if isinstance(result, Architectures):
        return _of_architectures(result, parameter, tables)
    if isinstance(result, MupOptimum):
        return _of_mup_optimum(result, parameter)
    if isinstance(result, Frontier):
        approach = result.approaches[parameter.removeprefix("a_")]
        if isinstance(approach, Pairs):
            return Support(tables.chosen, axes={"C": 2}, points=approach.points)
        return of_fit(approach.fit, tables.chosen)
    if hasattr(result, "certificate"):
        return of_fit(result, tables.chosen)  # pyright: ignore[reportArgumentType]
    return Support(tables.chosen)


def of_fit(fit: Fit, rows: Any, table: Table | None = None, parameter: str = "") -> Support:
    """The support of a fit, or of one of its parameters, whose rows of the run table are `rows`."""
    from .gate.dependence import determined

    name = fit.law.name
    needed = determined(fit.law, fit.variables, parameter)
    points = fit.points
    return Support(rows, {name: fit}, {name: table} if table else {}, needed, points)


def _of_architectures(result: Architectures, parameter: str, tables: Tables) -> Support:
    law, x, families = parameter.rsplit(".", 2) if parameter.count(".") == 2 else ("", "", "")
    fits = {key[2]: fit for key, fit in result.fits.items() if key[:2] == (law, x)}
    if families not in fits:  # a difference: FAMILY-FIRST
        fits = {n: f for n, f in fits.items() if f"{n}-{result.first}" == families} | {
            result.first: fits[result.first]
        }
        sizes = [abs(fit.params["alpha"].value) for fit in fits.values()]
        smallest = sum(sizes) / len(sizes)
    else:
        fits, smallest = {families: fits[families]}, None
    rows = tables.families
    there = rows["family"] == ""
    for family, fit in fits.items():
        if fit.points is not None:
            mine = rows[x].isin(fit.points[x]) & rows[tables.loss].isin(fit.points["L"])
            there |= (rows["family"] == family) & mine
    count = len(next(iter(fits.values())).law.parameters)
    return Support(rows[there], fits, axes={x: count}, smallest=smallest)


def _of_critical_batch(result: CriticalBatch, parameter: str) -> Support:
    _, _, rest = parameter.partition(".")
    for one in result.curves:
        if rest == one.name:
            return of_fit(one.fit, one.rows)
    rows = [one.rows for one in result.curves if one.learner == rest]
    return Support(pd.concat(rows, ignore_index=True) if rows else None)


def _of_mup_optimum(result: MupOptimum, parameter: str) -> Support:
    """The widths of a family, and a best rate for each width and seed."""
    family, _, name = parameter.rpartition(".")
    kinds = [STANDARD, MUP] if name == DIFFERENCE else [name]
    rows = result.rows[(result.rows["model"] == family) & result.rows[CHOICE].isin(kinds)]
    points = result.best[result.best["family"] == family]
    points = points[points["parametrization"] == kinds[0]]
    standard = result.params.get(f"{family}.{STANDARD}")
    size = abs(standard.value) if standard and name == MUP else None
    return Support(rows, axes={"width": 2}, points=points, smallest=size)
