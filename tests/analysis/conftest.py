"""An experiment that never ran: tables of a known law, with noise, seeds and mishaps."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from scaling_lab.registration import log, texts
from scaling_lab.storage.records import Store

SIZES = (1_000, 4_000, 16_000, 63_000, 250_000, 1_000_000)
DATA = (300, 1_000, 3_000, 10_000, 30_000, 100_000)
RATES = (0.001, 0.003, 0.01)
SEEDS = (0, 1, 2)
LAW = {"E": 0.08, "A": 24.0, "alpha": 0.55, "B": 18.0, "beta": 0.5}
STEPS = (1, 3, 8, 21, 55, 120, 260, 520, 900, 1_400, 2_000, 3_000)


def law(n, d):
    return LAW["E"] + LAW["A"] * n ** -LAW["alpha"] + LAW["B"] * d ** -LAW["beta"]


def run_row(name, n, d, rate, seed, **more):
    """A run as the runner records it, with made-up numbers."""
    return {
        "experiment": "e00_known_law",
        "run": name,
        "fingerprint": f"f-{name}",
        "status": "done",
        "learner": "classifier",
        "data": "digits",
        "model": "mlp",
        "N": n,
        "N_target": float(n),
        "D": d,
        "C": 6.0 * n * 64 * STEPS[-1],
        "steps": STEPS[-1],
        "examples": 64 * STEPS[-1],
        "epochs": 64 * STEPS[-1] / d,
        "seed": seed,
        "learning_rate": rate,
        "batch_size": 64,
        "program": f"p{n}",
        "width": 9,
        "wall_s": 0.2 + n / 4e5,
        "compile_s": 1.5,
        "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:14:05Z",
        "device": "cpu",
        "devices": 1,
        "versions": json.dumps({"python": "3.11.7", "jax": "0.10.2", "flax": "0.12.8"}),
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "git_dirty": False,
        **more,
    }


def made_tables(sizes=SIZES, data=DATA, rates=RATES, seeds=SEEDS, noise=0.015):
    """Runs and curves of the known law; the first run diverged, the second one failed."""
    random = np.random.default_rng(0)
    runs, curves = [], []
    for n in sizes:
        for d in data:
            for rate in rates:
                for seed in seeds:
                    name = f"N={n},D={d},learning_rate={rate},seed={seed}"
                    row = run_row(name, n, d, rate, seed)
                    best = law(n, d) * (1.0 if rate == 0.003 else 1.12)
                    best *= np.exp(noise * random.standard_normal())
                    steps = np.array(STEPS)
                    decay = 2.2 / (1 + (steps * rate * 40) ** 0.9)
                    overfit = 0.05 * (3000 / d) ** 0.3 * (n / 3e4) ** 0.2
                    rise = overfit * np.maximum(0, np.log10(steps / 300)) ** 2
                    noisy = np.exp(0.004 * random.standard_normal((2, len(steps))))
                    test = (best + decay + rise) * noisy[0]
                    valid = (best + decay + rise) * noisy[1]
                    train = (0.4 * best * min(1, d / 2e4) + decay) / (1 + steps / 2000)
                    at = int(np.argmin(valid))
                    row |= {"train_loss": train[-1], "valid_loss": valid[-1]}
                    row |= {"test_loss": test[-1], "test_error": test[-1] / 4}
                    row |= {"best_step": int(steps[at]), "best_valid_loss": valid[at]}
                    row |= {"best_test_loss": test[at], "best_test_error": test[at] / 4}
                    runs.append(row)
                    curves += [
                        {
                            "experiment": "e00_known_law",
                            "run": name,
                            "fingerprint": row["fingerprint"],
                            "step": int(step),
                            "examples": 64 * int(step),
                            "C": 6.0 * n * 64 * step,
                            "train_loss": train[i],
                            "valid_loss": valid[i],
                            "test_loss": test[i],
                            "test_error": test[i] / 4,
                        }
                        for i, step in enumerate(steps)
                    ]
    for row, status, reason in (
        (runs[0], "diverged", "validation loss was inf at step 21"),
        (runs[1], "failed", "RuntimeError: out of memory </script><script>alert(1)</script>"),
    ):
        lost = [k for k in row if k.endswith(("_loss", "_error"))] + ["best_step"]
        row |= dict.fromkeys(lost) | {"status": status, "reason": reason}
    return runs, curves


SMALL = {
    "gate": {"levels": 4, "clusters": 4, "lack_of_fit": 1, "sweep_end": 1},
    "reason": "tests have small tables",
}
DEFINITION = {
    "name": "e00_known_law",
    "title": "A law that is known",
    "question": "Does the report recover the law its table was made from?",
    "prediction": "Yes: β = 0.5 along D, and a floor <b>below</b> 0.1 & above 0.",
    "cost": "nothing",
    "command": "scaling-lab run e00_known_law",
    "axes": {
        "N": list(SIZES),
        "D": list(DATA),
        "learning_rate": list(RATES),
        "seed": list(SEEDS),
    },
    "runs": len(SIZES) * len(DATA) * len(RATES) * len(SEEDS),
    "choose": ["learning_rate"],
    "claims": [
        {
            "name": "L(D) at the largest model",
            "law": "power_law_floor",
            "x": "D",
            "where": "N == N.max()",
            "loss": "best_test_loss",
            "parameter": "alpha",
            "low": 0.4,
            "high": 0.6,
            **SMALL,
        },
        {
            "name": "L(N) at the largest data",
            "law": "power_law_floor",
            "x": "N",
            "where": "D == D.max()",
            "loss": "best_test_loss",
            "parameter": "alpha",
            "low": 1.2,
            "high": 1.5,
            "published": 0.34,
            "source": "Hoffmann 2022",
            **SMALL,
        },
    ],
}


@pytest.fixture(scope="session")
def published():
    """A published table by its path: published("chinchilla/svg_extracted_data.csv")."""

    def load(name):
        from scaling_lab.analysis import tables

        folder = os.environ.get("SCALING_LAB_PUBLISHED")
        if not folder or not (Path(folder) / name).is_file():
            pytest.skip(f"no {name}; set SCALING_LAB_PUBLISHED to the folder of published tables")
        return tables.load(Path(folder) / name)

    return load


@pytest.fixture(scope="session")
def make_tables():
    """Rows of runs and of curves of the known law: make(sizes=..., data=..., ...)."""
    return made_tables


@pytest.fixture(scope="session")
def definition():
    """The experiment.json of the known law."""
    return DEFINITION


@pytest.fixture(scope="session")
def make_experiment():
    """Write an experiment's tables, its definition and a registration before all of its runs.

    make(folder, **grid)
    """

    def make(folder, definition=DEFINITION, **grid):
        named = {"experiment": definition["name"]}
        runs, curves = ([row | named for row in rows] for rows in made_tables(**grid))
        Store(folder, definition["name"]).append(runs, curves)
        (folder / "experiment.json").write_text(json.dumps(definition))
        said = texts.of(definition)
        (folder / log.REGISTERED).unlink(missing_ok=True)
        log.append(folder, [log.Entry(digest=said.digest, time="2026-01-01T12:00:00Z", texts=said)])
        return folder

    return make
