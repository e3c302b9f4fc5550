"""One side is below the other in every cell.

    {"kind": "ordering", "name": "attention is ahead everywhere",
     "where": "model == 'encoder_decoder'", "against": "model == 'seq2seq'"}

Cells of `where` and `against` are paired where N, D and steps are equal, as the grid asked for
them, or where the columns of `options["pair"]` are. In each pair the difference of the means is
tested both ways by Welch's statistic, and Holm's step-down procedure (S. Holm 1979, "A simple
sequentially rejective multiple test procedure") holds the family-wise error of each direction at
2.5%: the claim is held if every pair is rejected as not below, refuted if some pair is rejected as
not above, and undecided otherwise.

The value shown is that of the pair which decides, with the interval of its step: the least ahead if
the claim is held or undecided, the most behind if it is refuted.

The gate asks for three seeds of each cell, at equal conditions. Every cell is every planned one: a
sequential experiment may refute the claim at any look, and holds it when no pair is left to train.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scaling_lab.errors import unknown

from ..experiment_tables import Tables, needs
from ..studies import Refusal, Result
from . import cells, contrast, level, parameter, planned
from .cells import Difference, Mean, NoRuns
from .gate import CELLS
from .support import Support
from .verdict import HELD, REFUTED, UNDECIDED, Verdict

FIELDS = ("against", "at")
GATE = CELLS
WHOLE = (HELD,)
EXAMPLE = {
    "name": "the transformer is ahead everywhere",
    "where": "model == 'transformer'",
    "against": "model == 'lstm'",
}
PAIR = ("N", "D", "steps")
PAIRS = 8  # that a sentence names


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """Test every pair of cells. Raises LabError if no cells can be paired."""
    needs(tables.families, [claim["loss"]], "the claim")
    pairs = pairs_of(claim, tables.families)
    found: dict[str, Difference] = {}
    means: dict[str, Mean] = {}
    for name, (one, other) in pairs.items():
        first, second = (cells.mean(rows[claim["loss"]]) for rows in (one, other))
        means |= {f"{claim['where']} at {name}": first, f"{claim['against']} at {name}": second}
        found[name] = cells.difference(second, first)
    word, name, its_level = decided(found)
    one = found[name]
    interval = one.interval(its_level)
    rows = pd.concat([rows for pair in pairs.values() for rows in pair], ignore_index=True)
    unequal = {
        column
        for first, second in pairs.values()
        for column in cells.unequal(first, second, contrast.named(claim))
    }
    behind = [key for key, each in found.items() if each.value <= 0]
    quantity = f"difference at {name}"
    return Verdict(
        claim,
        word,
        _why(word, name, list(found), behind),
        one.value,
        interval,
        quantity,
        prediction=f"{claim['where']} below {claim['against']} in every pair of cells",
        support=Support(rows, cells=means, unequal=sorted(unequal)),
        turning=_turning(word, name, one, interval),
    )


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown column, or a side that is missing."""
    contrast.check(claim, columns)
    for name in (claim.get("options") or {}).get("pair", ()):
        if name not in columns:
            raise unknown("column", name, columns)


def plan(claim: Mapping[str, Any], rows: Any) -> Support | None:
    """What the claim would rest on in the planned runs."""
    planned.refuse_counted(claim)
    pairs = pairs_of(claim, rows)
    means = {
        f"{claim[side]} at {name}": planned.cell(part)
        for name, pair in pairs.items()
        for side, part in zip(contrast.SIDES, pair, strict=True)
    }
    meant = contrast.named(claim)
    unequal = {c for one, other in pairs.values() for c in cells.unequal(one, other, meant)}
    return Support(rows, cells=means, unequal=sorted(unequal))


