"""Which runs train together: those of one program, cut into ensembles of the chosen width."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import jax

from ..config import Run, digest, traced_values
from ..plan import PlannedRun
from ..stream import streams
from .training import branching


def cut(runs: Sequence[PlannedRun], width: int) -> list[tuple[PlannedRun, ...]]:
    """Cut the runs of one program into ensembles of `width` trunk groups, longest first.

    Groups of similar length train together, so that few wait for a longer one. Groups with branches
    train together only if all of them branch at the same steps, and runs whose data stream only if
    they share the order of their minibatches, since they share the chunks.
    """
    alike: dict[Hashable, list[list[PlannedRun]]] = {}
    for group in branching.trunk_groups(runs, lambda run: run.cell.run):
        trunk = group[-1].cell.run
        budgets = tuple(run.cell.run.steps for run in group)
        forks = tuple(branching.fork(run.cell.run) for run in group[:-1])
        order = data_order(trunk) if streams(trunk.data) else ()
        alike.setdefault((order, budgets, forks) if forks else order, []).append(group)
    found = []
    for groups in alike.values():
        groups.sort(key=lambda group: -group[-1].cell.run.steps)
        for at in range(0, len(groups), width):
            found.append(tuple(run for group in groups[at : at + width] for run in group))
    return found


def identifier(names: Iterable[str]) -> str:
    """A short digest of the names of the runs that are trained together."""
    return digest({"runs": sorted(names)})


def data_order(run: Run) -> tuple[float, ...]:
    """What decides the order of a run's minibatches: its own traced fields but the steps."""
    return tuple(v for path, v in traced_values(run).items() if "." not in path and path != "steps")


def halved(width: int) -> int:
    """Half the width, rounded down to what the devices share evenly; at least 1."""
    devices = len(jax.local_devices())
    return width // 2 if width // 2 % devices == 0 else max(1, width // 2 // devices * devices)


def out_of_memory(error: BaseException) -> bool:
    """Whether the error says that the device ran out of memory."""
    return "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()
