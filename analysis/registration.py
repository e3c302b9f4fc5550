"""Whether each claim was registered before the runs that it rests on.

registered    before any run of the experiment had a result
amended       after some had one, but none of those that the claim rests on: it may owe something to
              them, or to an earlier grid
exploratory   after at least one of the runs that it rests on, or never: the verdict describes the
              data that the claim was made from

A claim is registered by the fields that decide its verdict, whatever its name. If it was withdrawn
and came back, it counts from when it came back. A run was trained under a claim if the claim is
among the texts whose digest its record carries; an old record has no digest, and the time at which
it was finished decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scaling_lab import conditions
from scaling_lab.errors import LabError
from scaling_lab.registration import summary, texts
from scaling_lab.registration.log import Entry, Log

if TYPE_CHECKING:  # `plan` imports no pandas
    import pandas as pd

    from .experiment_tables import Tables

REGISTERED, AMENDED, EXPLORATORY = "registered", "amended", "exploratory"


class Standing(NamedTuple):
    """How a claim stands to the runs that it rests on: one of the three words, and a sentence."""

    status: str
    sentence: str


def of_claim(claim: Mapping[str, Any], log: Log, rows: pd.DataFrame, total: int) -> Standing:
    """How a claim of the current definition stands to the runs that it rests on.

    rows: of these runs in the run table. total: the number of runs that the experiment asks for.
    """
    key = texts.key(claim)
    first = _since(key, log)
    if first is None:
        return Standing(EXPLORATORY, "This claim is in no registration: it counts as exploratory.")
    entry = log.entries[first]
    before = sum(_place(row, log) < first for row in _records(rows))
    said = f"{summary.verb(entry)} {summary.moment(entry)}, {summary.after(entry, total)}"
    if before:
        count = f"all {before}" if before == len(rows) else f"{before} of the {len(rows)}"
        return Standing(EXPLORATORY, f"{said}, among them {count} that it rests on: exploratory.")
    if entry.seen:
        return Standing(AMENDED, f"{said}, none of them among those that it rests on.")
    return Standing(REGISTERED, f"{said}.")


def selected(claim: Mapping[str, Any], tables: Tables) -> pd.DataFrame:
    """The chosen runs that `where` or `against` selects: what a claim rests on by its fields alone.

    All of them, if the claim has no condition or one that does not fit the tables.
    """
    rows = tables.families if tables.families is not None else tables.chosen
    texts_of = [str(claim.get(name) or "").strip() for name in ("where", "against")]
    try:
        masks = [conditions.parse(text).mask(rows) for text in texts_of if text]
    except LabError:
        return rows
    return rows[np.logical_or.reduce(masks)] if masks else rows


def _since(key: str, log: Log) -> int | None:
    """The place of the entry since which a claim stands in the log without interruption."""
    having = [place for place, entry in enumerate(log.entries) if key in entry.texts.keys]
    if not having:
        return None
    first = having[-1]
    while first - 1 in having:
        first -= 1
    return first


def _place(row: Mapping[str, Any], log: Log) -> int:
    """The place of the entry that was current when a run was trained; -1 if there was none."""
    digest, finished = row.get("registered"), str(row.get("finished") or "")

    def current(entry: Entry) -> bool:
        return not isinstance(digest, str) or entry.digest == digest

    fitting = [place for place, entry in enumerate(log.entries) if current(entry)]
    by_then = [place for place in fitting if log.entries[place].time <= finished]
    if by_then:
        return by_then[-1]
    # A clock that is behind another's: the digest alone tells.
    return fitting[0] if fitting and isinstance(digest, str) else -1


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    names = [name for name in ("registered", "finished") if name in rows]
    return rows[names].to_dict("records") if names else [{} for _ in range(len(rows))]
