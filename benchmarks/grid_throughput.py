"""The same grid, trained by what a user would use instead and by the engine, in one run.

    python benchmarks/grid_throughput.py [--model mlp|cnn|transformer] [--runs 64] [--steps 200]
    python benchmarks/grid_throughput.py --widths           # runs a minute against ensemble width

Grid: runs that differ in learning rate and seed; Adam. MLP and CNN: batch 128, MNIST (random images
where MNIST is not here). Transformer: batch 16, 128 tokens of random text each. The ways take
turns, a few runs each, so that a drift of the machine's speed falls on all of them; the first turn
of each, with its compiles, is counted apart. Printed: wall and CPU seconds for the whole grid,
compile apart, and the mean final test loss, which must agree.
PyTorch's ways need the extra `bench`.
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
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from random_tokens import RandomTokens
from rich.console import Console
from rich.table import Table

from scaling_lab import (
    CNN,
    MLP,
    Language,
    Mnist,
    Recipe,
    Run,
    Supervised,
    Transformer,
    program,
    provenance,
)
from scaling_lab.backends import local
from scaling_lab.data import Spec, Split, Splits
from scaling_lab.placement import place
from scaling_lab.registry import register
from scaling_lab.trainer import train

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
    """MNIST's training images with small validation and test splits, so that steps are timed."""

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
        dice = np.random.default_rng(0)
        x = dice.integers(0, 256, (52_000, 28, 28), dtype=np.uint8)
        y = (x[:, :2].reshape(len(x), -1).sum(1) % 10).astype(np.int32)
        parts = [slice(0, 50_000), slice(50_000, 51_000), slice(51_000, 52_000)]
        found = Splits(*(Split(x[at], y[at]) for at in parts))
    few = [
        Split(split.x[:count], split.y[:count])
        for split, count in zip(found[1:], (100, 200), strict=True)
    ]
    return Splits(found.train, *few)


class Arrays(NamedTuple):
    """Inputs and targets on the host: images and classes, or ids and those one place later."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def arrays(run: Run) -> Arrays:
    """What the ways train and test on; the engine loads the same."""
    if isinstance(run.learner, Supervised):
        splits = _splits()
        return Arrays(*splits.train, *splits.test)
    data = run.learner.bind(run).data()
    train, test = data["train"], data["test"]["blocks"].reshape(-1, CONTEXT + 1)
    return Arrays(train[:, :-1], train[:, 1:], test[:, :-1], test[:, 1:])


def grid(model: object, runs: int, steps: int) -> list[Run]:
    """Runs of one static choice."""
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


# Each way is a function of runs of one static choice that gives their final test losses. --------


def ways(run: Run, turn: int) -> dict[str, Callable[[Sequence[Run]], list[float]]]:
    """Name -> way, those whose libraries are here. A turn has so many runs."""
    found = {}
    try:
        import torch

        found |= _torch_ways(torch, run)
    except ImportError:
        print("PyTorch is not here (pip install 'scaling-lab[bench]'); its ways are left out")
    return found | _jax_ways(run) | _engine_ways(run, turn) | _floor(run)


def _floor(run: Run) -> dict[str, Callable]:
    """The grid's matrix products and nothing else, as many side by side as the engine has workers.

    What no float32 program built on these products can beat: forward, and backward with respect
    to the weights, of each layer, and with respect to the inputs of all but the first.
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

    def way(runs: Sequence[Run]) -> list[float]:
        def one(_):
            return jax.block_until_ready(products(weights, x, runs[0].steps))

        workers = local.workers() if jax.local_devices()[0].platform == "cpu" else 1
        for _, found in local.run(one, range(len(runs)), workers):
            if isinstance(found, BaseException):
                raise found
        return [float("nan")]

    return {"floor: the matrix products alone": way}


