"""Training the same grid with the engine and with the alternatives.

    python benchmarks/grid_throughput.py [--model mlp|cnn|transformer] [--runs 64] [--steps 200]
    python benchmarks/grid_throughput.py --widths           # runs a minute against ensemble width

Grid: runs that differ in learning rate and seed; Adam. MLP and CNN: batch 128, MNIST (random images
if MNIST is not available). Transformer: batch 16, 128 tokens of random text each. The methods take
turns, a few runs each, so that drifts in machine speed affect all of them alike; the first turn of
each, which compiles, is reported separately. Prints wall and CPU seconds for the whole grid,
compile time, and the mean final test loss, which must agree. PyTorch needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import itertools
import json
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from peers import Arrays, Method, jax_by_hand, pytorch
from random_tokens import RandomTokens
from rich.console import Console
from rich.table import Table

from scaling_lab import CNN, MLP, Language, Mnist, Recipe, Run, Supervised, Transformer
from scaling_lab.data import Spec, Split, Splits
from scaling_lab.engine import provenance
from scaling_lab.engine.backends import local
from scaling_lab.engine.training import program
from scaling_lab.engine.training.placement import place
from scaling_lab.engine.training.trainer import train
from scaling_lab.registry import register

CONTEXT = 128  # tokens
MODELS = {
    "mlp": MLP(depth=1, width=128),
    "cnn": CNN(channels=8, stages=2, convolutions=1),
    "transformer": Transformer(width=128, depth=4),
}
USUAL = {"mlp": (64, 200, 4), "cnn": (64, 200, 4), "transformer": (8, 10, 2)}
HERE = Path(__file__).parent


@register("data", "bench")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """MNIST with small validation and test splits, so that training dominates the time."""

    spec: ClassVar[Spec] = Mnist.spec
    origin: ClassVar[str] = "MNIST, or random images"
    licence: ClassVar[str] = Mnist.licence

    def load(self) -> Splits:
        return _splits()


@cache
def _splits() -> Splits:
    if Mnist().location():
        found = Mnist().load()
    else:
        rng = np.random.default_rng(0)
        x = rng.integers(0, 256, (52_000, 28, 28), dtype=np.uint8)
        y = (x[:, :2].reshape(len(x), -1).sum(1) % 10).astype(np.int32)
        parts = [slice(0, 50_000), slice(50_000, 51_000), slice(51_000, 52_000)]
        found = Splits(*(Split(x[at], y[at]) for at in parts))
    few = [
        Split(split.x[:count], split.y[:count])
        for split, count in zip(found[1:], (100, 200), strict=True)
    ]
    return Splits(found.train, *few)


def arrays(run: Run) -> Arrays:
    """The data of all methods; the engine loads the same."""
    if isinstance(run.learner, Supervised):
        splits = _splits()
        return Arrays(*splits.train, *splits.test)
    data = run.learner.bind(run).data()
    train, test = data["train"], data["test"]["blocks"].reshape(-1, CONTEXT + 1)
    return Arrays(train[:, :-1], train[:, 1:], test[:, :-1], test[:, 1:])


def grid(model: object, runs: int, steps: int) -> list[Run]:
    """Runs with the same static choices."""
    text = isinstance(model, Transformer)
    recipe = Recipe(optimizer="adam", schedule="constant", batch_size=16 if text else 128)
    base = Run(
        learner=Language(context=CONTEXT, evaluation_tokens=2_048) if text else Supervised(),
        data=RandomTokens() if text else Bench(),
        model=model,
        recipe=recipe,
        D=200_000 if text else 50_000,
        steps=steps,
    )
    rates = [3e-4, 1e-3, 2e-3, 3e-3]
    return [
        dataclasses.replace(
            base, seed=at // 4, recipe=dataclasses.replace(recipe, learning_rate=rates[at % 4])
        )
        for at in range(runs)
    ]


def methods(run: Run, turn: int) -> dict[str, Method]:
    """Name -> method, for the installed libraries. turn: runs in a turn."""
    found = {}
    try:
        import torch

        found |= pytorch(torch, run, arrays(run))
    except ImportError:
        print(
            "PyTorch is not installed (pip install 'scaling-lab[bench]'); its methods are skipped"
        )
    return found | jax_by_hand(run, arrays(run)) | _engine_methods(run, turn) | _floor(run)


def _floor(run: Run) -> dict[str, Method]:
    """A lower bound: the grid's matrix products alone, with as many workers as the engine has.

    For each layer, the forward product and the gradient of the weights; for all but the first, the
    gradient of the inputs.
    """
    model = run.model
    if not isinstance(model, MLP):
        return {}
    widths = [784, *[model.width] * model.depth, 10]
    layers = list(itertools.pairwise(widths))
    key = jax.random.key(0)
    weights = [jax.random.normal(key, shape) / shape[0] for shape in layers]
    x = jax.random.normal(key, (run.recipe.batch_size, 784))

    @jax.jit
    def products(weights, x, steps):
        def body(_, weights):
            hidden = [x]
            for w in weights:
                hidden.append(hidden[-1] @ w)
            back, new = hidden[-1], []
            for at in reversed(range(len(weights))):
                new.append(1e-6 * (hidden[at].T @ back))
                back = back @ weights[at].T if at else back
            return new[::-1]

        return jax.lax.fori_loop(0, steps, body, weights)

    def method(runs: Sequence[Run]) -> list[float]:
        def one(_):
            return jax.block_until_ready(products(weights, x, runs[0].steps))

        workers = local.cores() if jax.local_devices()[0].platform == "cpu" else 1
        for _, found in local.in_threads(one, range(len(runs)), workers):
            if isinstance(found, BaseException):
                raise found
        return [float("nan")]

    return {"floor: the matrix products alone": method}


def _engine_methods(run: Run, turn: int) -> dict[str, Method]:
    programs = {}

    def engine(width: int, workers: int) -> Callable[[Sequence[Run]], list[float]]:
        def method(runs: Sequence[Run]) -> list[float]:
            if width not in programs:
                where = place(run, width)
                data = program.load(run, where)
                programs[width] = program.build(run, width, data, where), data
            built, data = programs[width]
            groups = [runs[at : at + width] for at in range(0, len(runs), width)]
            losses = {}
            for at, found in local.in_threads(
                lambda at: train(built, data, groups[at]), range(len(groups)), workers
            ):
                if isinstance(found, BaseException):
                    raise found
                losses[at] = [outcome.curve[-1]["test_loss"] for outcome in found]
            return [loss for at in range(len(groups)) for loss in losses[at]]

        return method

    if jax.local_devices()[0].platform == "cpu":
        cores = local.cores()
        wide = max(1, min(4, turn // cores))
        return {
            "engine, width 1, one worker": engine(1, 1),
            f"engine, width 1, {cores} workers": engine(1, cores),
            f"engine, width {wide}, {cores} workers": engine(wide, cores),
        }
    return {f"engine, width {width}": engine(width, 1) for width in (64, 512)}


def race(model: str, runs: int, steps: int, rounds: int) -> list[dict]:
    """Time the methods in turns; one row for each."""
    every = grid(MODELS[model], runs, steps)
    size = runs // rounds
    found = methods(every[0], size)
    rows = {name: {"method": name, "wall": 0.0, "cpu": 0.0, "losses": []} for name in found}
    for name, method in found.items():
        rows[name]["first"] = _timed(method, every[:size])[1]
    for turn in range(rounds):
        for name, method in found.items():
            losses, wall, cpu = _timed(method, every[turn * size : (turn + 1) * size])
            rows[name]["wall"] += wall
            rows[name]["cpu"] += cpu
            rows[name]["losses"] += losses
    for row in rows.values():
        row["compile"] = max(0.0, row.pop("first") - row["wall"] / rounds)
        row["loss"] = float(np.mean(row.pop("losses")))
    return list(rows.values())


def _timed(method: Callable, runs: Sequence[Run]) -> tuple[list[float], float, float]:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    losses = method(runs)
    return losses, time.perf_counter() - wall, time.process_time() - cpu


def widths(model: str, steps: int, rungs: Sequence[int]) -> list[dict]:
    """Runs a minute and FLOP/s of the engine against ensemble width, until it saturates."""
    rows, peak = [], _matmul_peak()
    run = grid(MODELS[model], 1, steps)[0]
    for width in rungs:
        runs = grid(MODELS[model], width, steps)
        where = place(run, width)
        data = program.load(run, where)
        built = program.build(run, width, data, where)
        train(built, data, runs)
        _, wall, _ = _timed(partial(train, built, data), runs)
        flops = run.learner.cost(run).total * steps * width / wall
        rows.append({"width": width, "runs a minute": 60 * width / wall, "share": flops / peak})
        print(
            f"width {width:5}: {rows[-1]['runs a minute']:10.1f} runs a minute, "
            f"{rows[-1]['share']:.1%} of the matmul peak {peak:.2e} FLOP/s",
            flush=True,
        )
        if len(rows) > 2 and rows[-1]["runs a minute"] < 1.05 * rows[-3]["runs a minute"]:
            break  # two wider ones have gained little
    return rows


def _matmul_peak() -> float:
    """FLOP/s of a large float32 matrix product on this device."""
    size = 2048 if jax.local_devices()[0].platform == "cpu" else 8192
    a = jnp.ones((size, size), jnp.float32)
    multiply = jax.jit(lambda a: a @ a)
    multiply(a).block_until_ready()
    best = min(_timed(lambda _: multiply(a).block_until_ready(), [])[1] for _ in range(5))
    return 2 * size**3 / best


def show(rows: list[dict], title: str, name: str) -> None:
    """A table on the screen and a bar chart beside this file."""
    from scaling_lab.analysis import style

    slowest = rows[0]
    table = Table(
        "method", "wall s", "CPU s", "compile s", "test loss", "speed, CPU", "wall", title=title
    )
    for row in rows:
        table.add_row(
            row["method"],
            *(f"{row[key]:.2f}" for key in ("wall", "cpu", "compile")),
            f"{row['loss']:.4f}" if np.isfinite(row["loss"]) else "-",
            f"{slowest['cpu'] / row['cpu']:.2f}x",
            f"{slowest['wall'] / row['wall']:.2f}x",
        )
    Console(width=110).print(table)
    with style.theme():
        figure = style.figure(width=style.COLUMN * 1.6, height=0.28 * len(rows) + 0.7)
        axes = figure.subplots()
        names = [row["method"] for row in rows][::-1]
        axes.barh(names, [row["wall"] for row in rows][::-1], color="#4477aa", label="wall")
        axes.barh(
            names,
            [row["compile"] for row in rows][::-1],
            left=[row["wall"] for row in rows][::-1],
            color="#cccccc",
            label="compile, once",
        )
        axes.set(xlabel=f"seconds for {title}")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    style.save(figure, HERE, f"grid_throughput_{name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", choices=sorted(MODELS), default="mlp")
    parser.add_argument("--runs", type=int, help="default 64; 8 Transformers")
    parser.add_argument("--steps", type=int, help="default 200; 10 of a Transformer")
    parser.add_argument("--rounds", type=int, help="turns, each of runs / rounds; default 4 or 2")
    parser.add_argument("--widths", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    runs, steps, rounds = USUAL[asked.model]
    asked.runs, asked.steps = asked.runs or runs, asked.steps or steps
    asked.rounds = asked.rounds or rounds
    if asked.runs % asked.rounds:
        parser.error(f"--runs {asked.runs} is not a multiple of --rounds {asked.rounds}")
    print(f"{provenance.source()['device']}, {provenance.now()}, {provenance.versions()}")
    if asked.widths:
        on_cpu = jax.local_devices()[0].platform == "cpu"
        rows = widths(asked.model, asked.steps, [1 << at for at in range(5 if on_cpu else 12)])
    else:
        rows = race(asked.model, asked.runs, asked.steps, asked.rounds)
        show(rows, f"{asked.runs} {asked.model.upper()}s, {asked.steps} steps", asked.model)
    if asked.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
