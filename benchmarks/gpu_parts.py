"""The parts of gpu_hour.py: `python benchmarks/gpu_parts.py PART RESULT.json [--toy]`.

A part returns plain values; "shown" is its line in the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tests(toy: bool) -> dict:
    """The tests marked gpu."""
    where = ["tests/engine/test_placement.py"] if toy else ["tests"]
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *where]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout.strip().splitlines()[-1]
    return {"shown": done.stdout.strip().splitlines()[-1].strip("= ")}


def smoke(learner: str, toy: bool) -> dict:
    """An example of a learner: trained as pairs, interrupted, resumed, its parameters kept."""
    from scaling_lab import registry
    from scaling_lab.engine.training import program
    from scaling_lab.engine.training.checkpoint import Checkpointer
    from scaling_lab.engine.training.placement import alone
    from scaling_lab.engine.training.trainer import Finish, Interrupted, train

    run = registry.get("learner", learner).example()
    if toy:
        run = dataclasses.replace(run, steps=40)
    where = alone()
    data = program.load(run, where)
    built = program.build(run, 2, data, where)
    runs = [run, dataclasses.replace(run, seed=run.seed + 1)]
    kept = []
    finish = Finish(lambda run: True, lambda run, params: kept.append(params) or {})
    with tempfile.TemporaryDirectory() as folder:
        checkpointer = Checkpointer(Path(folder), worth=0.0)
        calls = iter([False])
        try:
            train(built, data, runs, stopping=lambda: next(calls, True), checkpointer=checkpointer)
        except Interrupted:
            print("interrupted, as asked")
        assert checkpointer.restore(built.empty) is not None
        began = time.perf_counter()
        outcomes = train(built, data, runs, checkpointer=checkpointer, finish=finish)
        took = time.perf_counter() - began
    whole = train(built, data, runs)
    assert len(kept) == len(runs)
    assert all(outcome.status == "done" for outcome in outcomes), outcomes[0].reason
    same = [outcome.curve for outcome in outcomes] == [outcome.curve for outcome in whole]
    last = {name: value for name, value in outcomes[0].curve[-1].items() if "valid" in name}
    shown = ", ".join(f"{name} {value:.4g}" for name, value in last.items())
    shown += f"; resumed = uninterrupted: {same}; compiled in {built.compile_s:.1f} s"
    return {"shown": shown, "resumed_is_whole": same, "resumed_s": took, **last}


def resume(toy: bool) -> dict:
    """Whether an interrupted and resumed run equals an uninterrupted one to the last bit."""
    import jax
    import numpy as np
    from grid_throughput import MODELS, grid

    from scaling_lab.engine.training import program
    from scaling_lab.engine.training.placement import alone

    apart = {}
    for name in ("mlp", "cnn"):
        run = grid(MODELS[name], 1, 20)[0]
        where = alone()
        data = program.load(run, where)
        built = program.build(run, 2, data, where)
        traced, steps = built.stack([run] * 2), 20 if toy else 2_000

        def losses(*stops: int, built=built, traced=traced, data=data) -> np.ndarray:
            carry, fresh = built.begin(), True
            for stop in stops:
                carry, row = built.advance(
                    carry, traced, data, stop, fresh=fresh, evaluating=stop == stops[-1]
                )
                fresh = False
            return np.asarray(jax.device_get(row.metrics["valid_loss"]))

        once, again, twice = losses(steps), losses(steps), losses(steps // 3, steps)
        apart[name] = {
            "repeated": float(np.abs(once - again).max()),
            "resumed": float(np.abs(once - twice).max()),
        }
    same = all(value == 0 for both in apart.values() for value in both.values())
    return {"shown": f"equal bits: {same}", "difference": apart}


def attention(toy: bool) -> dict:
    """Attention and its gradient against the plain form in float32, alone and under vmap."""
    import jax
    import jax.numpy as jnp

    from scaling_lab.layers.attention import causal

    time_, size = (16, 8) if toy else (1024, 64)
    keys = jax.random.split(jax.random.key(0), 3)
    given = [jax.random.normal(key, (2, 2, time_, 4, size), jnp.bfloat16) for key in keys]

    def plain(query, key, value):
        scores = jnp.einsum("bthk,bshk->bhts", query, key) * size**-0.5
        visible = jnp.tril(jnp.ones((time_, time_), bool))[None, None]
        weights = jax.nn.softmax(jnp.where(visible, scores, -jnp.inf), axis=-1)
        return jnp.einsum("bhts,bshk->bthk", weights, value)

    def slopes(form):
        def loss(*given):
            return (form(*given).astype(jnp.float32) ** 2).mean()

        return jax.grad(loss, (0, 1, 2))

    wide = [part.astype(jnp.float32) for part in given]
    with jax.default_matmul_precision("highest"):
        wanted = jax.jit(jax.vmap(slopes(plain)))(*wide)
    found = {
        "vmapped": jax.jit(jax.vmap(slopes(causal)))(*given),
        "one by one": jax.tree.map(
            lambda *parts: jnp.stack(parts),
            *[jax.jit(slopes(causal))(*(part[at] for part in given)) for at in range(2)],
        ),
    }
    apart = {
        name: max(
            float(jnp.abs(a.astype(jnp.float32) - b).max() / jnp.abs(b).max())
            for a, b in zip(grads, wanted, strict=True)
        )
        for name, grads in found.items()
    }
    assert max(apart.values()) < 0.05, apart
    return {"shown": f"gradients within {max(apart.values()):.1e} of float32", **apart}


# Name -> what XLA records into command buffers (CUDA graphs).
BUFFERS = {
    "off": "--xla_gpu_enable_command_buffer=",
    "default": "",
    "loops": "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL",
}


def loop(toy: bool) -> dict:
    """Microseconds of a step by what runs as command buffers, and what follows for the engine."""
    found = {}
    for name, flags in BUFFERS.items():
        words = [sys.executable, __file__, "step", "-", *["--toy"] * toy]
        flags = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
        done = subprocess.run(
            words, env={**os.environ, "XLA_FLAGS": flags}, capture_output=True, text=True
        )
        print(f"{name}: exit status {done.returncode}", done.stderr, flush=True)
        if done.returncode == 0:
            found[name] = json.loads(done.stdout.splitlines()[-1])
    for name in ("off", "default"):
        assert name in found, f"{name}: it failed; see the log"
    shown = "; ".join(
        f"{name} {row['engine']:.1f} us a step of the engine, {row['dynamic']:.1f} and "
        f"{row['fixed']:.1f} of a bare loop with a dynamic and a fixed trip count"
        for name, row in found.items()
    )
    return {"shown": f"command buffers {shown}. {verdict(found)}", "microseconds": found}


def verdict(found: dict[str, dict[str, float]]) -> str:
    """What the times of a step, in us, say about command buffers in the engine's loop.

    found: by what XLA records ("off", "default", "loops"), those of the engine and of a bare loop.
    A difference of less than 10% counts as none.
    """
    off, default, loops = (found.get(name, {}) for name in BUFFERS)
    if loops and loops["engine"] < 0.9 * default["engine"]:
        return "Whole loops as command buffers are faster: set that flag in engine/__init__.py."
    if default["fixed"] < 0.9 * default["dynamic"]:
        return "A dynamic trip count costs time: take steps in loops of a fixed number."
    if default["engine"] < 0.9 * off["engine"]:
        return "The steps run as command buffers: nothing to do."
    return "Command buffers make no difference, nor does the trip count: nothing to do."


def step(toy: bool) -> dict:
    """Microseconds of a step, by the engine of a tiny model and of a bare loop: see `loop`."""
    import jax
    import jax.numpy as jnp
    from grid_throughput import grid

    from scaling_lab import MLP
    from scaling_lab.engine import widths
    from scaling_lab.engine.training import program
    from scaling_lab.engine.training.placement import alone

    run = grid(MLP(depth=1, width=8), 1, 10**6)[0]
    where = alone()
    data = program.load(run, where)
    built = program.build(run, 1, data, where)
    if toy:
        widths.TRIAL_SECONDS = 0.01
    times = {"engine": 1e6 / widths.steps_per_second(built, data, [run])}
    weights = jax.random.normal(jax.random.key(0), (4, 64, 64)) / 8
    steps = 50 if toy else 5_000

    def body(_, x):  # a few small kernels that depend on one another
        for at in range(4):
            x = jnp.tanh(x @ weights[at])
        return x

    dynamic = jax.jit(lambda x, count: jax.lax.fori_loop(0, count, body, x))
    fixed = jax.jit(lambda x, _: jax.lax.fori_loop(0, steps, body, x))
    x, count = jnp.ones((64, 64)), jnp.int32(steps)
    for name, call in (("dynamic", dynamic), ("fixed", fixed)):
        jax.block_until_ready(call(x, count))
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            jax.block_until_ready(call(x, count))
            seconds.append(time.perf_counter() - began)
        times[name] = 1e6 * min(seconds) / steps
    return times


def convolution(toy: bool) -> dict:
    """The accelerator's convolution: equal to the library's, and a CNN's speed by width."""
    import jax
    import jax.numpy as jnp
    from grid_throughput import grid

    from scaling_lab import CNN
    from scaling_lab.engine import widths
    from scaling_lab.engine.training import program
    from scaling_lab.engine.training.placement import alone
    from scaling_lab.layers import convolution as layer

    shape = layer._Shape((16, 16), 3, 2)
    x = jax.random.normal(jax.random.key(0), (8, 16, 16, 8))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 8, 16))

    def slopes(form):
        return jax.jit(jax.grad(lambda *given: jnp.tanh(form(*given)).sum(), (0, 1)))(x, kernel)

    with jax.default_matmul_precision("highest"):
        both = zip(slopes(layer.on_accelerator(shape)), slopes(shape.forward), strict=True)
        apart = max(float(jnp.abs(a - b).max() / jnp.abs(b).max()) for a, b in both)
    assert apart < 1e-4, apart
    speeds = {}
    if toy:
        widths.TRIAL_SECONDS = 0.01
    for width in (1, 2) if toy else (1, 4, 16, 64):
        runs = grid(CNN(channels=4 if toy else 32, stages=2, convolutions=2), width, 100)
        where = alone()
        data = program.load(runs[0], where)
        built = program.build(runs[0], width, data, where)
        speeds[width] = widths.steps_per_second(built, data, runs)
        print(f"width {width}: {speeds[width]:.0f} steps/s summed over runs", flush=True)
    shown = ", ".join(f"width {width}: {speed:,.0f}" for width, speed in speeds.items())
    return {"shown": f"steps/s summed over runs: {shown}", "apart": apart, "speeds": speeds}


