"""The rows of a record: what is known of a run before it runs, and how it came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import config, provenance
from .plan import Planned
from .trainer import Outcome


def identity(experiment: str, planned: Planned) -> dict[str, Any]:
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


def ending(outcome: Outcome, objective: str) -> dict[str, Any]:
    """The run's last metrics, and those at the evaluated step of the least objective."""
    row: dict[str, Any] = {"status": outcome.status, "reason": outcome.reason}
    if outcome.curve:
        best = min(outcome.curve, key=lambda point: point[objective])
        row["best_step"] = best["step"]
        row |= {f"best_{k}": v for k, v in best.items() if k not in ("step", "train_loss")}
        if outcome.status == "done":
            row |= {name: v for name, v in outcome.curve[-1].items() if name != "step"}
            row |= outcome.final
    return row


def curve(row: Mapping[str, Any], planned: Planned, outcome: Outcome) -> list[dict[str, Any]]:
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
