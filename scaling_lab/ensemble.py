"""How many runs go in one program, and which.

Width is found by measuring: the program is compiled at a few widths, each that fits into memory
takes some steps, and the one that trains most runs a second wins. On a GPU wide ensembles win, on
a CPU narrow ones do. What was measured is kept in the results folder, so that a grid taken up again
is cut into the same ensembles and gives the same numbers to the last bit.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from .config import Run
from .plan import Planned
from .program import Program

LADDERS = {"cpu": (1, 2, 4), "gpu": (8, 64, 512), "tpu": (8, 64, 512)}
UNMEASURED = {"cpu": 1, "gpu": 64, "tpu": 64}
TRIAL_SECONDS = 0.5
MEMORY_SHARE = 0.8
WORTH_SECONDS = 60.0  # a program with less work than this is not worth the trial's compiles


class Ensemble(NamedTuple):
    """Runs of one program, trained together."""

    program: str
    width: int
    runs: tuple[Planned, ...]

    @property
    def steps(self) -> int:
        """Steps of the longest run."""
        return max(run.cell.run.steps for run in self.runs)

    @property
    def flops(self) -> float:
        """FLOP of all its runs."""
        return sum(run.flops for run in self.runs)


def cut(runs: Sequence[Planned], width: int) -> list[Ensemble]:
    """Cut the runs of one program into ensembles of that width, longest first.

    Runs of like length go together, so that nearly none waits for a longer one. The cut depends on
    the plan alone, not on what of it is done.
    """
    order = sorted(runs, key=lambda run: -run.cell.run.steps)
    groups = [order[at : at + width] for at in range(0, len(order), width)]
    return [Ensemble(order[0].program, width, tuple(group)) for group in groups]


def memory() -> int:
    """Bytes of memory of one device; for a CPU, of the machine."""
    device = jax.local_devices()[0]
    told = (device.memory_stats() or {}).get("bytes_limit")
    return told or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def measured_width(
    build: Callable[[int], Program], data: Any, runs: Sequence[Run], seconds: float, workers: int
) -> int:
    """The width at which most runs a second are trained, among those that fit into memory.

    build: width -> program. seconds: what the runs are thought to take one after another; too
    little work is not worth measuring. workers: ensembles that will be trained side by side.
    """
    platform = jax.local_devices()[0].platform
    share = max(1, math.ceil(len(runs) / workers))
    if seconds < WORTH_SECONDS:
        return min(share, UNMEASURED[platform])
    best, fastest = 1, 0.0
    for width in dict.fromkeys(min(rung, share) for rung in LADDERS[platform]):
        try:
            program = build(width)
            if program.bytes * workers > MEMORY_SHARE * memory():
                break
            speed = _speed(program, data, [runs[i % len(runs)] for i in range(width)])
        except jax.errors.JaxRuntimeError as error:
            if not out_of_memory(error):
                raise
            break
        # A wider program must be clearly faster: its last ensemble is seldom full.
        if speed > 1.05 * fastest:
            best, fastest = width, speed
    return best


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of the device says that memory was short."""
    return "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()


def _speed(program: Program, data: Any, runs: Sequence[Run]) -> float:
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
