"""A rough estimate of how long runs take on this device, for plans and progress bars.

    seconds = steps x (overhead + FLOP of a step / rate)

The rate is that of a matrix product of the size of small models, measured once a day.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import date
from functools import cache

import jax
import jax.numpy as jnp

from ..counting import StepCost
from ..plan import PlannedRun
from ..storage.remembered import remembered
from . import provenance
from .training import branching

OVERHEAD = {"cpu": 8e-5, "gpu": 1e-4, "tpu": 1e-4}  # s per step, to dispatch its kernels
EFFICIENCY = 0.5  # of a training step against a bare matrix product
EVALUATION = 1.3  # evaluations and set-up on top of the steps


def seconds(work: Iterable[tuple[StepCost, int]]) -> float:
    """Seconds that the `work` of some runs takes, one after another."""
    overhead, flops = OVERHEAD.get(jax.local_devices()[0].platform, 1e-4), rate()
    return EVALUATION * sum(steps * (overhead + cost.total / flops) for cost, steps in work)


@cache
def rate() -> float:
    """FLOP/s of training a small model here, measured once a day and level of load.

    What it depends on is the key under which it is kept in the user's cache: what was measured on a
    busy machine tells nothing of an idle one.
    """
    here = provenance.device(), provenance.versions(), provenance.threads()
    key = (here, os.environ.get("XLA_FLAGS"), f"{date.today()}", _load())
    return float(remembered("rates", key, _measured))


def _load() -> int:
    """The load of the last minute in halves of the cores, four at most."""
    return min(round(2 * os.getloadavg()[0] / (os.cpu_count() or 1)), 4)


def _measured() -> float:
    """The rate, from a matrix product timed for 0.05 s."""
    a = jnp.ones((128, 512), jnp.float32)
    b = jnp.ones((512, 512), jnp.float32)
    multiply = jax.jit(lambda a, b: jax.lax.fori_loop(0, 64, lambda i, a: a @ b * 1e-3, a))
    multiply(a, b).block_until_ready()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < 0.05:
        multiply(a, b).block_until_ready()
        done += 64
    return EFFICIENCY * done * 2 * 128 * 512 * 512 / (time.perf_counter() - began)


def memory_needed(run: PlannedRun, width: int) -> float:
    """Bytes of an ensemble's parameters, gradients, two moments and average, all in float32."""
    arrays = 5 if run.cell.run.recipe.ema_decay else 4
    return 4.0 * arrays * run.cost.parameters * width


def work(runs: Iterable[PlannedRun]) -> list[tuple[StepCost, int]]:
    """The work of training the runs: for each trunk group, the cost of a step and the steps.

    A trunk that several runs share is trained once.
    """
    by_program: dict[str, list[PlannedRun]] = {}
    for run in runs:
        by_program.setdefault(run.program, []).append(run)
    return [
        (group[0].cost, branching.steps_to_train([run.cell.run for run in group]))
        for together in by_program.values()
        for group in branching.trunk_groups(together, lambda run: run.cell.run)
    ]
