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
from scaling_lab.engine import checkpoint, feed

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
    words = [sys.executable, "-m", "scaling_lab", "run", str(experiment), "--width", "1"]
    words += ["--results", str(results), "--workers", "1"]
    cache = experiment.parent / "cache"
    environment = {**os.environ, "SCALING_LAB_CACHE": str(cache), "PYTHONPATH": str(root)}
    with open(results.with_suffix(".log"), "a") as log:
        return subprocess.Popen(
            words,
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, [*os.sched_getaffinity(0)][:cores]),
        )


def curves(results):
    store = Store(results / "e90_stream")
    frame = store.curves().sort_values(["run", "step"])
    return store.runs(), frame.select_dtypes("number").to_numpy()


@pytest.mark.slow
def test_killed_and_resumed_on_other_cores_is_uninterrupted(root, experiment, tmp_path):
    whole, killed, dice = tmp_path / "whole", tmp_path / "killed", random.Random(5)
    assert begin(root, experiment, whole, 1).wait() == 0
    resumed = 0
    for _ in range(2):
        process = begin(root, experiment, killed, 2)
        places = killed / "e90_stream" / ".work" / "checkpoints"
        while process.poll() is None and not list(places.glob("*/*/curves.json")):
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed += bool(list(places.glob("*/*/curves.json")))
    assert resumed
    assert begin(root, experiment, killed, 2).wait() == 0
    (runs, expected), (again, found) = curves(whole), curves(killed)
    assert len(runs) == len(again) == 2
    np.testing.assert_array_equal(found, expected)
