"""Chances: P(decided) of each claim of an experiment, and the cheapest change that helps.

What is thought of a claim's law comes from the runs recorded so far (the pilot); before any, it is
a guess: the law's prior, with what the claim predicts drawn from its range, and a noise of 1%.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from scaling_lab import conditions
from scaling_lab.errors import LabError

from .. import claims, laws, studies
from ..claims import cells as means_of
from ..claims import contrast, curve, ordering, parameter, planned
from ..claims.cells import NoRuns
from ..claims.gate import GateLine
from ..claims.gate.requirements import of_claim as of_requirements
from ..studies import critical_batch
from . import change, curves, measured, tradeoffs
from .belief import NOISE
from .pilot import Pilot, thoughts
from .planned_cells import Cells, of_rows
from .power import Power, Side, of_law
from .tables_ahead import TABLES, value_at

ENOUGH = 0.8  # P(decided) from which no change is proposed
FEW = 64  # tables to judge a change by


@dataclass(frozen=True)
class Chance:
    """P(decided) of a claim; NaN if it cannot be known beforehand, and `why` says so.

    basis    what it follows from: "36 recorded runs" or "a guess"
    lines    the lines of the gate that the planned runs cannot pass
    change   the cheapest change that helps, in words; "" if none is needed or known
    power    also the half-width; None for claims about means
    """

    claim: Mapping[str, Any]
    decided: float
    basis: str = ""
    why: str = ""
    lines: Sequence[GateLine] = ()
    change: str = ""
    power: Power | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """One line."""
        if math.isnan(self.decided):
            return f"P(decided) unknown: {self.why}"
        said = f"P(decided) {self.decided:.2f}"
        said += f" ({self.basis})" if self.basis else ""
        said += "".join(f"; {line.name}: {line.found}, needed {line.needed}" for line in self.lines)
        return said + (f"; {self.change}" if self.change else "")


def of_claim(
    claim: Mapping[str, Any],
    rows: Any,
    choose: Sequence[str] = (),
    recorded: Any = None,
    seed: int = 0,
) -> Chance:
    """The chance of one claim.

    rows      the planned runs (pandas), with the columns known beforehand
    choose    the columns of which validation data chooses a value
    recorded  the chosen rows of recorded runs, one a seed; None or empty before any run

    Raises LabError for a claim that the grid makes a tautology.
    """
    claim = claims.completed(claim)
    if lines := claims.plan(claim, rows):
        said = change.of_lines(claim, lines, rows, choose)
        return Chance(claim, 0.0, lines=lines, change=said)
    try:
        if claim["law"] and claim["kind"] in ("parameter", "value", "ratio", "difference"):
            return _of_law(claim, rows, choose, recorded, seed)
        if claim["kind"] in measured.KINDS:
            return _of_means(claim, rows, recorded, seed)
        if claim["kind"] == "curve":
            return _of_curve(claim, rows, recorded, seed)
    except (NoRuns, Unknown) as error:
        return Chance(claim, math.nan, why=str(error))
    return Chance(claim, math.nan, why=f"claims of kind {claim['kind']} are not simulated")


class Unknown(LabError):
    """The chance cannot be known beforehand."""


def _of_law(
    claim: Mapping[str, Any], rows: Any, choose: Sequence[str], recorded: Any, seed: int
) -> Chance:
    if studies.slug_of(claim["law"]) == critical_batch.SLUG:
        try:
            return Chance(claim, tradeoffs.decided(claim, rows, seed), "a guess")
        except LabError as error:
            raise Unknown(str(error)) from error
    if studies.slug_of(claim["law"]) or parameter.SLICE.fullmatch(claim["law"]):
        return _of_expected(claim, seed)
    law = laws.get(claim["law"])
    if law.space != "log":
        raise Unknown(f"the noise of {law.response} is not known beforehand")
    ends = ("where",) if claim["kind"] in ("parameter", "value") else contrast.SIDES
    cells = [of_rows(claim, selected(claim, rows, end), choose) for end in ends]
    pilots = [pilot_of(claim, recorded, end) for end in ends]

    def power(changed: Sequence[Cells], tables: int = TABLES) -> Power:
        return of_law(claim, sides_of(claim, changed, pilots, seed), seed, tables)

    found, count = power(cells), sum(len(one.losses) for one in pilots if one)
    known = all(one is not None for one in pilots)
    basis = f"from {count} recorded runs" if known else f"a guess: noise {NOISE:.0%}"
    said = ""
    if found.decided < ENOUGH:
        said = change.cheapest(cells, found.decided, lambda some: power(some, FEW).decided)
    return Chance(claim, found.decided, basis, change=said, power=found)


def _of_expected(claim: Mapping[str, Any], seed: int) -> Chance:
    """The chance of a claim about what only the report makes, from what its options expect."""
    given = dict(claim["options"] or {})
    if lacking := [name for name in measured.EXPECTED if name not in given]:
        raise Unknown(
            f"it rests on {claim['law']}, which the report makes; a pilot can tell its "
            f"{', '.join(lacking)}, in the claim's options"
        )
    numbers = [float(given[name]) for name in measured.EXPECTED]
    basis = "as its options expect of " + str(claim["parameter"])
    return Chance(claim, measured.expected(claim, *numbers, seed=seed), basis)


def _of_means(claim: Mapping[str, Any], rows: Any, recorded: Any, seed: int) -> Chance:
    support = claims.get(claim["kind"]).plan(claim, rows)  # pyright: ignore[reportAttributeAccessIssue]
    seeds = [mean.n for mean in support.cells.values()]
    pilot = _recorded_means(claim, recorded)
    if pilot is None or len(pilot[0]) != len(seeds):
        if claim["kind"] == "ordering":
            raise Unknown("an ordering predicts no size; train a few runs of both sides first")
        noise = float((claim["options"] or {}).get("noise", NOISE))
        p = measured.decided(claim, seeds, noise, None, seed)
        return Chance(claim, p, f"a guess: noise {100 * noise:.2g}%")
    means, noise, count = pilot
    said = f"from {count} recorded runs"
    p = measured.decided(claim, seeds, noise, means, seed)
    hint = ""
    if p < ENOUGH:
        more = measured.decided(claim, [n + 2 for n in seeds], noise, means, seed)
        hint = f"two more seeds of each cell make it {more:.2f}" if more > p + 0.05 else ""
    return Chance(claim, p, said, change=hint)


def _of_curve(claim: Mapping[str, Any], rows: Any, recorded: Any, seed: int) -> Chance:
    support = claims.get("curve").plan(claim, rows)  # pyright: ignore[reportAttributeAccessIssue]
    seeds = [mean.n for mean in support.cells.values()]
    noise, basis = np.full(len(seeds), NOISE), f"a guess: noise {NOISE:.0%} of the excess loss"
    if recorded is not None and claim["loss"] in recorded:
        with suppress(LabError):
            found = curve.compared(claim, selected(claim, recorded, "where"))
            known = curve.errors(claim, found) * np.sqrt(found["seeds"])
            if len(known) == len(seeds) and np.isfinite(known).all():
                noise, basis = known, f"from {found['seeds'].sum()} recorded runs"
    precision = of_requirements(claim).curve_error
    p = curves.decided(seeds, noise, precision, seed)
    hint = ""
    if p < ENOUGH:
        more = curves.decided([2 * n for n in seeds], noise, precision, seed)
        hint = f"twice the seeds make it {more:.2f}" if more > p + 0.05 else ""
    return Chance(claim, p, basis, change=hint)


def _recorded_means(
    claim: Mapping[str, Any], recorded: Any
) -> tuple[list[float], float, int] | None:
    """Means of the recorded cells, the noise of a run's logarithm, and the number of runs."""
    if recorded is None or not len(recorded) or claim["loss"] not in recorded:
        return None
    ends = ("where",) if claim["kind"] == "value" else contrast.SIDES
    try:
        if claim["kind"] == "ordering":
            parts = [part for pair in ordering.pairs_of(claim, recorded).values() for part in pair]
        else:
            parts = [
                means_of.at(selected(claim, recorded, end), dict(claim.get("at") or {}))
                for end in ends
            ]
    except (NoRuns, LabError):
        return None
    values = [np.asarray(part[claim["loss"]].dropna(), "float64") for part in parts]
    if any(len(one) == 0 or (one <= 0).any() for one in values):
        return None
    freedom = sum(len(one) - 1 for one in values)
    squares = sum(float(np.sum((np.log(one) - np.log(one).mean()) ** 2)) for one in values)
    noise = np.sqrt((squares + NOISE**2) / (freedom + 1))
    return [float(one.mean()) for one in values], float(noise), sum(map(len, values))


