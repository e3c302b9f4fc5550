"""Does memory grow with the number of runs that one process trains?

    python benchmarks/memory.py [--runs 2000] [--calls 1]

Trains tiny runs as an experiment in some calls of `run`, each into a results folder of its own and
with other static choices, and prints the resident memory after each tenth. The last line compares
the end with the time when a tenth was trained.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import tempfile
import time
from pathlib import Path

from scaling_lab import MLP, Digits, Recipe, Run, Supervised, axis, product
from scaling_lab.engine import runner
from scaling_lab.experiment import HEADINGS, Experiment


def resident() -> float:
    """Resident memory of this process, MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def experiment(call: int, runs: int) -> Experiment:
    """Runs that differ in their seed; the batch size is the call's."""
    recipe = Recipe(batch_size=32 + call)
    base = Run(learner=Supervised(), data=Digits(), model=MLP(width=8), recipe=recipe, D=200)
    base = dataclasses.replace(base, steps=40)
    text = dict.fromkeys([heading.lower() for heading in HEADINGS], "none") | {"title": "memory"}
    grid = product(axis("seed", range(runs)))
    return Experiment(name=f"memory_{call}", file=Path(), text=text, base=base, grid=grid)


class Watch(runner.Listener):
    """Notes the resident memory after every so many runs."""

    def __init__(self, every: int) -> None:
        self.every, self.done = every, 0
        self.rows: list[tuple[int, float]] = []

    def ended(self, run, status, reason) -> None:
        assert status == "done", reason
        self.done += 1
        if self.done % self.every == 0:
            self.rows.append((self.done, resident()))
            print(f"{self.done:6} runs: {self.rows[-1][1]:.1f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--calls", type=int, default=1)
    asked = parser.parse_args()
    watch, began = Watch(max(1, asked.runs // 10)), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for call in range(asked.calls):
            found = experiment(call, asked.runs // asked.calls)
            runner.run(found, Path(folder), width=1, listener=watch)
    (_, first), (runs, last) = watch.rows[0], watch.rows[-1]
    took = time.perf_counter() - began
    print(f"{last / first - 1:+.1%} from {watch.every} to {runs} runs, in {took:.0f} s")


if __name__ == "__main__":
    main()