def decided(found: Mapping[str, Difference]) -> tuple[str, str, float]:
    """The word, the pair that decides it, and the level of its interval.

    Holm's procedure in each direction: the i-th smallest p value is compared with alpha / (m - i),
    i from 0. alpha is half of what the level in force leaves, 2.5% at 95%.
    """
    alpha = (1 - level.now()) / 2
    ahead = {name: one.above() for name, one in found.items()}
    behind = {name: one._replace(value=-one.value).above() for name, one in found.items()}
    worst = max(behind, key=lambda name: -behind[name])
    if behind[worst] <= alpha / len(found):
        return REFUTED, worst, 1 - 2 * alpha / len(found)
    last = max(ahead, key=lambda name: (ahead[name], -found[name].value))
    ordered = sorted(ahead.values())
    held = all(p <= alpha / (len(ordered) - i) for i, p in enumerate(ordered))
    return (HELD if held else UNDECIDED), last, 1 - 2 * alpha


def pairs_of(claim: Mapping[str, Any], rows: Any) -> dict[str, tuple[Any, Any]]:
    """The cells of both sides by what they share. Raises NoRuns if there is no pair."""
    sides = [
        planned.selected(rows, parameter.condition(claim, list(map(str, rows)), side))
        for side in contrast.SIDES
    ]
    if claim.get("at"):
        sides = [cells.at(side, dict(claim["at"])) for side in sides]
    by = _by(claim, sides)
    one, other = (cells.by(side, by) for side in sides)
    shared = [key for key in one if key in other]
    if not shared:
        raise NoRuns(
            f"no cell of one side has the {', '.join(by)} of one of the other; name the columns "
            "that pair them in options, as {'pair': ['N_target']}"
        )
    return {_name(by, key): (one[key], other[key]) for key in shared}


def _by(claim: Mapping[str, Any], sides: Sequence[Any]) -> list[str]:
    """The columns that pair cells: what is compared is none of them."""
    if given := (claim.get("options") or {}).get("pair"):
        return list(given)
    meant = contrast.named(claim)
    found = []
    for name in PAIR:
        if any(name not in side or not side[name].notna().any() for side in sides):
            continue
        column = cells.asked(sides[0], name)
        column = column if column in sides[1] else name
        if not {name, column} & meant:
            found.append(column)
    return found


def _name(by: Sequence[str], key: Sequence[Any]) -> str:
    shown = (f"{v:g}" if isinstance(v, int | float | np.number) else str(v) for v in key)
    return ", ".join(
        f"{name.removesuffix('_target')} = {value}" for name, value in zip(by, shown, strict=True)
    )


def _why(word: str, name: str, every: Sequence[str], behind: Sequence[str]) -> str:
    error, count = f"{100 * (1 - level.now()):.3g}%", len(every)
    pairs = "the only pair" if count == 1 else f"all {count} pairs"
    if word == HELD:
        return (
            f"It is below in {pairs} of cells ({listed(every)}), with a family-wise error of "
            f"{error} at most."
        )
    if word == REFUTED:
        return f"It is above at {name}, with a family-wise error of {error} at most."
    if behind:
        return f"It is above in {len(behind)} of {count} pairs of cells, none beyond its noise."
    return f"It is below in {pairs} of cells, but not beyond the noise at {name}."


def listed(pairs: Sequence[str]) -> str:
    """What tells the pairs apart: "D = 60, 162 and 440" where all have 1,000 steps."""
    parts = [pair.split(", ") for pair in pairs]
    shared = {one for one in parts[0] if len(pairs) > 1 and all(one in rest for rest in parts)}
    told = [", ".join(one for one in pair if one not in shared) for pair in parts]
    columns = {one.partition(" = ")[0] for one in told}
    if len(columns) == 1 and not any(", " in one for one in told):
        told = [told[0], *(one.partition(" = ")[2] for one in told[1:])]
    shown, more = told[:PAIRS], len(told) - PAIRS
    rest = [f"{more} more"] if more > 0 else []
    every = [*shown, *rest]
    apart = "; " if any(", " in one for one in told) else ", "
    return f"{apart.join(every[:-1])} and {every[-1]}" if every[1:] else every[0]


def _turning(word: str, name: str, one: Difference, interval: tuple[float, float]) -> str:
    reach = min(map(abs, interval)) if word != UNDECIDED else abs(interval[0])
    if word == UNDECIDED:
        return f"Held if the interval at {name} did not reach {reach:.2g} below 0."
    side = "ahead" if word == HELD else "behind"
    return f"Not {word} if it were {reach:.2g} less {side} at {name}."