def sides_of(
    claim: Mapping[str, Any],
    cells: Sequence[Cells],
    pilots: Sequence[Pilot | None],
    seed: int,
) -> list[Side]:
    """The sides of a claim, each with what is thought of its law."""
    known = [
        thoughts(laws.get(claim["law"]), one, pilot, seed + i)
        for i, (one, pilot) in enumerate(zip(cells, pilots, strict=True))
    ]
    if any(pilot is None for pilot in pilots):
        known[0] = _as_claimed(claim, known, seed)
    return known


def _as_claimed(claim: Mapping[str, Any], sides: Sequence[Side], seed: int) -> Side:
    """The first side with what the claim predicts drawn from its range."""
    random = np.random.default_rng(seed + 7)
    first = sides[0]
    theta = first.theta.copy()
    low, high = first.problem.box
    inside = np.array([measured.within(claim, random) for _ in theta])
    if claim["kind"] == "value":
        scales = first.problem.scales
        now = value_at(first.problem, theta, claim["at"])
        theta[:, scales] += np.log(inside / now)[:, None]
        return replace(first, theta=theta)
    index = list(first.problem.law.parameters).index(claim["parameter"])
    if claim["kind"] != "parameter":
        other = sides[1].problem.values(sides[1].theta)[:, index]
        inside = other * inside if claim["kind"] == "ratio" else other + inside
    values = first.problem.values(theta)
    values[:, index] = inside
    theta = np.clip(first.problem.coordinates(values), low, high)
    return replace(first, theta=theta)


def pilot_of(claim: Mapping[str, Any], recorded: Any, end: str) -> Pilot | None:
    """The recorded runs of a side; None if there are none, or fewer than two levels."""
    if recorded is None or not len(recorded):
        return None
    try:
        rows = selected(claim, recorded, end)
        return Pilot.of(claim, rows)
    except LabError:
        return None


def selected(claim: Mapping[str, Any], rows: Any, end: str) -> Any:
    """The rows of the claim's condition of that name. Raises NoRuns if there is none."""
    text = str(claim.get(end) or "").strip()
    if text:
        conditions.parse(text).require(list(map(str, rows.columns)))
    return planned.selected(rows, text)
