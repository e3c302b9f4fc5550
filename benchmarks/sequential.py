"""Sequential: how often experiments that stop when decided are wrong, at 95%.

    python benchmarks/sequential.py [--experiments 2000] [--quick]

Each simulated experiment has one claim and four registered looks. Its table grows from look to
look; at each the claim is evaluated as the report does, by `claims.evaluate` at the level of the
look, and the experiment stops when the interval decides. Beside it, the same tables with 95%
intervals at every look. The claims:

    value        the mean of a cell, seeds added; the truth a little outside, at the end of, or
                 inside the predicted range
    difference   of two cells, likewise
    exponent     of a power law, scales and seeds added; one experiment in ten of the others,
                 since each fit takes seconds

A verdict is wrong if it is held and the truth lies outside the range, or refuted and it lies
inside. Coverage is that of the interval at which the experiment stopped. The gate is left out: it
may make a verdict insufficient and none wrong.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from scaling_lab.analysis import claims, experiment_tables
from scaling_lab.analysis.claims import level
from scaling_lab.looks import Looks

LOOKS = Looks(budget=1.0)
PLACES = {
    "outside": 1.02,
    "at the end": 1.0,
    "inside": 0.98,
}  # the truth over the range's upper end
NOISE = 0.02


def table_of(rows: list[dict[str, Any]]) -> experiment_tables.Tables:
    """The tables of an experiment with these runs."""
    frame = pd.DataFrame(rows).assign(status="done", best_valid_loss=1.0, steps=100, best_step=50)
    frame["run"] = [f"run {i}" for i in range(len(frame))]
    return experiment_tables.tables(frame, pd.DataFrame(), choose=())


def experiments(
    kind: str, truth: float, rng: np.random.Generator
) -> Iterator[tuple[Mapping[str, Any], experiment_tables.Tables]]:
    """The claim and the tables at each look; the quantity is `truth`, the range ends at 1."""
    shared = {"name": kind, "kind": kind, "low": 0.5, "high": 1.0, "reason": "simulated"}
    if kind == "value":
        rows = [{"N": 1e3, "D": 1e3, "seed": seed} for seed in range(20)]
        for row in rows:
            row["best_test_loss"] = truth + NOISE * rng.standard_normal()
        claim = shared | {"at": {"N": 1e3}}
    elif kind == "difference":
        rows = [{"N": 1e3, "D": 1e3, "seed": s, "side": side} for s in range(20) for side in (0, 1)]
        for row in rows:
            row["best_test_loss"] = 1 + truth * row["side"] + NOISE * rng.standard_normal()
        claim = shared | {"where": "side == 1", "against": "side == 0"}
    else:
        scales = 1e3 * 2.0 ** np.arange(10)
        rows = [{"N": 1e3, "D": D, "seed": s} for s in range(4) for D in scales]
        for row in rows:
            law = 10 * row["D"] ** -truth
            row["best_test_loss"] = law * math.exp(NOISE * 5 * rng.standard_normal())
        claim = shared | {"kind": "parameter", "law": "power_law", "x": "D", "parameter": "alpha"}
    for share in LOOKS.shares:
        yield claim, table_of(rows[: round(share * len(rows))])


def stopped(kind: str, truth: float, seed: int, spending: bool) -> tuple[str, bool, int]:
    """The word at the end, whether that interval holds the truth, and the number of looks."""
    before, word, covered, count = 0.0, "", True, 0
    rng = np.random.default_rng(seed)
    for share, (claim, tables) in zip(LOOKS.shares, experiments(kind, truth, rng), strict=True):
        at = LOOKS.level(share, before) if spending else level.USUAL
        with level.at(at):
            found = claims.get(claim["kind"]).evaluate(claims.completed(claim), tables, {}, {})
        word, (low, high) = found.word, found.interval
        covered, before, count = low <= truth <= high, share, count + 1
        if word in ("held", "refuted"):
            break
    return word, covered, count


def rates(kind: str, place: float, count: int, spending: bool) -> dict[str, float]:
    """Coverage, wrong and decided verdicts as shares of `count` experiments, and looks taken."""
    found = [stopped(kind, place, 1000 * i + 7, spending) for i in range(count)]
    wrong = "held" if place > 1 else "refuted"
    return {
        "covered": float(np.mean([covered for _, covered, _ in found])),
        "wrong": float(np.mean([word == wrong for word, _, _ in found])),
        "decided": float(np.mean([word in ("held", "refuted") for word, _, _ in found])),
        "looks": float(np.mean([looks for _, _, looks in found])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="100 experiments of each kind")
    parser.add_argument("--only", default="", help="one kind of claim")
    given = parser.parse_args()
    count = 100 if given.quick else given.experiments
    shown = Table("claim", "truth", "level", "experiments", "covered", "wrong", "decided", "looks")
    for kind in ("value", "difference", "exponent"):
        if given.only not in ("", kind):
            continue
        for place, truth in PLACES.items():
            for spending in (True, False):
                n = max(20, count // 10) if kind == "exponent" else count
                one = rates(kind, truth, n, spending)
                said = "spent over the looks" if spending else "95% at every look"
                numbers = [f"{one[name]:.1%}" for name in ("covered", "wrong", "decided")]
                shown.add_row(kind, place, said, str(n), *numbers, f"{one['looks']:.1f}")
                print(kind, place, said, n, *numbers, f"{one['looks']:.1f}", file=sys.stderr)
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