def widths(toy: bool) -> dict:
    """Runs a minute of the MLP grid by width until it saturates, and of JAX run after run."""
    from grid_throughput import MODELS, arrays, grid
    from grid_throughput import widths as ladder
    from peers import jax_by_hand

    steps = 5 if toy else 1_000
    rows = ladder("mlp", steps, (1, 2) if toy else (1, 4, 16, 64, 256, 1024, 2048))
    runs = grid(MODELS["mlp"], 2 if toy else 8, steps)
    scan = jax_by_hand(runs[0], arrays(runs[0]))["JAX, scan"]
    scan(runs[:1])
    began = time.perf_counter()
    scan(runs)
    alone = 60 * len(runs) / (time.perf_counter() - began)
    best = max(rows, key=lambda row: row["runs a minute"])
    shown = (
        f"{best['runs a minute']:,.0f} runs a minute at width {best['width']}, "
        f"{best['runs a minute'] / alone:.1f} times JAX run after run ({alone:,.0f})"
    )
    return {"shown": shown, "rows": rows, "one after another": alone}


def tokens(size: str, toy: bool) -> dict:
    """Tokens a second and the share of the device's peak of one language model."""
    import jax
    import lm_throughput

    n = float(size[:-1]) * 1e6
    vocabulary, tied, batch = (256, False, 4) if toy else lm_throughput.SIZES[n]
    kind = jax.local_devices()[0].device_kind
    peak = next((rate for name, rate in lm_throughput.PEAKS.items() if name in kind), None)
    run = lm_throughput.sized(1e5 if toy else n, vocabulary, tied, 64 if toy else 1024, batch)
    row = None
    for remat in (False, True):
        tried = dataclasses.replace(run, model=dataclasses.replace(run.model, remat=remat))
        row = lm_throughput.measured(tried, 1, peak, toy)
        if row:
            break
    assert row, "out of memory also with remat"
    names = "N, runs, model, tokens a step, remat, ms a step, tokens/s, TFLOP/s, MFU, causal half"
    found = dict(zip(names.split(", "), row, strict=True))
    return {"shown": f"{found['tokens/s']} tokens/s, MFU {found['MFU']}", "device": kind, **found}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part")
    parser.add_argument("result", type=Path, help='"-": the last line of the output')
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--parent", type=int, help="process to end with, given by gpu_hour.py")
    asked = parser.parse_args()
    name, _, detail = asked.part.partition("_")
    part = globals()[name]
    if asked.parent:
        threading.Thread(target=end_with, args=(asked.parent,), daemon=True).start()
    result = json.dumps(part(detail, asked.toy) if detail else part(asked.toy), default=str)
    if asked.result.name == "-":
        print(result)
    else:
        asked.result.write_text(result)


def end_with(parent: int) -> None:
    """Kill this process and its children once its parent has ended, e.g. because it was killed."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
