"""Sequential: how often experiments that stop when decided are wrong, at 95%.

    python benchmarks/sequential.py [--quick] [--only KIND,KIND] [--times 1] [--rules naive,looks]

Each simulated experiment has one claim and four registered looks. Its table grows from look to
look, and it stops when the claim is decided, by three rules:

    naive    95% intervals at every look
    looks    as `run --until-decided` has it, without the gate: the error is spent over the looks,
             and words that need the whole grid wait for it (`analysis.sequential`)
    gate     the same behind the gate

The claims, with the truth a little outside, at the end of, or inside the predicted range:

    value        the mean of a cell, seeds added
    difference   of two cells, likewise
    ordering     of four pairs of cells, pair after pair: one the wrong way, all equal, all right
    curve        eight points of five seeds on a theory's curve, point after point: every point one
                 standard error off, or on it; "covered" is the mean ratio to the curve
    exponent     of a power law, seeds added
    chosen       the same, with the cells that `rounds` chooses and 60% of the grid's cost as budget

A verdict is wrong if it is held and the prediction is false, or refuted and it is true; at the end
of a range, either. Coverage is that of the interval at which the experiment stopped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from scaling_lab.analysis import claims, experiment_tables, sequential, theory
from scaling_lab.analysis.claims import level
from scaling_lab.analysis.claims.verdict import HELD, REFUTED
from scaling_lab.analysis.design import rounds
from scaling_lab.analysis.kept import keeping
from scaling_lab.looks import Looks

LOOKS = Looks(budget=1.0)
PLACES = {"outside": 1.02, "at the end": 1.0, "inside": 0.98}  # the truth over the range's end
RULES = ("naive", "looks", "gate")
NOISE = 0.02
SCATTER = 0.06  # of the losses of a power law
COUNTS = {  # experiments of each truth; the gate of an exponent takes a second for each
    "value": 150,
    "difference": 200,
    "ordering": 150,
    "curve": 200,
    "exponent": 120,
    "chosen": 120,
}
CURVE = {"E": 1.7, "A": 60.0, "alpha": 0.35, "B": 400.0, "beta": 0.35}


class Stage(NamedTuple):
    """The tables at a look, when so much of the budget is spent, and all planned rows."""

    tables: experiment_tables.Tables
    spent: float
    planned: Any


class Simulated(NamedTuple):
    """An experiment: its claim, its looks, the interval's truth, and the words that are wrong."""

    claim: Mapping[str, Any]
    stages: Iterator[Stage]
    truth: float
    wrong: tuple[str, ...]


def table_of(frame: Any) -> experiment_tables.Tables:
    """The tables of an experiment with these runs."""
    whole = frame.assign(status="done", best_valid_loss=1.0, steps=100, best_step=50)
    return experiment_tables.tables(whole, pd.DataFrame(), choose=())


def grown(frame: Any) -> Iterator[Stage]:
    """The looks of a grid that is trained in the order of its rows."""
    for share in LOOKS.shares:
        yield Stage(table_of(frame[: round(share * len(frame))]), share, frame)


def simulated(kind: str, place: str, rng: np.random.Generator) -> Simulated:
    """One experiment."""
    truth = PLACES[place]
    wrong = {"outside": (HELD,), "at the end": (REFUTED,), "inside": (REFUTED,)}[place]
    claim = {"name": kind, "kind": kind, "low": 0.5, "high": 1.0, "reason": "simulated"}
    claim |= {"gate": {"sweep_end": 1, "undertrained": 1}}
    if kind == "value":
        rows = [{"N": 1e3, "D": 1e3, "seed": seed} for seed in range(20)]
        mean, noise = [truth] * 20, NOISE
        claim |= {"at": {"N": 1e3}}
    elif kind == "difference":
        rows = [{"N": 1e3, "D": 1e3, "seed": s, "side": side} for s in range(20) for side in (0, 1)]
        mean, noise = [1 + truth * row["side"] for row in rows], NOISE
        claim |= {"where": "side == 1", "against": "side == 0"}
    elif kind == "ordering":
        rows = [
            {"N": 1e3, "D": D, "seed": s, "side": side}
            for D in (1e3, 2e3, 4e3, 8e3)
            for s in range(5)
            for side in (0, 1)
        ]
        ahead = {"outside": -1, "at the end": 0, "inside": 1}[place] * 3 * NOISE
        mean = [1 + row["side"] * (abs(ahead) if row["D"] < 8e3 else ahead) for row in rows]
        noise, truth = NOISE, np.nan
        wrong = (HELD, REFUTED) if place == "at the end" else wrong
        claim |= {"where": "side == 0", "against": "side == 1", "low": None, "high": None}
    elif kind == "curve":
        scales = 1e6 * 2.0 ** np.arange(8)
        rows = [{"N": 1e6, "D": D, "seed": s} for D in scales for s in range(5)]
        at = {name: np.array([row[name] for row in rows]) for name in ("N", "D")}
        exact = theory.values("chinchilla_curve", CURVE, at)
        excess, spread = exact - CURVE["E"], 0.02
        truth = 1 + (spread / np.sqrt(5) if place == "outside" else 0.0)
        mean, noise = CURVE["E"] + truth * excess, spread * excess
        claim |= {"theory": "chinchilla_curve", "x": "D", "options": CURVE}
        claim |= {"low": None, "high": None}
    else:
        scales = 1e3 * 2.0 ** np.arange(10)
        rows = [{"N": 1e3, "D": D, "seed": s} for s in range(4) for D in scales]
        mean, noise = [10 * row["D"] ** -truth for row in rows], 0.0
        claim |= {"kind": "parameter", "law": "power_law", "x": "D", "parameter": "alpha"}
    frame = pd.DataFrame(rows)
    frame["C"] = frame["D"]
    frame["run"] = [f"run {i}" for i in range(len(frame))]
    scatter = rng.standard_normal(len(frame))
    frame["best_test_loss"] = np.asarray(mean) + noise * scatter
    if kind in ("exponent", "chosen"):
        frame["best_test_loss"] *= np.exp(SCATTER * scatter)
    stages = chosen(claim, frame) if kind == "chosen" else grown(frame)
    return Simulated(claim, stages, float(truth), wrong)


