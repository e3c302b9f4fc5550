"""The rows of a record: what is known about a run before it trains, and what training gave."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .. import config
from ..config import Run
from ..counting import StepCost
from ..grid import GridPoint
from ..identity import code
from ..plan import PlannedRun
from ..storage.schema import RUN_COLUMNS
from . import provenance
from .training.program import Program
from .training.run_result import RunResult

METRICS = ("valid_", "test_", "best_")  # prefixes of the names of metrics


class EnsembleResult(NamedTuple):
    """A trained ensemble: its program, results by name of run, seconds, joules, start time.

    measured: name of run -> columns that differ among the runs of a task: what it took from its
    parent, and the ensemble that it was trained in, since a task is split if memory runs out. data:
    digest of the files of the data, as `identity.data_digest` gave it before they were read.
    """

    program: Program
    results: dict[str, RunResult]
    seconds: float
    joules: float | None
    started: str
    measured: Mapping[str, Mapping[str, Any]]
    data: str | None


class Rows(NamedTuple):
    """The rows of an ensemble's records in the run and the curve table."""

    runs: list[dict[str, Any]]
    curves: list[dict[str, Any]]


def record_rows(
    experiment: str, runs: Sequence[PlannedRun], result: EnsembleResult | BaseException
) -> Rows:
    """Rows of the run and curve tables for one ensemble, whether it was trained or failed."""
    rows, curves = [], []
    for planned in runs:
        row = identity(experiment, planned)
        if isinstance(result, BaseException):
            said = (str(result).strip().splitlines() or ["no message"])[0]
            reason = f"{type(result).__name__}: {said[:300]}"
            rows.append({**row, "status": "failed", "reason": reason})
            continue
        run_result = result.results[planned.name]
        measured = {
            "wall_s": result.seconds / len(runs),
            "compile_s": result.program.compile_s,
            "energy_J": None if result.joules is None else result.joules / len(runs),
            "started": result.started,
            "finished": provenance.now(),
            "devices": result.program.placement.devices,
            "data_digest": result.data,
            **result.measured[planned.name],
        }
        learner = result.program.learner
        rows.append({**row, **measured, **ending(run_result, learner.objective, learner.direction)})
        curves += curve(row, planned, run_result)
    return Rows(rows, curves)


def identity(experiment: str, planned: PlannedRun) -> dict[str, Any]:
    """All columns of a run that are known before it trains."""
    run = planned.cell.run
    return {
        "experiment": experiment,
        "fingerprint": planned.fingerprint,
        "program": planned.program,
        **choices(planned.cell, planned.cost),
        "run": planned.name,  # of its record, if it is trained again from there
        "config": json.dumps(config.to_dict(run)),
        "code": code(run),
        **provenance.source(),
    }


def choices(cell: GridPoint, cost: StepCost) -> dict[str, Any]:
    """The columns of a run that its choices give: its name, fields and counts."""
    run = cell.run
    return {
        "run": cell.name,
        **_fields(run),
        **_targets(cell),
        "N": cost.parameters,
        **{f"N_{group}": count for group, count in cost.N.items()},
        "C": cost.total * run.steps,
        **{f"C_{part}": flops * run.steps for part, flops in cost.flops.items()},
        **_counts(cost, run.steps),
        "D": cost.seen(run.D, run.steps) or None,
        "epochs": cost.examples * run.steps / run.D if run.D else None,
    }


def planned(cells: Sequence[GridPoint]) -> list[dict[str, Any]]:
    """The columns known beforehand of runs that are planned, a row each."""
    costs: dict[str, StepCost] = {}
    rows = []
    for cell in cells:
        key = config.program_key(cell.run)
        if key not in costs:
            costs[key] = cell.run.learner.cost(cell.run)
        rows.append(choices(cell, costs[key]))
    return rows


def columns(cells: Iterable[GridPoint], metrics: Iterable[str]) -> set[str]:
    """Names of the columns that the run table of these runs will have.

    metrics: names of their learners' metrics.
    """
    found = {column.name for column in RUN_COLUMNS}
    alike = set()
    for cell in cells:
        found |= _targets(cell).keys()
        # Runs of one program have the same fields.
        if (key := (config.program_key(cell.run), cell.run.parent is None)) not in alike:
            alike.add(key)
            found |= _fields(cell.run).keys()
    for name in metrics:
        found |= {name, f"best_{name}"}
    return found


def _fields(run: Run) -> dict[str, Any]:
    """Column -> value of the fields of a run and of its parts; of targets, if any, as text."""
    fields = {
        path.removeprefix("recipe."): value
        for path, value in config.flat(run).items()
        if isinstance(value, str | int | float | bool)
    }
    if run.recipe.targets:
        fields["targets"] = ", ".join(f"{target:.6g}" for target in run.recipe.targets)
    return fields


def _targets(cell: GridPoint) -> dict[str, float]:
    """The N, D and C that the grid asked for."""
    return {f"{axis}_target": float(cell.axes[axis]) for axis in "NDC" if axis in cell.axes}


def _counts(cost: StepCost, steps: int) -> dict[str, int | None]:
    """Counts after that many steps: examples, optimiser updates, environment steps."""
    return {
        "examples": cost.examples * steps,
        "updates": cost.updates * steps,
        "env_steps": cost.env_steps * steps or None,
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
    """Rows of the curve table: one for each evaluated step, with the counts by then."""
    identity = {name: row[name] for name in ("experiment", "run", "fingerprint")}
    cost = planned.cost
    return [
        {
            **identity,
            **_counts(planned.cost, point["step"]),
            "C": cost.total * point["step"],
            **point,
        }
        for point in outcome.curve
    ]