def _torch_ways(torch, run) -> dict[str, Callable]:
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, spec, batch = run.model, run.learner.spec(run), run.recipe.batch_size

    def put(x):
        """Ids and classes as they are, images normalised and with their one channel."""
        if np.issubdtype(x.dtype, np.integer) and x.ndim < 3:
            return torch.tensor(x.astype(np.int64), device=device)
        return torch.tensor((x.astype(np.float32) - spec.mean) / spec.std, device=device)[:, None]

    x, y, test_x, test_y = map(put, arrays(run))

    def network():
        """The same architecture, initialised as Flax does: LeCun normal, biases zero."""
        if isinstance(model, Transformer):
            from torch_transformer import Network

            return Network(model, spec.outputs, CONTEXT).to(device)
        net = plain()
        for layer in net:
            if hasattr(layer, "weight"):
                fan_in = layer.weight[0].numel()
                torch.nn.init.trunc_normal_(layer.weight, std=1.0, a=-2.0, b=2.0)
                layer.weight.data.mul_(fan_in**-0.5 / 0.87962566)
                torch.nn.init.zeros_(layer.bias)
        return net

    def plain():
        if isinstance(model, MLP):
            layers = [torch.nn.Flatten(), torch.nn.Linear(784, model.width), torch.nn.ReLU()]
            return torch.nn.Sequential(*layers, torch.nn.Linear(model.width, 10)).to(device)
        c = model.channels
        return torch.nn.Sequential(
            *(torch.nn.Conv2d(1, c, 3, padding=1), torch.nn.ReLU(), torch.nn.AvgPool2d(2)),
            *(torch.nn.Conv2d(c, 2 * c, 3, padding=1), torch.nn.ReLU()),
            *(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2 * c, 10)),
        ).to(device)

    def loss_of(out, y):
        return torch.nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))

    def one(run: Run, compiled: bool) -> float:
        torch.manual_seed(run.seed)
        net = network()
        optimizer = torch.optim.Adam(net.parameters(), lr=run.recipe.learning_rate)
        forward = _compiled(net) if compiled else net
        order = torch.randperm(len(x), device=device)
        for step in range(run.steps):
            index = order[step * batch % (len(x) - batch) :][:batch]
            optimizer.zero_grad(set_to_none=True)
            loss_of(forward(x[index]), y[index]).backward()
            optimizer.step()
        with torch.no_grad():
            return float(loss_of(net(test_x), test_y))

    def _compiled(net):
        return torch.compile(net)

    def eager(runs):
        return [one(run, False) for run in runs]

    def compiled(runs):
        return [one(run, True) for run in runs]

    def mapped(runs):
        torch.manual_seed(runs[0].seed)
        nets = [network() for _ in runs]
        params, buffers = stack_module_state(nets)
        shell = network()
        rates = torch.tensor([run.recipe.learning_rate for run in runs], device=device)
        params = {name: value.detach() for name, value in params.items()}
        first = {name: torch.zeros_like(value) for name, value in params.items()}
        second = {name: torch.zeros_like(value) for name, value in params.items()}

        def loss(params, buffers, x, y):
            return loss_of(functional_call(shell, (params, buffers), (x,)), y)

        step_all = vmap(grad_and_value(loss), in_dims=(0, 0, 0, 0))
        orders = torch.stack([torch.randperm(len(x), device=device) for _ in runs])
        for step in range(runs[0].steps):
            index = orders[:, step * batch % (len(x) - batch) :][:, :batch]
            slopes, _ = step_all(params, buffers, x[index], y[index])
            for name, slope in slopes.items():
                first[name].mul_(0.9).add_(slope, alpha=0.1)
                second[name].mul_(0.999).addcmul_(slope, slope, value=0.001)
                m = first[name] / (1 - 0.9 ** (step + 1))
                v = second[name] / (1 - 0.999 ** (step + 1))
                shape = (-1, *([1] * (slope.dim() - 1)))
                params[name] = params[name] - rates.view(shape) * m / (v.sqrt() + 1e-8)
        with torch.no_grad():
            judge = vmap(loss, in_dims=(0, 0, None, None))
            return judge(params, buffers, test_x, test_y).tolist()

    return {
        "PyTorch eager, one by one": eager,
        "PyTorch torch.compile": compiled,
        "PyTorch torch.func.vmap": mapped,
    }


def _jax_ways(run: Run) -> dict[str, Callable]:
    """What one would write by hand: a jitted step, and a scan over all steps."""
    spec, text = run.learner.spec(run), isinstance(run.learner, Language)
    network = run.model.network(spec.outputs)
    x, y, test_x, test_y = jax.device_put(tuple(arrays(run)))

    def entered(x):
        return x.astype(jnp.int32) if text else (x.astype(jnp.float32) - spec.mean) / spec.std

    def loss(params, x, y):
        out = network.apply({"params": params}, entered(x))
        y = y.astype(jnp.int32)
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

    def init(key):
        params = network.init(key, entered(x[:1]))["params"]
        return params, optax.adam(1e-3).init(params)

    def step(params, state, rate, index):
        slope = jax.grad(loss)(params, x[index], y[index])
        updates, state = optax.adam(rate).update(slope, state, params)
        return optax.apply_updates(params, updates), state

    def whole(key, rate, indices):
        def body(carry, index):
            return step(*carry, rate, index), None

        (params, _), _ = jax.lax.scan(body, init(key), indices)
        return loss(params, test_x, test_y)

    jit_init, jit_step = jax.jit(init), jax.jit(step, donate_argnums=(0, 1))
    jit_whole, jit_loss = jax.jit(whole), jax.jit(loss)
    mapped = jax.jit(jax.vmap(whole))

    def indices(run):
        order = np.random.default_rng(run.seed).permutation(len(x)).astype(np.int32)
        return np.resize(order, (run.steps, run.recipe.batch_size))

    def stepwise(runs):
        losses = []
        for run in runs:
            params, state = jit_init(jax.random.key(run.seed))
            for index in indices(run):
                params, state = jit_step(params, state, run.recipe.learning_rate, index)
            losses.append(float(jit_loss(params, test_x, test_y)))
        return losses

    def scanned(runs):
        losses = []
        for run in runs:
            key = jax.random.key(run.seed)
            losses.append(float(jit_whole(key, run.recipe.learning_rate, indices(run))))
        return losses

    def together(runs):
        keys = jnp.stack([jax.random.key(run.seed) for run in runs])
        rates = jnp.array([run.recipe.learning_rate for run in runs])
        return mapped(keys, rates, np.stack([indices(run) for run in runs])).tolist()

    return {
        "JAX, a step at a time": stepwise,
        "JAX, scan": scanned,
        "JAX, vmap of scan": together,
    }


