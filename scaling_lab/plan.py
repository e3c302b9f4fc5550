"""Plans: the runs of an experiment, which of them are recorded, and what the others cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from . import config, identity, recorded_config
from .counting import StepCost
from .grid import GridPoint
from .identity import Identity
from .storage.objects import pull
from .storage.records import Store


@dataclass(frozen=True)
class PlannedRun:
    """One run of a plan: its grid point, identity, cost and state.

    state: missing, done, diverged, failed, or stale (recorded under another definition).
    """

    cell: GridPoint
    name: str
    fingerprint: str
    program: str
    cost: StepCost
    state: str = "missing"

    @property
    def flops(self) -> float:
        """Training compute C of the run."""
        return self.cost.total * self.cell.run.steps


@dataclass(frozen=True)
class Plan:
    """The runs of an experiment, compared with the records in its store."""

    experiment: str
    runs: tuple[PlannedRun, ...]
    recorded: dict[str, dict[str, Any]] = field(repr=False, default_factory=dict)
    results: Path = field(repr=False, default=Path("results"))

    @cached_property
    def programs(self) -> dict[str, list[PlannedRun]]:
        """Program key -> its runs, in the order of the grid."""
        found: dict[str, list[PlannedRun]] = {}
        for run in self.runs:
            found.setdefault(run.program, []).append(run)
        return found

    @property
    def counts(self) -> Counter[str]:
        """State -> number of runs."""
        return Counter(run.state for run in self.runs)

    @property
    def missing(self) -> tuple[PlannedRun, ...]:
        """Runs to train: those without a record, and those that failed."""
        return tuple(run for run in self.runs if run.state in ("missing", "failed"))

    @property
    def stale(self) -> tuple[PlannedRun, ...]:
        """Runs recorded under another definition."""
        return tuple(run for run in self.runs if run.state == "stale")

    def only(self, cells: Collection[GridPoint]) -> Plan:
        """The plan of some of its runs."""
        names = {cell.name for cell in cells}
        return replace(self, runs=tuple(run for run in self.runs if run.name in names))

    def changes(self) -> list[tuple[str, object, object, int]]:
        """What changed in the stale runs: field, old value, new value, how many runs."""
        found: Counter[tuple[str, str, str]] = Counter()
        for run in self.stale:
            recorded, now = self.recorded[run.name], identity.of(run.cell.run)
            old = recorded_config.completed(
                recorded_config.parsed(recorded["config"]), now.defaults
            )
            new = json.loads(json.dumps(config.to_dict(run.cell.run)))
            changed = recorded_config.differences(old, new) + now.other_data(recorded)
            changed += now.other_parent(recorded, self.results)
            changed = changed or [("numerics, or files of data", "old", "new")]
            found.update((name, json.dumps(a), json.dumps(b)) for name, a, b in changed)
        return [(name, json.loads(a), json.loads(b), n) for (name, a, b), n in found.items()]


def make(
    experiment: str,
    cells: Sequence[GridPoint],
    store: Store,
    now: Mapping[str, Identity] | None = None,
) -> Plan:
    """Plan the cells against what the store holds.

    now: the identities of the runs, if they are known.
    """
    recorded, results = store.survey(*identity.COLUMNS).rows, store.folder.parent
    now = now or identity.identities(cells)
    found = states(recorded, now, results)
    costs: dict[str, StepCost] = {}
    runs = []
    for cell in cells:
        key = config.program_key(cell.run)
        if key not in costs:
            costs[key] = cell.run.learner.cost(cell.run)
        name = cell.name
        runs.append(PlannedRun(cell, name, now[name].fingerprint, key, costs[key], found[name]))
    return Plan(experiment, tuple(runs), recorded, results)


def states(
    recorded: Mapping[str, Mapping[str, Any]], now: Mapping[str, Identity], results: Path
) -> dict[str, str]:
    """Run -> its state, from the newest record of each and what each is today (see `state_of`).

    Fetches what tells whether parents were trained again, if results are on an object store.
    """
    for experiment in sorted({known.parent[0] for known in now.values() if known.parent}):
        pull.tables(results / experiment)
    return {run: state_of(recorded.get(run), known, results) for run, known in now.items()}


def state_of(recorded: Mapping[str, Any] | None, now: Identity, results: Path) -> str:
    """The state of a run, from its newest record, if any, and what it is today.

    recorded: its state and identity.COLUMNS, as `Store.survey` gives them. results: the folder of
    all experiments' results, where the parameters of its parent are kept.
    """
    if recorded is None:
        return "missing"
    if recorded["fingerprint"] == now.fingerprint and now.describes(recorded, results):
        return recorded["status"]
    # A failed run left no numbers: under a new definition it is simply missing.
    return "missing" if recorded["status"] == "failed" else "stale"
