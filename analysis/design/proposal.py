"""Proposal: the grid that is likeliest to decide a claim within a budget.

    propose(claim, rows, budget=1e15)

Candidates are log-spaced levels between the ends of the planned grid, or beyond them by a step or
two, with some seeds each. They are ranked by information, the best are compared by drawn tables,
and the one that is proposed is rehearsed: whole experiments are simulated, fitted as those of the
results are, and judged with the gate.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from scaling_lab.claim import Claim
from scaling_lab.errors import LabError

from .. import claims, laws, studies
from ..claims import parameter
from ..claims.gate.dependence import determined
from ..claims.gate.fits import MORE, PER_PARAMETER
from ..claims.gate.requirements import of_claim
from . import chances, information
from .pilot import Pilot, thoughts
from .planned_cells import Cells, of_rows
from .power import Power, Side, of_law
from .rehearsal import rehearsed

__all__ = ["Proposal", "propose"]

SEEDS, FURTHER = 6, 12  # the most seeds beyond the least, and levels beyond those needed
BELOW, ABOVE = (0, 1), (0, 1, 2)  # steps of the grid's spacing beyond its ends
BEST = 5  # designs that are compared by drawn tables
SIMILAR = 0.02  # differences of P(decided) that do not justify a dearer design
SIMULATIONS = 20
Ends = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Proposal:
    """A grid for one claim.

    levels       column -> levels of the axis
    seeds        runs of each cell that differ in their seed
    rates        runs of a sweep for each of them
    cost         of all runs, in FLOP
    half_width   expected, of the claim's interval
    information, tables, rehearsed    P(decided) by each method; NaN where it was not used
    now          P(decided) of the grid as it is
    basis        what it follows from
    """

    claim: Mapping[str, Any]
    levels: Mapping[str, Sequence[float]]
    seeds: int
    rates: int
    cost: float
    half_width: float
    information: float
    tables: float
    rehearsed: float
    simulations: int
    now: float
    basis: str

    @property
    def text(self) -> str:
        """The proposal in a few lines."""
        lines = [f"claim '{self.claim['name']}': P(decided) {self.tables:.2f} ({self.basis})"]
        for column, values in self.levels.items():
            shown = ", ".join(f"{value:.3g}" for value in values)
            lines.append(f"  {column}: {shown}  ({len(values)})")
        tried = f", {self.rates} rates each" if self.rates > 1 else ""
        lines.append(f"  seeds: {self.seeds}{tried}; {self.cost:.2g} FLOP in all")
        said = f"  expected half-width {self.half_width:.2g}; P(decided) by information "
        said += f"{self.information:.2f}, by drawn tables {self.tables:.2f}"
        if self.simulations:
            said += f", by {self.simulations} simulated experiments {self.rehearsed:.2f}"
        lines.append(said)
        lines.append(f"  the grid as it is: {self.now:.2f}")
        return "\n".join(lines)

    def card(self) -> dict[str, Any]:
        """The same as JSON; numbers that are not known are null."""
        numbers = asdict(self) | {"claim": self.claim["name"]}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in numbers.items()
        }


def propose(
    claim: Claim | Mapping[str, Any],
    rows: Any,
    budget: float | None = None,
    *,
    choose: Sequence[str] = (),
    recorded: Any = None,
    ends: Ends | None = None,
    simulations: int = SIMULATIONS,
    seed: int = 0,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Proposal:
    """The grid for a claim about a law's parameter, or about a value that it predicts.

    rows         the planned runs (pandas): N, D, C in FLOP, seed and so on
    budget       in FLOP; None: what the claim's planned runs cost
    choose       the columns of which validation data chooses a value
    recorded     rows of recorded runs, the pilot
    ends         column -> lowest and highest level that is possible
    simulations  whole experiments that are simulated, 0 for none

    Raises LabError if the claim is of another kind, or no design meets the gate within the budget.
    """
    given = asdict(claim) if isinstance(claim, Claim) else claim
    held = claims.completed(given)
    if held["kind"] not in ("parameter", "value") or not held["law"]:
        raise LabError(
            f"claim '{held['name']}' is not about a law; a grid is proposed for claims about a "
            "parameter, or a value that a law predicts"
        )
    if studies.slug_of(held["law"]) or parameter.SLICE.fullmatch(held["law"]):
        raise LabError(f"claim '{held['name']}' rests on {held['law']}, which the report makes")
    now = chances.of_claim(held, rows, choose, recorded, seed)
    base = of_rows(held, chances.selected(held, rows, "where"), choose)
    pilot = chances.pilot_of(held, recorded, "where")
    budget = base.total if budget is None else budget
    screened = [
        (information.of_side(held, _side(held, cells, pilot, seed)), cells)
        for cells in _candidates(held, base, ends or {}, budget)
    ]
    if not now.lines and base.total <= budget:
        screened.append((information.of_side(held, _side(held, base, pilot, seed)), base))
    if not screened:
        raise LabError(
            f"no grid that passes the gate of claim '{held['name']}' costs {budget:.2g} FLOP or "
            f"less; the planned one costs {base.total:.2g}"
        )
    powers = [
        (of_law(held, [_side(held, cells, pilot, seed)], seed), info, cells)
        for info, cells in _compared(screened)
    ]
    least = max(power.decided for power, *_ in powers) - SIMILAR
    good = [one for one in powers if one[0].decided >= least]
    power, info, cells = min(good, key=lambda one: one[2].total)
    side = _side(held, cells, pilot, seed)
    p = rehearsed(held, cells, side, simulations, seed, progress) if simulations else math.nan
    return Proposal(
        claim=held,
        levels={c: np.unique(cells.x[v]).tolist() for v, c in cells.columns.items()},
        seeds=int(cells.seeds[0]),
        rates=round(cells.tried),
        cost=cells.total,
        half_width=power.half_width,
        information=info.decided,
        tables=power.decided,
        rehearsed=p,
        simulations=simulations,
        now=now.decided,
        basis=now.basis or (f"from {len(pilot.losses)} recorded runs" if pilot else "a guess"),
    )


def _compared(screened: Sequence[tuple[Power, Cells]]) -> list[tuple[Power, Cells]]:
    """Of the designs that information thinks best the cheapest, the dearest, and some between.

    Information knows nothing of the gate's line about floors, for which more runs may be needed.
    """
    least = max(info.decided for info, _ in screened) - SIMILAR
    good = sorted((one for one in screened if one[0].decided >= least), key=lambda o: o[1].total)
    places = np.unique(np.linspace(0, len(good) - 1, BEST).round().astype(int))
    return [good[place] for place in places]


def _side(claim: Mapping[str, Any], cells: Cells, pilot: Pilot | None, seed: int) -> Side:
    if pilot is None:
        return chances.sides_of(claim, [cells], [None], seed)[0]
    return thoughts(laws.get(claim["law"]), cells, pilot, seed)


def _candidates(
    claim: Mapping[str, Any], base: Cells, ends: Ends, budget: float
) -> Iterator[Cells]:
    """Grids within the budget that have what the gate asks of a grid."""
    law, required = laws.get(claim["law"]), of_claim(claim)
    names = list(base.x) if law.variables != ("x",) else [base.columns["x"]]
    needs = determined(law, names, claim["parameter"])
    axes = []
    for variable, column in base.columns.items():
        k = needs.get(column, needs.get(variable, 1))
        least = required.levels or PER_PARAMETER * k + MORE
        axes.append(_levels(base, variable, max(least, required.clusters), ends.get(column)))
    seeds = range(max(1, required.seeds), required.seeds + SEEDS + 1)
    decades = required.decades
    for levels in itertools.product(*axes):
        if any(np.log10(values[-1] / values[0]) < decades - 1e-9 for values in levels):
            continue
        grid = [part.ravel() for part in np.meshgrid(*levels, indexing="ij")]
        x = dict(zip(base.x, grid, strict=True))
        one = base.cost_at(x)
        for count in seeds:
            if count * float(one.sum()) > budget * (1 + 1e-9):
                break
            yield replace(base, x=x, seeds=np.full(len(one), float(count)), cost=count * one)


def _levels(
    base: Cells, variable: str, least: int, ends: tuple[float, float] | None
) -> list[np.ndarray]:
    """Log-spaced levels from or beyond the ends of the grid's."""
    have = np.unique(base.x[variable])
    step = (have[-1] / have[0]) ** (1 / max(len(have) - 1, 1))
    step = step if step > 1 else 2.0
    low_end, high_end = ends or (0.0, math.inf)
    further = FURTHER if len(base.x) == 1 else 2
    found = {}
    for below, above in itertools.product(BELOW, ABOVE):
        low = max(have[0] / step**below, low_end)
        high = min(have[-1] * step**above, high_end)
        for count in range(least, least + further + 1):
            values = np.unique(np.geomspace(low, high, count).round())
            if len(values) == count:
                found[tuple(values)] = values
    return list(found.values())