def _engine_ways(run: Run, turn: int) -> dict[str, Callable]:
    programs = {}

    def engine(width: int, workers: int) -> Callable[[Sequence[Run]], list[float]]:
        def way(runs: Sequence[Run]) -> list[float]:
            if width not in programs:
                where = place(run, width)
                data = program.load(run, where)
                programs[width] = program.build(run, width, data, where), data
            built, data = programs[width]
            groups = [runs[at : at + width] for at in range(0, len(runs), width)]
            losses = {}
            for at, found in local.run(
                lambda at: train(built, data, groups[at]), range(len(groups)), workers
            ):
                if isinstance(found, BaseException):
                    raise found
                losses[at] = [outcome.curve[-1]["test_loss"] for outcome in found]
            return [loss for at in range(len(groups)) for loss in losses[at]]

        return way

    if jax.local_devices()[0].platform == "cpu":
        cores = local.workers()
        wide = max(1, min(4, turn // cores))
        return {
            "engine, width 1, one worker": engine(1, 1),
            f"engine, width 1, {cores} workers": engine(1, cores),
            f"engine, width {wide}, {cores} workers": engine(wide, cores),
        }
    return {f"engine, width {width}": engine(width, 1) for width in (64, 512)}


def race(model: str, runs: int, steps: int, rounds: int) -> list[dict]:
    """Let the ways take turns; one row for each."""
    every = grid(MODELS[model], runs, steps)
    size = runs // rounds
    found = ways(every[0], size)
    rows = {name: {"way": name, "wall": 0.0, "cpu": 0.0, "losses": []} for name in found}
    for name, way in found.items():
        rows[name]["first"] = _timed(way, every[:size])[1]
    for turn in range(rounds):
        for name, way in found.items():
            losses, wall, cpu = _timed(way, every[turn * size : (turn + 1) * size])
            rows[name]["wall"] += wall
            rows[name]["cpu"] += cpu
            rows[name]["losses"] += losses
    for row in rows.values():
        row["compile"] = max(0.0, row.pop("first") - row["wall"] / rounds)
        row["loss"] = float(np.mean(row.pop("losses")))
    return list(rows.values())


def _timed(way: Callable, runs: Sequence[Run]) -> tuple[list[float], float, float]:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    losses = way(runs)
    return losses, time.perf_counter() - wall, time.process_time() - cpu


def widths(model: str, steps: int) -> list[dict]:
    """Runs a minute and FLOP/s of the engine against ensemble width, until it saturates."""
    rows, peak = [], _matmul_peak()
    run = grid(MODELS[model], 1, steps)[0]
    for width in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048):
        if jax.local_devices()[0].platform == "cpu" and width > 16:
            break
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
    from analysis import style

    slowest = rows[0]
    table = Table(
        "way", "wall s", "CPU s", "compile s", "test loss", "speed, CPU", "wall", title=title
    )
    for row in rows:
        table.add_row(
            row["way"],
            *(f"{row[key]:.2f}" for key in ("wall", "cpu", "compile")),
            f"{row['loss']:.4f}" if np.isfinite(row["loss"]) else "-",
            f"{slowest['cpu'] / row['cpu']:.2f}x",
            f"{slowest['wall'] / row['wall']:.2f}x",
        )
    Console(width=110).print(table)
    with style.theme():
        figure = style.figure(width=style.COLUMN * 1.6, height=0.28 * len(rows) + 0.7)
        axes = figure.subplots()
        names = [row["way"] for row in rows][::-1]
        axes.barh(names, [row["wall"] for row in rows][::-1], color="#4477aa", label="wall")
        axes.barh(
            names,
            [row["compile"] for row in rows][::-1],
            left=[row["wall"] for row in rows][::-1],
            color="#cccccc",
            label="compile, once",
        )
        axes.set(xlabel=f"seconds for {title}")
        axes.legend(loc="lower right", frameon=False)
    style.save(figure, HERE, f"grid_throughput_{name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
        parser.error(f"--runs {asked.runs} is no multiple of --rounds {asked.rounds}")
    print(f"{provenance.source()['device']}, {provenance.now()}, {provenance.versions()}")
    if asked.widths:
        rows = widths(asked.model, asked.steps)
    else:
        rows = race(asked.model, asked.runs, asked.steps, asked.rounds)
        show(rows, f"{asked.runs} {asked.model.upper()}s, {asked.steps} steps", asked.model)
    if asked.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
