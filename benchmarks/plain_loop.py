"""Does the engine give the same laws as a plain loop, and in what fraction of the time?

    python benchmarks/plain_loop.py [EXPERIMENT] [-o D=250,1500,10000,50000 ...]

Trains a grid (by default part of e02_mnist_mlp) twice: in a plain loop, run after run and a jitted
step at a time, and by the engine. Both use the experiment's own learner, so the numbers should
agree to rounding. They take turns, one model at a time. Prints seconds, including compilation, and
each claim's parameter with its interval from both.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from scaling_lab import config
from scaling_lab.analysis import tables
from scaling_lab.analysis.claims import parameter
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.cli.grids import cells_of
from scaling_lab.config import Run
from scaling_lab.engine import provenance, runner
from scaling_lab.engine.training import program
from scaling_lab.engine.training.run_result import evaluations
from scaling_lab.storage.records import Store

PART = ("N=1000,4000,15000,60000,200000", "D=250,1000,4000,15000,50000")
PART += ("learning_rate=1.5e-3", "seed=0,1")


def plain(runs: list[Run]) -> pd.DataFrame:
    """Train runs with the same static choices one after another, a jitted step at a time."""
    learner = runs[0].learner.bind(runs[0])
    data, dtypes = program.load(runs[0]), config.traced_dtypes(runs[0])
    init, evaluate = jax.jit(learner.init), jax.jit(learner.evaluate)
    step = jax.jit(learner.step, donate_argnums=0)
    rows = []
    for run in runs:
        numbers = config.traced_values(run)
        traced = {path: dtype(numbers[path]) for path, dtype in dtypes.items()} | {"data": data}
        root = jax.random.key(run.seed)
        first, rest = jax.random.fold_in(root, 0), jax.random.fold_in(root, 1)
        state, seen, watched = init(first, traced), [], set(evaluations(run.steps))
        for at in range(run.steps):
            state, _ = step(state, jax.random.fold_in(rest, at), traced)
            if at + 1 in watched:
                seen.append({k: float(v) for k, v in evaluate(state, traced).items()})
        better = {"min": min, "max": max}[learner.direction]
        best = better(seen, key=lambda row: row[learner.objective])
        rows.append({f"best_{name}": value for name, value in best.items()})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", nargs="?", default="e02_mnist_mlp")
    parser.add_argument("-o", "--override", action="append")
    asked = parser.parse_args()
    found, cells = cells_of(asked.experiment, asked.override or list(PART))
    models: dict[str, list] = {}
    for cell in cells:
        models.setdefault(config.program_key(cell.run), []).append(cell)
    print(f"{provenance.source()['device']}, {provenance.now()}, {len(cells)} runs")
    seconds = {"plain loop": np.zeros(2), "engine": np.zeros(2)}
    looped = []
    with tempfile.TemporaryDirectory() as folder:
        for group in models.values():
            runs = [cell.run for cell in group]
            clock = np.array([time.perf_counter(), time.process_time()])
            losses = plain(runs)
            middle = np.array([time.perf_counter(), time.process_time()])
            runner.run(found, Path(folder), cells=group)
            end = np.array([time.perf_counter(), time.process_time()])
            seconds["plain loop"] += middle - clock
            seconds["engine"] += end - middle
            n = runs[0].learner.cost(runs[0]).parameters
            looped.append(losses.assign(N=n, D=[r.D for r in runs], seed=[r.seed for r in runs]))
            print(f"N = {n}: {middle - clock} and {end - middle} s", flush=True)
        engine = Store(Path(folder) / found.name).runs()
    frames = {"plain loop": pd.concat(looped, ignore_index=True), "engine": engine}
    both = frames["plain loop"].merge(engine, on=["N", "D", "seed"], suffixes=("", "_engine"))
    apart = np.log(both["best_test_loss"] / both["best_test_loss_engine"]).abs()
    print(f"losses differ by {apart.median():.1e} (median), {apart.max():.1e} (most), relative")
    table = Table("method", "wall s", "CPU s", *(claim.name for claim in found.claims))
    for method, frame in frames.items():
        values = []
        for claim in map(vars, found.claims):
            condition = parameter.condition(claim, list(frame.columns))
            points = tables.checked(frame, parameter.columns_of(claim), where=condition)
            at = fit(claim["law"], points).params[claim["parameter"]]
            values.append(f"{at.value:.5f} ({at.low:.3f} to {at.high:.3f})")
        table.add_row(method, *(f"{second:.1f}" for second in seconds[method]), *values)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
