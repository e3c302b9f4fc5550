"""The rows of a record: what is known of a run before it runs, and how it came out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .. import config
from ..plan import PlannedRun
from . import provenance
from .program import Program
from .trainer import RunResult


class EnsembleResult(NamedTuple):
    """One ensemble as it came out: program, outcome of each run, seconds, joules, its beginning."""

    program: Program
    outcomes: dict[str, RunResult]
    seconds: float
    joules: float | None
    started: str


def record_rows(
    experiment: str, runs: Sequence[PlannedRun], result: EnsembleResult | BaseException
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the run table and of the curve table of one ensemble, also of one that failed."""
    rows, curves = [], []
    for planned in runs:
        row = identity(experiment, planned)
        if isinstance(result, BaseException):
            said = (str(result).strip().splitlines() or ["no message"])[0]
            reason = f"{type(result).__name__}: {said[:300]}"
            rows.append({**row, "status": "failed", "reason": reason})
            continue
        outcome = result.outcomes[planned.name]
        measured = {
            "width": result.program.width,
            "wall_s": result.seconds / len(runs),
            "compile_s": result.program.compile_s,
            "energy_J": None if result.joules is None else result.joules / len(runs),
            "started": result.started,
            "finished": provenance.now(),
            "devices": result.program.placement.devices,
        }
        learner = result.program.learner
        rows.append({**row, **measured, **ending(outcome, learner.objective, learner.direction)})
        curves += curve(row, planned, outcome)
    return rows, curves


def identity(experiment: str, planned: PlannedRun) -> dict[str, Any]:
    """All columns of a run that are known before it runs."""
    run, cost = planned.cell.run, planned.cost
    fields = {
        path.removeprefix("recipe."): value
        for path, value in config.flat(run).items()
        if isinstance(value, str | int | float | bool)
    }
    asked = {
        f"{axis}_target": float(planned.cell.axes[axis])
        for axis in "NDC"
        if axis in planned.cell.axes
    }
    return {
        "experiment": experiment,
        "run": planned.name,
        "fingerprint": planned.fingerprint,
        "program": planned.program,
        **fields,
        **asked,
        "N": cost.parameters,
        **{f"N_{group}": count for group, count in cost.N.items()},
        "C": planned.flops,
        **{f"C_{part}": flops * run.steps for part, flops in cost.flops.items()},
        "examples": cost.examples * run.steps,
        "D": cost.seen(run.D, run.steps) or None,
        "epochs": cost.examples * run.steps / run.D if run.D else None,
        "config": json.dumps(config.to_dict(run)),
        **provenance.source(),
    }


def ending(outcome: RunResult, objective: str, direction: str) -> dict[str, Any]:
    """The run's last metrics, and those at the evaluated step of the best objective.

    direction: "min" if the smallest objective is best, "max" if the largest is.
    """
    row: dict[str, Any] = {"status": outcome.status, "reason": outcome.reason}
    if outcome.curve:
        better = {"min": min, "max": max}[direction]
        best = better(outcome.curve, key=lambda point: point[objective])
        row["best_step"] = best["step"]
        row |= {f"best_{k}": v for k, v in best.items() if k not in ("step", "train_loss")}
        if outcome.status == "done":
            row |= {name: v for name, v in outcome.curve[-1].items() if name != "step"}
            row |= outcome.final
    return row


def curve(row: Mapping[str, Any], planned: PlannedRun, outcome: RunResult) -> list[dict[str, Any]]:
    identity = {name: row[name] for name in ("experiment", "run", "fingerprint")}
    cost = planned.cost
    return [
        {
            **identity,
            "examples": cost.examples * point["step"],
            "C": cost.total * point["step"],
            **point,
        }
        for point in outcome.curve
    ]
