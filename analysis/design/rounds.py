"""Rounds: the cells that a sequential experiment trains next, in their order.

Each claim that is still open asks for cells in an order of its own, and they take turns. A claim
about a law asks `next_runs`: the cells come first that lower the expected error of its parameter or
value most for their cost. While fewer than three of its cells are recorded nothing is known, and it
asks for the cheapest; so do claims about means, which need all of their cells.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from scaling_lab import conditions
from scaling_lab.errors import LabError

from .. import claims, laws
from ..claims import cells as means_of
from ..claims import parameter
from .chances import pilot_of
from .next_runs import next_runs

BEGUN = "to complete cells that were begun"
KINDS = ("parameter", "value")  # claims that `next_runs` chooses for


class Asked(NamedTuple):
    """One cell that a claim asks for: its runs, and why."""

    runs: tuple[str, ...]
    claim: str
    why: str


def about(claim: Mapping[str, Any], rows: Any) -> set[str]:
    """The names of the runs that a claim is about, of a table with `run` and conditions' columns.

    All of them where that is known only from the report, or a condition is on what is measured.
    """
    claim = claims.completed(claim)
    if parameter.is_made_anyway(claim["law"]):
        return set(rows["run"])
    found: set[str] = set()
    for text in [text for text in (claim["where"], claim["against"]) if text] or [""]:
        condition = conditions.parse(text) if text else None
        if condition is not None and set(condition.names) - set(map(str, rows.columns)):
            return set(rows["run"])
        part = rows if condition is None else rows[condition.mask(rows)]
        if claim["at"] and not claim["law"] and len(part):
            try:
                part = means_of.at(part, dict(claim["at"]))
            except means_of.NoRuns:
                continue
            except LabError:
                pass
        found |= set(part["run"])
    return found


def asked(
    open_: Sequence[Mapping[str, Any]],
    rows: Any,
    cell: Mapping[str, Hashable],
    recorded: Any,
    done: Collection[str],
    budget: float,
    choose: Sequence[str] = (),
) -> Iterator[Asked]:
    """The cells that the open claims ask for, in turn; a run is asked for once.

    rows       the planned runs (pandas), a row each, with `run`, C and so on
    cell       run -> its cell, all of whose runs are trained together
    recorded   the chosen rows of the recorded runs, one a seed; None before any
    done       names of the runs that are recorded
    budget     what is left, in FLOP

    A cell of which some runs are recorded comes first: an interrupted one, or one whose sweep goes
    on.
    """
    left = rows[~rows["run"].isin(set(done))]
    groups: dict[Hashable, list[str]] = {}
    for run in left["run"]:
        groups.setdefault(cell[run], []).append(run)
    costs = dict(zip(left["run"], left["C"], strict=True))
    begun = {cell[run] for run in done if run in cell}
    queues = []
    for claim in open_:
        own = about(claim, rows)
        mine = [key for key, runs in groups.items() if own & set(runs)]
        mine.sort(key=lambda key: sum(costs[run] for run in groups[key]))
        first = [Asked(tuple(groups[k]), claim["name"], BEGUN) for k in mine if k in begun]
        rest = [key for key in mine if key not in begun]
        queues.append([*first, *_ordered(claim, rest, groups, rows, recorded, budget, choose)])
    given: set[str] = set()
    for turn in zip_longest(*queues):
        for one in turn:
            if one is not None and not given >= set(one.runs):
                yield one._replace(runs=tuple(run for run in one.runs if run not in given))
                given |= set(one.runs)


def _ordered(
    claim: Mapping[str, Any],
    cheapest: Sequence[Hashable],
    groups: Mapping[Hashable, Sequence[str]],
    rows: Any,
    recorded: Any,
    budget: float,
    choose: Sequence[str],
) -> list[Asked]:
    """The cells that one claim asks for."""
    claim = claims.completed(claim)
    name, there = claim["name"], {run: key for key in cheapest for run in groups[key]}
    plain = [Asked(tuple(groups[key]), name, "the cheapest") for key in cheapest]
    if claim["kind"] not in KINDS or claim["law"] not in laws.names():
        return plain
    if pilot_of(claim, recorded, "where") is None:
        why = "the cheapest, while too little is known"
        return [one._replace(why=why) for one in plain]
    known = set(rows["run"]) - set(there)
    try:
        found = next_runs(
            claim, rows, recorded, known, None, budget=budget, choose=choose, whole=True
        )
    except LabError:
        return plain
    why = f"they lower the expected error of {found.wanted} from {found.before:.2g}"
    keys = dict.fromkeys(there[run] for runs in found.names for run in runs)
    return [Asked(tuple(groups[key]), name, why) for key in keys]
