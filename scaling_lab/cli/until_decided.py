"""`run --until-decided`: train, look at the claims when a look is due, stop when all are decided.

The looks are the registered ones: those of the experiment's file or, if it has none, those of the
first call. Each is appended to `looks.jsonl` before anything more is trained, so that after an
interruption none is taken again on more data. Between looks the cheapest cells of the undecided
claims are trained, whole: all seeds and all values of their sweep. A cell that would exceed the
budget is not begun. If no cell is left before the budget is spent, the last look comes early.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import conditions, sweeps
from ..engine.listener import Summary
from ..errors import LabError
from ..experiment import Experiment
from ..looks import Looks
from ..plan import Plan, PlannedRun, make
from ..registration import log, path
from ..storage.records import Store

Train = Callable[[Experiment, Collection[str]], Summary]
Say = Callable[[str], None]
RECORDED = ("done", "diverged")


def budget(text: str) -> tuple[float, str]:
    """A budget and its unit: 1e14 or 1e14FLOP, or 600s. Raises LabError for other text."""
    found = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?\d+)?)\s*(FLOP|s)?\s*", text)
    try:
        value = float(found[1]) if found else 0.0
    except ValueError:
        value = 0.0
    if found is None or not value > 0:
        raise LabError(f"--budget {text} is no budget; write e.g. 1e14 (FLOP) or 600s")
    return value, found[2] or "FLOP"


def registered(experiment: Experiment, folder: Path, given: str | None) -> Experiment:
    """The experiment with its looks. Raises LabError if there is no budget, or two that differ."""
    last = log.read(folder).last
    looks = experiment.looks
    if looks is None and last is not None and last.texts.looks:
        looks = Looks(**last.texts.looks)
    if given is not None:
        value, unit = budget(given)
        if looks is not None and (looks.budget, looks.unit) != (value, unit):
            raise LabError(
                f"--budget is {given}, and {looks.budget:g} {looks.unit} is registered for "
                f"{experiment.name}; leave --budget out, or register other looks in the file"
            )
        looks = looks or Looks(budget=value, unit=unit)
    if looks is None:
        raise LabError(
            "--until-decided needs --budget, such as 1e14 or 600s, or `looks` in the file"
        )
    if not experiment.claims:
        raise LabError(f"{experiment.name} has no claims to decide; leave --until-decided out")
    return replace(experiment, looks=looks)


def run(experiment: Experiment, results: Path, train: Train, say: Say) -> Summary:
    """Go round until every claim is decided or the budget is spent. The experiment has `looks`.

    train: trains the named runs of the experiment and records them.
    """
    from ..analysis import sequential

    looks, total = experiment.looks, Summary()
    assert looks is not None
    folder = results / experiment.name
    store = Store(folder, experiment.name)
    while True:
        taken = path.read(folder)
        seen = taken.last.claims if taken.last else ()
        open_ = sequential.undecided(seen) if seen else {c.name for c in experiment.claims}
        if not open_ or taken.share >= 1:
            say("every claim is decided" if not open_ else f"undecided: {', '.join(sorted(open_))}")
            return total
        asked, plan, spent = _standing(experiment, store, looks)
        names = next_runs(asked, plan, open_, spent, looks, taken.share)
        share = looks.due(spent, taken.share) or (None if names else 1.0)
        if share is None:
            done = train(experiment, names)
            total.add(done)
            if done.interrupted or done.recorded.get("failed") or not done.recorded:
                return total
        elif not any(run.state in RECORDED for run in plan.runs):
            raise LabError(f"no run of {experiment.name} fits the budget; give a larger one")
        else:
            level = looks.level(share, taken.share)
            found = sequential.verdicts(folder, level)
            recorded = sum(run.state in RECORDED for run in plan.runs)
            one = sequential.look(looks, share, taken.share, spent, recorded, found)
            path.append(folder, one)
            words = "; ".join(f"{claim['name']}: {claim['word']}" for claim in one.claims)
            say(f"look at {share:.0%} of the budget, {recorded} runs, level {level:.2%}: {words}")


def next_runs(
    experiment: Experiment,
    plan: Plan,
    names: Collection[str],
    spent: float,
    looks: Looks,
    before: float,
) -> set[str]:
    """The runs to train until the next look: whole cells, the cheapest of the claims `names` first.

    Empty if no cell that is left fits the budget. In seconds the cost of a run is its FLOP times
    the seconds that a FLOP has taken so far; before anything is recorded, one cell is chosen.
    """
    rate = 1.0
    if looks.unit == "s":
        flops = sum(run.flops for run in plan.runs if run.state in RECORDED)
        rate = spent / flops if flops else 0.0
    groups: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        if run.state == "missing":
            groups.setdefault(_cell(run, experiment), []).append(run)
    wanted = _relevant(experiment, plan, names)
    costs = {key: rate * sum(run.flops for run in runs) for key, runs in groups.items()}
    order = sorted(
        groups, key=lambda key: (not any(r.name in wanted for r in groups[key]), costs[key])
    )
    upcoming = next(share for share in looks.shares if share > before) * looks.budget
    chosen: set[str] = set()
    for key in order:
        if spent + costs[key] > looks.budget * (1 + 1e-9):
            continue
        chosen |= {run.name for run in groups[key]}
        spent += costs[key]
        if spent >= upcoming or rate == 0:
            break
    return chosen


def _standing(experiment: Experiment, store: Store, looks: Looks) -> tuple[Experiment, Plan, float]:
    """The experiment with what its sweeps add, its plan, and what is spent of the budget."""
    rows = store.survey(sweeps.metric_of(experiment), "wall_s").rows
    asked = sweeps.extended(experiment, rows)
    plan = make(asked.name, asked.cells, store)
    recorded = [run for run in plan.runs if run.state in RECORDED]
    if looks.unit == "s":
        return asked, plan, sum(float(rows[run.name]["wall_s"] or 0.0) for run in recorded)
    return asked, plan, sum(run.flops for run in recorded)


def _cell(run: PlannedRun, experiment: Experiment) -> str:
    """What runs of one cell share: all axes but the seeds and the swept ones."""
    swept = {*sweeps.SEEDS, *(name.rsplit(".", 1)[-1] for name in experiment.choose)}
    axes = {k: v for k, v in run.cell.axes.items() if k.rsplit(".", 1)[-1] not in swept}
    return "/".join(f"{name}={value}" for name, value in axes.items())


def _relevant(experiment: Experiment, plan: Plan, names: Collection[str]) -> set[str]:
    """The runs that the named claims are about, as far as their conditions are known beforehand."""
    import pandas as pd

    from ..engine import rows

    cells = [run.cell for run in plan.runs]
    table = pd.DataFrame(rows.planned(cells))
    found: set[str] = set()
    for claim in experiment.claims:
        if claim.name not in names:
            continue
        texts = [text for text in (claim.where, claim.against) if text] or [""]
        for text in texts:
            mask = _mask(text, table)
            found |= {cell.name for cell, kept in zip(cells, mask, strict=True) if kept}
    return found


def _mask(text: str, table: Any) -> Sequence[bool]:
    condition = conditions.parse(text) if text else None
    if condition is None or not set(condition.names) <= set(map(str, table.columns)):
        return [True] * len(table)
    return [bool(kept) for kept in condition.mask(table)]
