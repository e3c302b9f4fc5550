"""How many runs go in one program, and which.

Width is found by measuring: the program is compiled at a few widths, each that fits into memory
takes some steps, and the one that trains most runs a second wins. On a GPU wide ensembles win, on
a CPU narrow ones do. What was measured is kept in the results folder, so that a grid taken up again
is cut into the same ensembles and gives the same numbers to the last bit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from ..config import Run
from ..plan import PlannedRun
from . import branching
from .cost_model import work
from .program import Program

LADDERS = {"cpu": (1, 2, 4), "gpu": (16, 64, 256, 1024), "tpu": (16, 64, 256, 1024)}
UNMEASURED = {"cpu": 1, "gpu": 64, "tpu": 64}
TRIAL_SECONDS = 0.5
MEMORY_SHARE = 0.8
WORTH_SECONDS = 60.0  # a program with less work than this is not worth the trial's compiles


class Ensemble(NamedTuple):
    """Runs of one program, trained together."""

    program: str
    width: int
    runs: tuple[PlannedRun, ...]

    @property
    def flops(self) -> float:
        """FLOP that training it costs: what branches share is trained once."""
        return sum(cost.total * steps for cost, steps in work(self.runs))


def cut(runs: Sequence[PlannedRun], width: int) -> list[Ensemble]:
    """Cut the runs of one program into ensembles of that many lanes, longest first.

    A lane is a run, or runs that share a trunk. Lanes of like length go together, so that nearly
    none waits for a longer one; lanes with branches only where all branch at the same steps.
    """
    alike: dict[tuple[int, ...], list[list[PlannedRun]]] = {}
    for lane in branching.columns(runs, lambda run: run.cell.run):
        budgets = tuple(run.cell.run.steps for run in lane)
        forks = tuple(branching.fork(run.cell.run) for run in lane[:-1])
        alike.setdefault((*budgets, *forks) if forks else (), []).append(lane)
    found = []
    for lanes in alike.values():
        lanes.sort(key=lambda lane: -lane[-1].cell.run.steps)
        for at in range(0, len(lanes), width):
            group = tuple(run for lane in lanes[at : at + width] for run in lane)
            found.append(Ensemble(group[0].program, width, group))
    return found


def memory() -> int:
    """Bytes of memory of one device; for a CPU, of the machine."""
    device = jax.local_devices()[0]
    told = (device.memory_stats() or {}).get("bytes_limit")
    return told or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def measured_width(speed: Callable[[int], float | None], most: int, seconds: float) -> int:
    """The width at which most steps a second are taken, among those that fit into memory.

    speed: width -> steps a second summed over runs, or None where memory is short. most: runs there
    are for each worker. seconds: what they are thought to take; too little is not worth measuring.
    """
    devices = jax.local_devices()
    rungs = [_rounded(min(rung, most), len(devices)) for rung in LADDERS[devices[0].platform]]
    if seconds < WORTH_SECONDS:
        return _rounded(min(most, UNMEASURED[devices[0].platform]), len(devices))
    best, fastest = 1, 0.0
    for width in dict.fromkeys(rungs):
        try:
            found = speed(width)
        except jax.errors.JaxRuntimeError as error:
            if not out_of_memory(error):
                raise
            found = None
        if found is None:
            break
        # A wider program must be clearly faster: its last ensemble is seldom full.
        if found > 1.05 * fastest:
            best, fastest = width, found
    return best


def halved(width: int) -> int:
    """Half the width, still shared evenly by the devices, or a single run."""
    devices = len(jax.local_devices())
    return width // 2 if width // 2 % devices == 0 else max(1, width // 2 // devices * devices)


def _rounded(width: int, devices: int) -> int:
    """The next width that all devices share evenly; a single run may be shared by its batch."""
    return width if width == 1 else -(-width // devices) * devices


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of the device says that memory was short."""
    return "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()


def speed(program: Program, data: Any, runs: Sequence[Run]) -> float:
    """Steps a second, summed over the ensemble's runs, of a short trial."""
    traced, steps, at = program.stack(runs), 1, 1
    carry, row = program.advance(program.begin(), traced, data, 1, fresh=True, evaluating=False)
    jax.block_until_ready(row)
    while True:
        began = time.perf_counter()
        at += steps
        carry, row = program.advance(carry, traced, data, at, fresh=False, evaluating=False)
        jax.block_until_ready(row)
        took = time.perf_counter() - began
        if took > TRIAL_SECONDS / 2:
            return program.width * steps / took
        steps = max(2 * steps, int(steps * TRIAL_SECONDS / max(took, 1e-4)))
