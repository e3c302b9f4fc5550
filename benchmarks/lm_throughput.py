"""Tokens a second and model FLOP utilisation of language models, trained by the engine's own step.

    python benchmarks/lm_throughput.py [--what sizes|pytorch] [--quick]

sizes (the default on an accelerator): Transformers of 1M to 350M parameters, T = 1024, bfloat16,
and the small ones as ensembles of growing width, against the device's dense bfloat16 peak.
pytorch (the default on a CPU): the same small Transformers in PyTorch, eager and compiled, and by
the engine, float32, in turns; each against the largest float32 product of its own library, timed in
the same turns. Both begin from the same parameters, take the same minibatches, and must give the
same losses. Needs the extra `bench`.

On a CPU that others use too, bind it to one core (`taskset -c 0`): PyTorch's threads wait for one
another by spinning, and a core taken away from one of them is lost to all.

FLOP of training a token: 6 N + 12 L T d, with N the weights of all matrix products (a tied
embedding is one, as the head), L blocks of width d, T tokens of context (Chowdhery 2022,
appendix B). Causal attention needs 6 L T d instead of the 12.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.errors import JaxRuntimeError
from random_tokens import RandomTokens
from rich.console import Console
from rich.table import Table

from scaling_lab import Language, Recipe, Run, Transformer, program, provenance
from scaling_lab.placement import alone
from scaling_lab.shuffle import minibatch

# Dense bfloat16 FLOP/s without sparsity, from the makers' data sheets; first match by name.
PEAKS = {
    "H200": 989e12,  # SXM
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,  # SXM
    "B200": 2250e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10G": 70e12,
    "V100": 125e12,  # float16: it has no bfloat16
    "TPU v4": 275e12,
    "TPU v5p": 459e12,
    "TPU v5 lite": 197e12,
    "TPU v6 lite": 918e12,
}
# Parameters -> (vocabulary, tied head, sequences a step). Small ones read bytes.
SIZES = {
    1e6: (256, False, 64),
    10e6: (256, False, 64),
    30e6: (50_304, True, 32),
    125e6: (50_304, True, 32),
    350e6: (50_304, True, 16),
}
ENSEMBLES = (1e6, 10e6)
LADDER = (1, 2, 4, 8, 16, 32, 64)
SMALL = {"64 x 2": Transformer(width=64, depth=2), "128 x 4": Transformer(width=128, depth=4)}


class Progress:
    """Lines that say what is next, how long it has been and about how long it will be."""

    def __init__(self, total: int):
        self.total, self.done, self.began = total, 0, time.perf_counter()

    def next(self, what: str) -> None:
        spent = time.perf_counter() - self.began
        rest = f"about {spent / self.done * (self.total - self.done):.0f} s" if self.done else "?"
        self.done += 1
        print(f"[{self.done}/{self.total}, {spent:.0f} s, {rest} left] {what}", flush=True)


class Engine:
    """Runs of one shape that differ in their seeds, in the engine's own program."""

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
        """Of the first run, on the host."""
        params = self.built.learner.params(self.carry.state)
        return jax.tree.map(lambda leaf: np.asarray(leaf[0]), params)

    def take(self, steps: int) -> float:
        """Take steps; the mean loss of the first run over them."""
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
    """FLOP of a step: with the whole square of attention, and with half of it."""
    parts = run.learner.cost(run).flops
    return sum(parts.values()), sum(parts.values()) - parts["attention"] / 2


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


# Sizes on an accelerator -----------------------------------------------------------------------


def sizes(quick: bool) -> None:
    device = jax.local_devices()[0]
    kind = device.device_kind
    peak = next((rate for name, rate in PEAKS.items() if name in kind), None)
    print(f"{kind}: peak {peak:.3g} FLOP/s, dense bfloat16" if peak else f"{kind}: no peak known")
    context = 64 if quick else 1024
    wanted = {1e5: (256, False, 4)} if quick else SIZES
    ladder = (2,) if quick else LADDER
    small = [n for n in wanted if quick or n in ENSEMBLES]
    progress, rows = Progress(len(wanted) + len(small) * len(ladder)), []
    for n, (vocabulary, tied, batch) in wanted.items():
        run = sized(n, vocabulary, tied, context, batch)
        progress.next(f"N = {n:.0e}: {shape(run)}")
        for remat in (False, True):
            run = replace(run, model=replace(run.model, remat=remat))
            if row := measured(run, 1, peak, quick):
                rows.append(row)
                break
    for n in small:
        run = sized(n, *wanted[n][:2], context, 2 if quick else 8)
        full = False
        for width in ladder:
            progress.next(f"N = {n:.0e}, {width} together: {shape(run)}")
            row = None if full else measured(run, width, peak, quick)
            full = row is None
            rows += [row] if row else []
    columns = ("N", "runs", "model", "tokens a step", "remat", "ms a step", "tokens/s")
    table = Table(*columns, "TFLOP/s", "MFU", "causal half", title=f"{kind}, T = {context}")
    for row in rows:
        table.add_row(*row)
    Console(width=130).print(table)


def sized(n: float, vocabulary: int, tied: bool, context: int, batch: int) -> Run:
    run = run_of(
        Transformer(head_size=64, aspect=64.0, tied=tied), vocabulary, context, batch, "bfloat16"
    )
    return replace(run, model=run.model.sized(n, run.learner.spec(run)))


def shape(run: Run) -> str:
    return f"{run.model.width} x {run.model.depth}, {run.recipe.batch_size} sequences"


