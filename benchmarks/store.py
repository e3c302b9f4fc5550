"""Everything but training: plans and tables of many runs, and the engine's overhead on short ones.

    python benchmarks/store.py                 # plan and status of 10,000 runs, 100,000 rows
    python benchmarks/store.py --overhead 500  # overhead on 500 runs of about a second

Commands are timed as whole processes: wall seconds, and CPU seconds, which a busy machine hardly
changes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

EXPERIMENT = '''"""A grid of {runs} runs.

Question: How long does it take to plan?
Prediction: Under two seconds.
Cost: None, it is not run.
Command: scaling-lab plan many
"""
from scaling_lab import MLP, Digits, Recipe, Run, Supervised, axis, product

base = Run(learner=Supervised(), data=Digits(), model=MLP(), recipe=Recipe(), steps={steps})
grid = product(
    axis("N", {sizes}),
    axis("D", [50, 100, 200, 400, 1_000]),
    axis("learning_rate", [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]),
    axis("seed", range({seeds})),
)
'''
SIZES = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000]


class Seconds(NamedTuple):
    """Wall and CPU seconds; only the first is known of threads that train."""

    wall: float
    cpu: float | None = None


def timed(*words: str, cwd: Path) -> Seconds:
    """Seconds of a process."""
    began, before = time.perf_counter(), os.times()
    subprocess.run(words, cwd=cwd, check=True, capture_output=True)
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Seconds(time.perf_counter() - began, cpu)


def fill(folder: Path, copies: int) -> int:
    """Record every run as done, in `copies` copies of other names; returns the number of rows."""
    from scaling_lab import config, experiment, plan
    from scaling_lab.engine.rows import identity
    from scaling_lab.storage.records import Store

    os.chdir(folder)
    found = experiment.load("many")
    store = Store(folder / "results" / "many")
    made = plan.make("many", found.cells, store)
    rows = []
    for run in made.runs:
        row = identity("many", run) | {"status": "done", "best_test_loss": 0.1}
        rows += [row] + [row | {"run": f"{row['run']}/copy={i}"} for i in range(1, copies)]
    assert rows[0]["config"] == json.dumps(config.to_dict(made.runs[0].cell.run))
    keys = [{name: row[name] for name in ("experiment", "run", "fingerprint")} for row in rows]
    for at in range(0, len(rows), 500):
        curves = [key | {"step": 2**i, "C": 1.0} for key in keys[at : at + 500] for i in range(10)]
        store.append(rows[at : at + 500], curves)
    began = time.perf_counter()
    store.compact()
    print(f"compaction of {len(rows) // 500} parts: {time.perf_counter() - began:.2f} s")
    return len(rows)


def tables() -> list[tuple[str, Seconds]]:
    """Seconds of plan, status and loading a table."""
    lines = []
    python = (sys.executable, "-m", "scaling_lab")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "experiments").mkdir()
        text = EXPERIMENT.format(runs=10_000, steps=1_000, sizes=SIZES, seeds=50)
        (folder / "experiments" / "many.py").write_text(text)
        lines.append(("scaling-lab --help", timed(*python, "--help", cwd=folder)))
        lines.append(
            (
                "import jax, flax and optax alone",
                timed(
                    sys.executable, "-c", "import jax, flax.linen, optax; jax.devices()", cwd=folder
                ),
            )
        )
        lines.append(
            ("status of 10,000 runs, never planned", timed(*python, "status", "many", cwd=folder))
        )
        timed(*python, "plan", "many", cwd=folder)  # counts costs, if no plan here has before
        lines.append(("plan of 10,000 runs, none done", timed(*python, "plan", "many", cwd=folder)))
        fill(folder, 1)
        lines.append(("plan of 10,000 runs, all done", timed(*python, "plan", "many", cwd=folder)))
        lines.append(
            ("status of 10,000 runs, after a plan", timed(*python, "status", "many", cwd=folder))
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "experiments").mkdir()
        (folder / "experiments" / "many.py").write_text(text)
        rows = fill(folder, 10)
        from scaling_lab.storage.records import Store

        for when in ("first", "again"):
            began, used = time.perf_counter(), time.process_time()
            frame = Store(folder / "results" / "many").runs()
            assert len(frame) == rows
            seconds = Seconds(time.perf_counter() - began, time.process_time() - used)
            lines.append((f"loading a run table of {rows:,}, {when}", seconds))
    return lines


def overhead(count: int) -> list[tuple[str, Seconds]]:
    """Seconds of training short runs bare and as an experiment, and the difference as a share."""
    from scaling_lab import MLP, Digits, Recipe, Run, Supervised, axis, product
    from scaling_lab.engine import compilation_cache, runner
    from scaling_lab.engine.backends import local
    from scaling_lab.engine.training import program
    from scaling_lab.engine.training.trainer import train
    from scaling_lab.experiment import HEADINGS, Experiment

    recipe = Recipe(batch_size=128)
    base = Run(learner=Supervised(), data=Digits(), model=MLP(width=128), recipe=recipe, D=1_000)
    base = dataclasses.replace(base, steps=5_000)
    text = dict.fromkeys([heading.lower() for heading in HEADINGS], "none") | {"title": "overhead"}
    grid = product(
        axis("learning_rate", [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]), axis("seed", range(count // 5))
    )
    found = Experiment(name="overhead", file=Path(), text=text, base=base, grid=grid)
    workers = local.cores()
    compilation_cache.keep()
    data = program.load(base)
    built = program.build(base, 1, data)
    runs = [cell.run for cell in found.cells]
    train(built, data, runs[:1])
    turns: dict[str, float] = {"training alone": 0.0, "as an experiment": 0.0}
    with tempfile.TemporaryDirectory() as name:
        size = count // 5
        for turn in range(5):
            began = time.perf_counter()
            part = runs[size * turn : size * (turn + 1)]
            for _, result in local.in_threads(lambda run: train(built, data, [run]), part, workers):
                assert not isinstance(result, BaseException)
            turns["training alone"] += time.perf_counter() - began
            began = time.perf_counter()
            cells = found.cells[size * turn : size * (turn + 1)]
            runner.run(found, Path(name), cells=cells, width=1)
            turns["as an experiment"] += time.perf_counter() - began
    share = turns["as an experiment"] / turns["training alone"] - 1
    alone = turns["training alone"] / len(runs) * workers
    lines = [*turns.items(), ("training alone, a run", alone)]
    lines.append(("overhead, as a share of training", share))
    return [(what, Seconds(value)) for what, value in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--overhead", type=int, metavar="RUNS", default=0)
    asked = parser.parse_args()
    table = Table("what", "wall s (or share)", "CPU s")
    for what, (wall, cpu) in overhead(asked.overhead) if asked.overhead else tables():
        table.add_row(what, f"{wall:.3f}", "" if cpu is None else f"{cpu:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
