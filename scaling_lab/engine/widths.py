"""How many runs of a program to train together, found by measuring.

The program is compiled at a few widths, each that fits into memory takes some steps, and the one
with the most steps per second wins: usually a wide one on a GPU, a narrow one on a CPU. Results are
kept in the results folder, so that an interrupted grid is cut into the same ensembles again and
gives the same numbers to the last bit.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax

from ..config import Run
from ..plan import PlannedRun
from ..protocols import Tree
from ..storage.atomic import write_whole
from . import cost_model, host_memory
from .backends.local import in_threads
from .ensemble import out_of_memory
from .training import branching
from .training.feed import with_first_chunk
from .training.program import Program
from .workspace import Workspace

WIDEST = 4096
ACCELERATOR = (1, 4, 16, 64, 256, 1024)
LADDERS = {"cpu": (1, 2, 4), "gpu": ACCELERATOR, "tpu": ACCELERATOR}
UNMEASURED = {"cpu": 1, "gpu": 64, "tpu": 64}
TRIAL_SECONDS = 0.5
MEMORY_SHARE = 0.8
WORTH_SECONDS = 60.0  # a program with less work than this is not worth the trial's compiles


class Widths:
    """The widths measured for one results folder, in `folder/.work/widths.json`.

    Anything else that is found in the file is ignored, and measured again; `say` hears of it.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.path = folder / ".work" / "widths.json"
        try:
            found = json.loads(self.path.read_text()) if self.path.exists() else {}
        except (OSError, ValueError):
            found = None
        entries = found if isinstance(found, dict) else {}
        self.known = {
            key: width
            for key, width in entries.items()
            if type(width) is int and 1 <= width <= WIDEST
        }
        if found != self.known:
            say(f"{self.path} holds what is no width: ignored, and measured again")

    def of(self, program: str) -> dict[str, int]:
        """Device -> width of a program."""
        marks = {key: key.partition(" on ") for key in self.known}
        return {mark[2]: self.known[key] for key, mark in marks.items() if mark[0] == program}

    def remember(self, program: str, device: str, width: int) -> None:
        """Keep a measured width."""
        key = f"{program} on {device}"
        if self.known.get(key) != width:
            self.known[key] = width
            write_whole(self.path, json.dumps(self.known, indent=1).encode())


def measure(
    workspace: Workspace, runs: Sequence[PlannedRun], beside: int, say: Callable[[str], None]
) -> int:
    """The width that is fastest for the runs of a program on this process's devices.

    beside: ensembles that will train here in parallel.
    """
    groups = branching.trunk_groups([run.cell.run for run in runs], lambda run: run)
    trunks = [group[-1] for group in groups]
    program = runs[0].program

    def speed(width: int) -> float | None:
        say(f"measuring how fast {width} runs of {program[:8]} train together")
        built = workspace.program(program, trunks[0], width)
        if built.bytes * beside > MEMORY_SHARE * memory():
            return None
        some = [trunks[at % len(trunks)] for at in range(width)]
        data = workspace.arrays(trunks[0], built.placement)
        data = with_first_chunk(trunks[0], built.learner, built.placement.put, data)
        # In parallel, as in training, because workers slow one another down.
        total = 0.0
        for _, found in in_threads(
            lambda _: steps_per_second(built, data, some), range(beside), beside
        ):
            if isinstance(found, BaseException):
                raise found
            total += found
        return total

    seconds = cost_model.seconds(cost_model.work(runs)) / beside
    share = max(1, math.ceil(len(trunks) / beside))
    return best_width(speed, share, seconds)


def best_width(speed: Callable[[int], float | None], most: int, seconds: float) -> int:
    """The width with the most steps per second, among those that fit into memory.

    speed: width -> steps per second summed over runs, or None if memory runs out. most: runs per
    worker. seconds: the estimated time of training them; if it is short, nothing is measured.
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


def steps_per_second(program: Program, data: Tree, runs: Sequence[Run]) -> float:
    """Steps per second, summed over the ensemble's runs, in a short trial."""
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


def memory() -> int:
    """Bytes of memory of one device; for a CPU, what this process may use."""
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return limit or host_memory.limit()


def _rounded(width: int, devices: int) -> int:
    """The next width that all devices share evenly; a single run can be split by batch."""
    return width if width == 1 else -(-width // devices) * devices
