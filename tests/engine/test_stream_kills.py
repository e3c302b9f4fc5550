"""Runs on streams, killed with SIGKILL and run again, record what uninterrupted ones do."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from scaling_lab import Store
from scaling_lab.images import packing

EXPERIMENT = '''"""Does a pack stream?

Question: Does it?
Prediction: It does.
Cost: 2 runs, a few seconds.
Command: scaling-lab run e90_stream.py
"""

from scaling_lab import MLP, PackedImages, Recipe, Run, Supervised, axis
from scaling_lab.engine.training import checkpoint, feed

# A checkpoint every second, and chunks that no budget is a multiple of.
checkpoint.Checkpointer.__init__.__kwdefaults__["every"] = 1.0
feed.MOST_BATCHES = 7

base = Run(
    learner=Supervised(),
    data=PackedImages(path="{pack}", size=8),
    model=MLP(width=8, depth=1),
    recipe=Recipe(batch_size=8, schedule="wsd", decay=0.3),
    D=70,
)
grid = axis("steps", [1_000, 3_000])
'''


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    from PIL import Image

    home, rng = tmp_path_factory.mktemp("kills"), np.random.default_rng(0)
    for name in ("dark", "light"):
        (home / "images" / name).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(0, 128, (8, 8, 3)) + 127 * (name == "light")
            Image.fromarray(pixels.astype(np.uint8)).save(home / "images" / name / f"{i}.png")
    packing.write(home / "images", home / "pack", 8, 95, packing.Progress())
    (home / "e90_stream.py").write_text(EXPERIMENT.replace("{pack}", str(home / "pack")))
    return home / "e90_stream.py"


def begin(root, experiment, results, cores):
    """`scaling-lab run` on so many cores: as many threads read."""
    bound = (
        f"import os, sys; os.sched_setaffinity(0, [*os.sched_getaffinity(0)][:{cores}]); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    words = [sys.executable, "-c", bound, "-m", "scaling_lab", "run", str(experiment)]
    words += ["--width", "1", "--results", str(results), "--workers", "1"]
    cache = experiment.parent / "cache"
    environment = {**os.environ, "SCALING_LAB_CACHE": str(cache), "PYTHONPATH": str(root)}
    with open(results.with_suffix(".log"), "a") as log:
        return subprocess.Popen(words, env=environment, stdout=log, stderr=log)


def curves(results):
    store = Store(results / "e90_stream")
    assert [*store.runs()["status"]] == ["done"] * 2
    return store.curves().sort_values(["run", "step"]).select_dtypes("number").to_numpy()


def checkpoints(results):
    return [*results.glob("e90_stream/.work/checkpoints/*/*/curves.json")]


def begin_until_a_checkpoint(root, experiment, results):
    process = begin(root, experiment, results, 2)
    while process.poll() is None and not checkpoints(results):
        time.sleep(0.005)
    return process


@pytest.fixture(scope="module")
def whole(root, experiment, tmp_path_factory):
    """The curves of an uninterrupted run on one core."""
    results = tmp_path_factory.mktemp("whole") / "results"
    assert begin(root, experiment, results, 1).wait() == 0
    return curves(results)


@pytest.mark.slow
def test_killed_and_resumed_on_other_cores_is_uninterrupted(root, experiment, whole, tmp_path):
    dice, resumed = random.Random(5), 0
    for _ in range(2):
        process = begin_until_a_checkpoint(root, experiment, tmp_path / "killed")
        time.sleep(dice.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed += bool(checkpoints(tmp_path / "killed"))
    assert resumed
    assert begin(root, experiment, tmp_path / "killed", 2).wait() == 0
    np.testing.assert_array_equal(curves(tmp_path / "killed"), whole)


@pytest.mark.slow
def test_a_file_torn_in_mid_run_ends_it_and_the_next_run_goes_on(root, experiment, whole, tmp_path):
    results = tmp_path / "torn"
    path = experiment.parent / "pack" / "train-00000.array_record"
    intact = path.read_bytes()
    process = begin_until_a_checkpoint(root, experiment, results)
    os.truncate(path, 0)
    assert process.wait(60) == 2
    said = results.with_suffix(".log").read_text().splitlines()
    (line,) = [line for line in said if line.startswith("scaling-lab: ")]
    assert f"{path} was changed during training" in line or f"{path} cannot be read" in line
    assert "Traceback" not in "".join(said)
    assert checkpoints(results)
    path.write_bytes(intact)
    assert begin(root, experiment, results, 2).wait() == 0
    np.testing.assert_array_equal(curves(results), whole)
