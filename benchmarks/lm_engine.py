"""Language models trained by the engine, for benchmarks: runs, their FLOP, and timing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from random_tokens import RandomTokens

from scaling_lab import Language, Recipe, Run, Transformer
from scaling_lab.engine.training import program
from scaling_lab.engine.training.placement import alone


class Progress:
    """Prints each next step with the time spent and an estimate of the time left."""

    def __init__(self, total: int):
        self.total, self.done, self.began = total, 0, time.perf_counter()

    def next(self, what: str) -> None:
        spent = time.perf_counter() - self.began
        rest = f"about {spent / self.done * (self.total - self.done):.0f} s" if self.done else "?"
        self.done += 1
        print(f"[{self.done}/{self.total}, {spent:.0f} s, {rest} left] {what}", flush=True)


class Engine:
    """An ensemble of runs that differ only in seed, trained by the engine's own program."""

    name = "engine"

    def __init__(self, run: Run, width: int = 1):
        where = alone()
        self.data = program.load(run, where)
        self.built = program.build(run, width, self.data, where)
        self.traced = self.built.stack([replace(run, seed=seed) for seed in range(width)])
        self.done = 0
        self.carry, _ = self._advance(self.built.begin(), fresh=True)

    def _advance(self, carry: Any, fresh: bool = False) -> Any:
        carry, row = self.built.advance(
            carry, self.traced, self.data, self.done, fresh=fresh, evaluating=False
        )
        return carry, jax.block_until_ready(row)

    def params(self) -> Any:
        """Parameters of the first run, on the host."""
        params = self.built.learner.params(self.carry.state)
        return jax.tree.map(lambda leaf: np.asarray(leaf[0]), params)

    def take(self, steps: int) -> float:
        """Take steps; returns the first run's mean loss over them."""
        before = float(self.carry.loss[0][0])
        self.done += steps
        self.carry, row = self._advance(self.carry)
        return (float(row.loss[0][0]) - before) / steps


def run_of(model: Transformer, vocabulary: int, context: int, batch: int, precision: str) -> Run:
    data = RandomTokens(vocabulary=vocabulary, length=max(262_144, 64 * context))
    recipe = Recipe(
        schedule="constant", batch_size=batch, weight_decay=0.1, second=0.95, precision=precision
    )
    learner = Language(context=context, evaluation_tokens=2 * context)
    return Run(
        learner=learner, data=data, model=model, recipe=recipe, D=data.length // 2, steps=10**6
    )


def flops(run: Run) -> tuple[float, float]:
    """FLOP of a step, counting all of the attention matrix and its causal half."""
    parts = run.learner.cost(run).flops
    return sum(parts.values()), sum(parts.values()) - parts["attention"] / 2


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def load() -> str:
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())