def measured(run: Run, width: int, peak: float | None, quick: bool) -> list[str] | None:
    """A row of the table; None where the device has no memory for it."""
    try:
        engine = Engine(run, width)
        engine.take(2)
        wall, _ = timed(lambda: engine.take(2))
        steps = max(2, round((0.2 if quick else 4.0) * 2 / wall))
        wall = min(timed(lambda: engine.take(steps))[0] for _ in range(2)) / steps
    except JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        print("  no memory for it", flush=True)
        return None
    whole, half = (width * f / wall for f in flops(run))
    tokens = run.recipe.batch_size * run.learner.context * width
    share = [f"{rate / peak:.1%}" if peak else "-" for rate in (whole, half)]
    row = [f"{run.learner.cost(run).parameters / 1e6:.1f}M", str(width), shape(run), str(tokens)]
    row += ["on" if run.model.remat else "off", f"{1e3 * wall:.2f}", f"{tokens / wall:,.0f}"]
    row += [f"{whole / 1e12:.2f}", *share]
    print(f"  {row[5]} ms a step, {row[6]} tokens/s, MFU {share[0]}", flush=True)
    return row


# PyTorch and the engine, in turns ---------------------------------------------------------------


class Torch:
    """The same network and the same minibatches in PyTorch; AdamW in one fused kernel."""

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
        assert found == run.learner.cost(run).parameters, "not the same number of parameters"
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
        """Take steps; the mean loss over them."""
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
    """By library, a large square float32 product and its FLOP."""
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


def pytorch(quick: bool, rounds: int, seconds: float) -> None:
    shapes = dict(list(SMALL.items())[:1]) if quick else SMALL
    progress = Progress(len(shapes) * (rounds + (1 if quick else 2)))
    for name, model in shapes.items():
        run = run_of(model, 256, 128, 16, "float32")
        progress.next(f"{name}: compiling and comparing losses")
        ways = [engine := Engine(run)]
        ways.append(Torch(run, engine.params(), compiled=False))
        if not quick:
            progress.next(f"{name}: torch.compile")
            ways.append(Torch(run, engine.params(), compiled=True))
        agree(ways)
        took = timed(lambda engine=engine: engine.take(4))[0] / 4
        steps = max(2, round(seconds / took))
        race(name, run, ways, steps, rounds, progress)


def agree(ways: list[Any]) -> None:
    """Raise AssertionError unless all give the same losses in the first steps."""
    losses = np.array([[way.take(1) for _ in range(4)] for way in ways])
    for way, found in zip(ways, losses, strict=True):
        print(f"  {way.name}: losses {', '.join(f'{loss:.6f}' for loss in found)}", flush=True)
    np.testing.assert_allclose(losses[1:, :1], losses[:1, :1].repeat(len(ways) - 1, 0), rtol=1e-5)
    np.testing.assert_allclose(losses[1:], losses[:1].repeat(len(ways) - 1, 0), rtol=1e-3)


def race(name: str, run: Run, ways: list, steps: int, rounds: int, progress: Progress) -> None:
    """Let the ways and the bare products take turns; a table."""
    spent = {way.name: np.zeros(2) for way in ways}
    best = dict.fromkeys(spent, np.inf)
    bare = {library: (found, []) for library, found in products().items()}
    for (_, work), _ in bare.values():
        timed(work)
    for turn in range(rounds):
        progress.next(f"{name}: turn {turn + 1} of {rounds}, {steps} steps a way")
        for way in ways:
            gc.collect()
            found = np.array(timed(lambda way=way: way.take(steps)))
            spent[way.name] += found
            best[way.name] = min(best[way.name], found[0] / steps)
            for (_, work), times in bare.values():
                times.append(timed(work)[0])
    total, half = flops(run)
    count = run.learner.cost(run).parameters
    title = f"{name}, {count:,} parameters, T = 128, batch 16, {rounds} x {steps} steps"
    columns = ("way", "steps/s", "best ms", "CPU ms", "GFLOP/s", "causal half")
    table = Table(*columns, "best of matmul", "wall", "CPU", title=title)
    eager = spent["PyTorch eager"]
    for way in ways:
        wall, cpu = spent[way.name] / (rounds * steps)
        (work, _), times = bare["engine" if way.name == "engine" else "PyTorch"]
        peak = work / min(times)
        table.add_row(
            way.name,
            f"{1 / wall:.2f}",
            f"{1e3 * best[way.name]:.1f}",
            f"{1e3 * cpu:.1f}",
            f"{total / wall / 1e9:.1f}",
            f"{half / wall / 1e9:.1f}",
            f"{total / best[way.name] / peak:.0%}",  # the best turn against the best product
            f"{eager[0] / spent[way.name][0]:.2f}x",
            f"{eager[1] / spent[way.name][1]:.2f}x",
        )
    Console(width=110).print(table)
    for library, ((work, _), times) in bare.items():
        print(
            f"float32 product, {library}: median {work / float(np.median(times)) / 1e9:.1f}, "
            f"best {work / min(times) / 1e9:.1f} GFLOP/s"
        )
    print(f"load average {load()}", flush=True)


def load() -> str:
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=("sizes", "pytorch"))
    parser.add_argument("--rounds", type=int, default=6, help="turns of each way in `pytorch`")
    parser.add_argument("--seconds", type=float, default=1.5, help="about, of a turn of a way")
    parser.add_argument("--quick", action="store_true", help="smallest shapes, under a minute")
    asked = parser.parse_args()
    print(f"{provenance.source()['device']}, {provenance.now()}, {provenance.versions()}")
    print(f"load average {load()}", flush=True)
    on_cpu = jax.local_devices()[0].platform == "cpu"
    if (asked.what or ("pytorch" if on_cpu else "sizes")) == "sizes":
        sizes(asked.quick)
    elif asked.quick:
        pytorch(True, 2, 0.3)
    else:
        pytorch(False, asked.rounds, asked.seconds)


if __name__ == "__main__":
    main()
