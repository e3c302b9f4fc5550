"""Tokens a second and model FLOP utilisation (MFU) of language models trained by the engine.

    python benchmarks/lm_throughput.py [--what sizes|pytorch] [--quick]

sizes (the default on an accelerator): Transformers of 1M to 350M parameters, T = 1024, bfloat16,
and the small ones also as ensembles of growing width, relative to the device's dense bfloat16 peak.
pytorch (the default on a CPU): small Transformers in PyTorch, eager and compiled, and by the
engine, in float32, in turns; each relative to its own library's speed on a large float32 matrix
product, timed in the same turns. Both start from the same parameters and use the same minibatches,
and their losses must agree. Needs the extra `bench`.

On a shared CPU, bind it to one core (`taskset -c 0`): PyTorch's threads spin while they wait for
one another, so that a core taken from one of them stalls all.

Training FLOP a token: 6 N + 12 L T d, with N the weights in matrix products (including a tied
embedding, used as the head), L blocks of width d and T tokens of context (Chowdhery et al. 2022,
appendix B). Causal attention needs only 6 L T d.
"""

from __future__ import annotations

import argparse
import importlib.util
from dataclasses import replace

import jax
import lm_pytorch
from jax.errors import JaxRuntimeError
from lm_engine import Engine, Progress, flops, load, run_of, timed
from rich.console import Console
from rich.table import Table

from scaling_lab import Run, Transformer
from scaling_lab.engine import provenance

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
    """A row of the table; None if the device runs out of memory."""
    try:
        engine = Engine(run, width)
        engine.take(2)
        wall, _ = timed(lambda: engine.take(2))
        steps = max(2, round((0.2 if quick else 4.0) * 2 / wall))
        wall = min(timed(lambda: engine.take(steps))[0] for _ in range(2)) / steps
    except JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        print("  out of memory", flush=True)
        return None
    whole, half = (width * f / wall for f in flops(run))
    tokens = run.recipe.batch_size * run.learner.context * width
    share = [f"{rate / peak:.1%}" if peak else "-" for rate in (whole, half)]
    row = [f"{run.learner.cost(run).parameters / 1e6:.1f}M", str(width), shape(run), str(tokens)]
    row += ["on" if run.model.remat else "off", f"{1e3 * wall:.2f}", f"{tokens / wall:,.0f}"]
    row += [f"{whole / 1e12:.2f}", *share]
    print(f"  {row[5]} ms a step, {row[6]} tokens/s, MFU {share[0]}", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=("sizes", "pytorch"))
    parser.add_argument("--rounds", type=int, default=6, help="turns of each method in `pytorch`")
    parser.add_argument("--seconds", type=float, default=1.5, help="approximate length of a turn")
    parser.add_argument("--quick", action="store_true", help="smallest shapes, under a minute")
    asked = parser.parse_args()
    print(f"{provenance.source()['device']}, {provenance.now()}, {provenance.versions()}")
    print(f"load average {load()}", flush=True)
    on_cpu = jax.local_devices()[0].platform == "cpu"
    if (asked.what or ("pytorch" if on_cpu else "sizes")) == "sizes":
        sizes(asked.quick)
    elif not importlib.util.find_spec("torch"):
        parser.error(
            "PyTorch is not installed; pip install 'scaling-lab[bench]', or give --what sizes"
        )
    elif asked.quick:
        lm_pytorch.compare(True, 2, 0.3)
    else:
        lm_pytorch.compare(False, asked.rounds, asked.seconds)


if __name__ == "__main__":
    main()
