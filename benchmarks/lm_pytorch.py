"""Small Transformers trained in PyTorch and by the engine, in turns, for `lm_throughput`.

Both start from the same parameters and use the same minibatches, and their losses must agree.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from lm_engine import Engine, Progress, flops, load, run_of, timed
from rich.console import Console
from rich.table import Table

from scaling_lab import Run, Transformer
from scaling_lab.shuffle import minibatch

SMALL = {"64 x 2": Transformer(width=64, depth=2), "128 x 4": Transformer(width=128, depth=4)}


class Torch:
    """The same network and minibatches in PyTorch, with fused AdamW."""

    def __init__(self, run: Run, params: Any, compiled: bool):
        import torch
        import torch_transformer

        self.name = "PyTorch torch.compile" if compiled else "PyTorch eager"
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        network = torch_transformer.Network(
            run.model, run.data.spec.outputs, run.learner.context
        ).to(self.device)
        torch_transformer.load(network, params)
        found = sum(parameter.numel() for parameter in network.parameters())
        assert found == run.learner.cost(run).parameters, "parameter counts differ"
        recipe = run.recipe
        self.optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=recipe.learning_rate,
            betas=(recipe.momentum, recipe.second),
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.forward = torch.compile(network) if compiled else network
        blocks = run.learner.bind(run).data()["train"]
        self.blocks = torch.tensor(blocks.astype(np.int64), device=self.device)
        self.run, self.done, self.torch = run, 0, torch
        size = jnp.int32(min(run.D // run.learner.context, len(blocks)))
        draw = jax.jit(lambda step: minibatch(step, recipe.batch_size, jnp.uint32(run.seed), size))
        self.order = [torch.tensor(np.array(draw(step))) for step in range(len(blocks))]

    def take(self, steps: int) -> float:
        """Take steps; returns the mean loss over them."""
        total = 0.0
        for _ in range(steps):
            block = self.blocks[self.order[self.done % len(self.order)]]
            self.optimizer.zero_grad(set_to_none=True)
            logits = self.forward(block[:, :-1])
            loss = self.torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), block[:, 1:].flatten()
            )
            loss.backward()
            self.optimizer.step()
            self.done += 1
            total += loss.detach()
        return float(total) / steps


def products() -> dict[str, tuple[float, Callable[[], Any]]]:
    """For each library, the FLOP of a large float32 matrix product and a function that does it."""
    import torch

    on_cpu = jax.local_devices()[0].platform == "cpu"
    size = 1024 if on_cpu else 8192
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a, b = jnp.ones((size, size)), torch.ones((size, size), device=device)
    multiply = jax.jit(jnp.matmul)

    def theirs() -> float:
        return float((b @ b)[0, 0])

    return {
        "engine": (2.0 * size**3, lambda: multiply(a, a).block_until_ready()),
        "PyTorch": (2.0 * size**3, theirs),
    }


def compare(quick: bool, rounds: int, seconds: float) -> None:
    shapes = dict(list(SMALL.items())[:1]) if quick else SMALL
    progress = Progress(len(shapes) * (rounds + (1 if quick else 2)))
    for name, model in shapes.items():
        run = run_of(model, 256, 128, 16, "float32")
        progress.next(f"{name}: compiling and comparing losses")
        methods = [engine := Engine(run)]
        methods.append(Torch(run, engine.params(), compiled=False))
        if not quick:
            progress.next(f"{name}: torch.compile")
            methods.append(Torch(run, engine.params(), compiled=True))
        agree(methods)
        took = timed(lambda engine=engine: engine.take(4))[0] / 4
        steps = max(2, round(seconds / took))
        race(name, run, methods, steps, rounds, progress)


def agree(methods: list[Any]) -> None:
    """Raise AssertionError unless the losses of the first steps agree."""
    losses = np.array([[method.take(1) for _ in range(4)] for method in methods])
    for method, found in zip(methods, losses, strict=True):
        print(f"  {method.name}: losses {', '.join(f'{loss:.6f}' for loss in found)}", flush=True)
    np.testing.assert_allclose(
        losses[1:, :1], losses[:1, :1].repeat(len(methods) - 1, 0), rtol=1e-5
    )
    np.testing.assert_allclose(losses[1:], losses[:1].repeat(len(methods) - 1, 0), rtol=1e-3)


def race(name: str, run: Run, methods: list, steps: int, rounds: int, progress: Progress) -> None:
    """Time the methods and the bare matrix products in turns, and print a table."""
    spent = {method.name: np.zeros(2) for method in methods}
    best = dict.fromkeys(spent, np.inf)
    bare = {library: (found, []) for library, found in products().items()}
    for (_, work), _ in bare.values():
        timed(work)
    for turn in range(rounds):
        progress.next(f"{name}: turn {turn + 1} of {rounds}, {steps} steps a method")
        for method in methods:
            gc.collect()
            found = np.array(timed(lambda method=method: method.take(steps)))
            spent[method.name] += found
            best[method.name] = min(best[method.name], found[0] / steps)
            for (_, work), times in bare.values():
                times.append(timed(work)[0])
    total, half = flops(run)
    count = run.learner.cost(run).parameters
    title = f"{name}, {count:,} parameters, T = 128, batch 16, {rounds} x {steps} steps"
    columns = ("method", "steps/s", "best ms", "CPU ms", "GFLOP/s", "causal half")
    table = Table(*columns, "best of matmul", "wall", "CPU", title=title)
    eager = spent["PyTorch eager"]
    for method in methods:
        wall, cpu = spent[method.name] / (rounds * steps)
        (work, _), times = bare["engine" if method.name == "engine" else "PyTorch"]
        peak = work / min(times)
        table.add_row(
            method.name,
            f"{1 / wall:.2f}",
            f"{1e3 * best[method.name]:.1f}",
            f"{1e3 * cpu:.1f}",
            f"{total / wall / 1e9:.1f}",
            f"{half / wall / 1e9:.1f}",
            f"{total / best[method.name] / peak:.0%}",  # the best turn against the best product
            f"{eager[0] / spent[method.name][0]:.2f}x",
            f"{eager[1] / spent[method.name][1]:.2f}x",
        )
    Console(width=110).print(table)
    for library, ((work, _), times) in bare.items():
        print(
            f"float32 product, {library}: median {work / float(np.median(times)) / 1e9:.1f}, "
            f"best {work / min(times) / 1e9:.1f} GFLOP/s"
        )
    print(f"load average {load()}", flush=True)