def chosen(claim: Mapping[str, Any], frame: Any) -> Iterator[Stage]:
    """The looks of a grid whose cells are chosen from what is recorded, as by `until_decided`."""
    looks = Looks(budget=0.6 * frame["C"].sum())
    cell = dict(zip(frame["run"], frame["D"], strict=True))
    cost = dict(zip(frame["run"], frame["C"], strict=True))
    done: set[str] = set()
    spent, before = 0.0, 0.0
    while before < 1:
        mine = frame[frame["run"].isin(done)]
        recorded = mine if done else None
        began = spent
        left = looks.budget - spent
        upcoming = next(s for s in looks.shares if s > before) * looks.budget
        for one in rounds.asked([claim], frame, cell, recorded, done, left):
            more = sum(cost[run] for run in one.runs)
            if spent + more <= looks.budget and spent < upcoming:
                done |= set(one.runs)
                spent += more
        if spent == began:
            return
        before = looks.due(spent, before) or 1.0
        yield Stage(table_of(frame[frame["run"].isin(done)]), looks.reached(spent), frame)


class End(NamedTuple):
    """How an experiment ended under one rule."""

    word: str
    covered: bool
    looks: int


def ended(one: Simulated, rules: tuple[str, ...] = RULES) -> dict[str, End]:
    """Rule -> how the experiment ended under it."""
    found: dict[str, End] = {}
    kind, claim = claims.get(one.claim["kind"]), claims.completed(one.claim)
    before, open_ = 0.0, set(rules)
    for count, stage in enumerate(one.stages, 1):
        with tempfile.TemporaryDirectory() as folder, keeping(Path(folder), "a look"):
            for rule in sorted(open_, key=RULES.index):
                at = level.USUAL if rule == "naive" else LOOKS.level(stage.spent, before)
                evaluate = claims.evaluate if rule == "gate" else kind.evaluate
                with level.at(at):
                    if rule == "naive":
                        verdict = evaluate(claim, stage.tables, {}, {})
                    else:
                        verdict, _ = sequential.evaluated(
                            *(claim, stage.tables, {}, {}),
                            planned=stage.planned,
                            evaluate=evaluate,
                        )
                low, high = verdict.interval
                covered = bool(low <= one.truth <= high) or np.isnan(low)
                found[rule] = End(verdict.word, covered, count)
                if verdict.word in sequential.DECIDED:
                    open_.discard(rule)
        before = stage.spent
        if not open_:
            break
    return found


def rates(
    kind: str, place: str, count: int, rules: tuple[str, ...] = RULES
) -> dict[str, dict[str, float]]:
    """Rule -> coverage, wrong and decided verdicts as shares of `count` experiments, and looks."""
    made = [simulated(kind, place, np.random.default_rng(1000 * i + 7)) for i in range(count)]
    ends = [(one.wrong, ended(one, rules)) for one in made]
    return {
        rule: {
            "covered": float(np.mean([end[rule].covered for _, end in ends])),
            "wrong": float(np.mean([end[rule].word in wrong for wrong, end in ends])),
            "decided": float(np.mean([end[rule].word in sequential.DECIDED for _, end in ends])),
            "looks": float(np.mean([end[rule].looks for _, end in ends])),
        }
        for rule in rules
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=float, default=1.0, help="so many times the experiments")
    parser.add_argument("--quick", action="store_true", help="a tenth of them")
    parser.add_argument("--only", default=",".join(COUNTS), help="kinds of claims")
    parser.add_argument("--rules", default=",".join(RULES), help="the gate takes most of the time")
    given = parser.parse_args()
    times = 0.1 if given.quick else given.times
    rules = tuple(given.rules.split(","))
    numbers = ("covered", "wrong", "decided", "looks")
    shown = Table("claim", "truth", "rule", "experiments", *numbers)
    for kind, count in COUNTS.items():
        if kind not in given.only.split(","):
            continue
        for place in PLACES:
            if (kind, place) == ("curve", "inside"):
                continue
            n = round(times * count)
            for rule, one in rates(kind, place, n, rules).items():
                text = [f"{one[name]:.1%}" for name in numbers[:3]] + [f"{one['looks']:.1f}"]
                covered = "-" if kind == "ordering" else text[0]
                row = [kind, place, rule, str(n), covered, *text[1:]]
                shown.add_row(*row)
                print(*row, file=sys.stderr, sep=" | ", flush=True)
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
