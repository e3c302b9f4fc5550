"""On eight devices: sharded = unsharded. In a process of its own, with eight pretended devices."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import dataclasses
import jax
import numpy as np
from scaling_lab import MLP, Digits, Recipe, Run, Supervised
from scaling_lab.engine.training import program
from scaling_lab.engine.training.checkpoint import Checkpointer
from scaling_lab.engine.training.placement import alone, place
from scaling_lab.engine.training.trainer import train

assert len(jax.local_devices()) == 8
recipe = Recipe(batch_size=64, accumulate=2)
model = MLP(depth=1, width=16)
base = Run(learner=Supervised(), data=Digits(), model=model, recipe=recipe, D=300, steps=60)
runs = [dataclasses.replace(base, seed=seed) for seed in range(16)]


def curves(width, placement):
    data = program.load(base, placement)
    built = program.build(base, width, data, placement)
    outcomes = train(built, data, runs[:width])
    rows = [[row[k] for k in sorted(row)] for o in outcomes for row in o.curve]
    return np.array(rows), built


one, _ = curves(1, alone())
shared, built = curves(1, place(base, 1))
assert built.placement.kind == "batch" and built.placement.devices == 8
assert "all-reduce" in built.executable.as_text()
np.testing.assert_allclose(shared, one, rtol=2e-3, atol=1e-4)

many, _ = curves(16, alone())
dealt, built = curves(16, place(base, 16))
assert built.placement.kind == "runs"
text = built.executable.as_text()
assert not any(word in text for word in ("all-reduce", "all-gather", "collective-permute"))
np.testing.assert_allclose(dealt, many, rtol=2e-3, atol=1e-4)
np.testing.assert_allclose(dealt[: len(one)], one, rtol=2e-3, atol=1e-4)

import tempfile
from pathlib import Path
checkpointer = Checkpointer(Path(tempfile.mkdtemp()))
carry, row = built.advance(
    built.begin(), built.stack(runs), program.load(base, built.placement), 5,
    fresh=True, evaluating=False,
)
checkpointer.save(5, carry, [])
saved = checkpointer.restore(built.empty)
jax.tree.map(np.testing.assert_array_equal, jax.device_get(carry), jax.device_get(saved.carry))
assert saved.carry.loss[0].sharding == carry.loss[0].sharding
print("sharded = unsharded")
"""


def test_sharded_is_unsharded():
    flags = "--xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "sharded = unsharded" in done.stdout


@pytest.mark.gpu
def test_an_ensemble_trains_on_the_gpu():
    import jax

    if jax.local_devices()[0].platform != "gpu":
        pytest.skip("no GPU here")
    from scaling_lab import registry
    from scaling_lab.engine.training import program
    from scaling_lab.engine.training.placement import place
    from scaling_lab.engine.training.trainer import train

    run = registry.get("learner", "supervised").example()
    where = place(run, 8)
    data = program.load(run, where)
    outcomes = train(program.build(run, 8, data, where), data, [run] * 8)
    assert all(o.curve[-1]["valid_loss"] < o.curve[0]["valid_loss"] for o in outcomes)


def test_settings_of_a_gpu_leave_the_users_alone():
    from scaling_lab.engine import prepare_gpu

    fresh, own = {}, {"XLA_FLAGS": "--xla_gpu_deterministic_ops=false"}
    prepare_gpu(fresh)
    prepare_gpu(fresh)
    assert fresh == {
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.9",
        "XLA_FLAGS": "--xla_gpu_deterministic_ops=true",
    }
    prepare_gpu(own | {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.5"})
    prepare_gpu(own)
    assert own["XLA_FLAGS"] == "--xla_gpu_deterministic_ops=false"
    other = {"XLA_FLAGS": "--xla_dump_to=x"}
    prepare_gpu(other)
    assert other["XLA_FLAGS"] == "--xla_dump_to=x --xla_gpu_deterministic_ops=true"
