"""`run --until-decided`: train, look at the claims when a look is due, stop when all are decided.

The looks are the registered ones: those of the experiment's file or, if it has none, those of the
first call. Each is appended to `looks.jsonl` before anything more is trained, so that after an
interruption none is taken again on more data. Between looks the cells are trained that the open
claims ask for (`analysis.design.rounds`), whole: all seeds and all values of their sweep. A cell
that would exceed the budget is not begun. What is chosen is appended to `rounds.jsonl` before it is
trained, and finished after an interruption. If no cell is left before the budget is spent, one more
look is taken, at the level of what is spent by then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import sweeps
from ..engine.listener import Summary
from ..errors import LabError
from ..experiment import Experiment
from ..looks import Looks
from ..plan import Plan, PlannedRun, make
from ..registration import log, path
from ..storage.records import Store

if TYPE_CHECKING:
    import pandas as pd

    from ..analysis.design import rounds

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
        settled = sequential.decided(taken.looks)
        open_ = [claim.name for claim in experiment.claims if claim.name not in settled]
        if not open_:
            say("every claim is decided")
            return total
        asked, plan, spent = _standing(experiment, store, looks)
        share = looks.due(spent, taken.share)
        names = _unfinished(taken, plan)
        if not names and share is None and taken.share < 1:
            names = _begin(asked, plan, folder, open_, looks.budget - spent, taken.share, spent)
        if names:
            done = train(experiment, names)
            total.add(done)
            if done.interrupted or done.recorded.get("failed") or not done.recorded:
                return total
            continue
        if not any(run.state in RECORDED for run in plan.runs):
            raise LabError(f"no run of {experiment.name} fits the budget; give a larger one")
        if share is None and (taken.share >= 1 or (taken.last and taken.last.spent >= spent)):
            say(f"undecided: {', '.join(open_)}")
            return total
        _look(asked, plan, folder, looks, share or looks.reached(spent), spent, say)


def _unfinished(taken: path.Looked, plan: Plan) -> set[str]:
    """The runs of the newest round that are not recorded."""
    chosen = set(taken.rounds[-1].runs) if taken.rounds else set()
    return chosen & {run.name for run in plan.missing}


def _begin(
    experiment: Experiment,
    plan: Plan,
    folder: Path,
    open_: Collection[str],
    left: float,
    share: float,
    spent: float,
) -> set[str]:
    """Choose the next round and record it; empty if no cell that is left fits the budget.

    left: of the budget. share: of the look before.
    """
    looks = experiment.looks
    assert looks is not None
    upcoming = next(one for one in looks.shares if one > share) * looks.budget
    chosen: list[str] = []
    why: dict[str, list[str]] = {}
    rate = _rate(plan, looks, spent)
    costs = {run.name: rate * run.flops for run in plan.runs}
    for one in _asked(experiment, plan, folder, open_, left / rate if rate else math.inf):
        cost = sum(costs[run] for run in one.runs)
        if cost > left * (1 + 1e-9):
            continue
        chosen += one.runs
        reasons = why.setdefault(one.claim, [])
        reasons += [] if one.why in reasons else [one.why]
        left, spent = left - cost, spent + cost
        if spent >= upcoming * (1 - 1e-9) or not rate:
            break
    if chosen:
        said = {claim: "; then ".join(reasons) for claim, reasons in why.items()}
        path.begin(folder, path.Round(share=share, runs=tuple(chosen), why=said))
    return set(chosen)


def _rate(plan: Plan, looks: Looks, spent: float) -> float:
    """What a FLOP costs of the budget; of seconds, what one took so far, 0 before any run."""
    if looks.unit != "s":
        return 1.0
    flops = sum(run.flops for run in plan.runs if run.state in RECORDED)
    return spent / flops if flops else 0.0


def _asked(
    experiment: Experiment, plan: Plan, folder: Path, open_: Collection[str], left: float
) -> Iterator[rounds.Asked]:
    """The cells that the open claims ask for, with `left` FLOP."""
    from ..analysis.design import rounds
    from . import chances

    recorded = chances.pilot(experiment, plan, folder)
    if recorded is not None:
        recorded = recorded.sort_values("run", ignore_index=True)
    table = _planned(plan).assign(C=[run.flops for run in plan.runs])
    return rounds.asked(
        [asdict(claim) for claim in experiment.claims if claim.name in open_],
        table,
        {run.name: _cell(run, experiment) for run in plan.runs},
        recorded,
        {run.name for run in plan.runs} - {run.name for run in plan.missing},
        left,
        experiment.choose,
    )


def _look(
    experiment: Experiment,
    plan: Plan,
    folder: Path,
    looks: Looks,
    share: float,
    spent: float,
    say: Say,
) -> None:
    """Look at the claims and record what is seen."""
    from ..analysis import sequential
    from ..analysis.report.look import verdicts

    before = path.read(folder).last
    level = sequential.level_of(looks, before, spent)
    found = verdicts(folder, level, _planned(plan))
    recorded = sum(run.state in RECORDED for run in plan.runs)
    claims = tuple(sequential.seen(verdict, its_level) for verdict, its_level in found)
    one = path.Look(share=share, spent=spent, rows=recorded, level=level, claims=claims)
    path.append(folder, one)
    words = "; ".join(f"{claim['name']}: {claim['word']}" for claim in one.claims)
    say(f"look at {share:.0%} of the budget, {recorded} runs, level {level:.2%}: {words}")


def _planned(plan: Plan) -> pd.DataFrame:
    """The planned runs as a table."""
    import pandas as pd

    from ..engine import rows

    return pd.DataFrame(rows.planned([run.cell for run in plan.runs]))


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
