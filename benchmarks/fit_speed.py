"""Fitting the Chinchilla law with this package and with the alternatives.

    python benchmarks/fit_speed.py [--starts 300] [--bootstraps 100] [--points TABLE.csv]
    pip install chinchilla simple-scaling-laws   # alternatives; the latter needs Python >= 3.12

Data: the 240 points of Hoffmann et al. 2022 as extracted from its figure 4 by Besiroglu et al. 2024
(in the folder SCALING_LAB_PUBLISHED, or a CSV with columns N, D, L), else a random table of the
same shape. Alternatives: a script like the published ones (SciPy's L-BFGS-B on the log-sum-exp form
with a Huber delta of 1e-3, many starts, bootstraps started from the optimum) and two packages, if
installed. All run in one process on one table.

`chinchilla` minimises the mean of the caller's penalty by BFGS with finite differences, in long
doubles, from each point of a grid; it gives no intervals. It gets the same Huber penalty and a grid
of 2^5 points. `simple_scaling_laws` minimises weighted squares of the loss itself, a different
objective; its intervals are a wild bootstrap, each draw refitted from the optimum and from seeds.
The cost of its bootstraps is the time that a fit with more draws takes longer.

Prints CPU seconds (all threads), the cost of a unit of work, and the share of starts that reached
the lowest objective seen (within 0.1%). Compilation and whole cold processes, with an empty and a
warm cache of programs, are listed separately.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import optimize

DELTA = 1e-3
# The grid of Hoffmann et al. 2022, appendix D.3: 4500 points, from which starts are sampled.
GRID = {
    "a": np.arange(0, 30, 5.0),
    "b": np.arange(0, 30, 5.0),
    "e": np.arange(-1, 1.5, 0.5),
    "alpha": np.arange(0, 2.5, 0.5),
    "beta": np.arange(0, 2.5, 0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=300, help="starts of the SciPy script")
    parser.add_argument(
        "--bootstraps", type=int, default=100, help="bootstraps of the SciPy script"
    )
    parser.add_argument("--points", default="", help="CSV with columns N, D, L")
    asked = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"  # cold processes have a cache of their own
    name, frame = points(asked.points)
    shown = Table("method", "work", "CPU s", "a unit", "reached the best", title=name)
    rows: list[tuple[str, str, float, int, np.ndarray]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.csv"
        frame.to_csv(path, index=False)
        for label in ("cold process, nothing compiled", "cold process, programs cached"):
            rows.append((f"engine, {label}", "fit + certificate", *cold(path, folder)))
    rows += engine(frame)
    rows += scipy_script(frame, asked.starts, asked.bootstraps)
    for peer in (chinchilla, simple_scaling_laws):
        try:
            rows += peer(frame)
        except ImportError as error:
            print(f"{peer.__name__}: skipped, not installed ({error})")
    least = min(float(np.min(objective)) for *_, objective in rows if len(objective))
    for method, work, took, units, objective in rows:
        share = f"{np.mean(objective <= least * 1.001):.0%}" if len(objective) else "-"
        shown.add_row(method, work, f"{took:.3f}", f"{took / units * 1e3:.3g} ms", share)
    Console(width=120).print(shown)


def points(path: str) -> tuple[str, pd.DataFrame]:
    """The table's name and its columns N, D, L."""
    published = Path(os.environ.get("SCALING_LAB_PUBLISHED", "")) / "chinchilla"
    if path:
        return path, pd.read_csv(path)[["N", "D", "L"]]
    if (file := published / "svg_extracted_data.csv").is_file():
        read = pd.read_csv(file).sort_values("loss", kind="stable")[:-5]
        size, compute = read["Model Size"], read["Training FLOP"]
        frame = pd.DataFrame({"N": size, "D": compute / (6 * size), "L": read["loss"]})
        return "the 240 points of Hoffmann et al. 2022", frame
    random = np.random.default_rng(0)
    n, d = np.exp(random.uniform(np.log([[5e7], [8e8]]), np.log([[1.6e10], [3e11]]), (2, 240)))
    loss = (1.817 + 478 * n**-0.3473 + 2143 * d**-0.3672) * np.exp(
        0.005 * random.standard_t(3, 240)
    )
    return "240 random points", pd.DataFrame({"N": n, "D": d, "L": loss})


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process, and the result."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def cold(path: Path, folder: str) -> tuple[float, int, np.ndarray]:
    """CPU seconds of one `scaling-lab fit` process."""
    verb = ["fit", str(path), "--law", "chinchilla", "--columns", "N=N,D=D,L=L", "--bootstrap", "0"]
    command = [sys.executable, "-m", "scaling_lab", *verb]
    before = os.times()
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env=os.environ
        | {
            "JAX_ENABLE_COMPILATION_CACHE": "1",
            "JAX_COMPILATION_CACHE_DIR": f"{folder}/programs",
        },
    )
    after = os.times()
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system, 1, np.empty(0)


def engine(frame: pd.DataFrame) -> list[tuple[str, str, float, int, np.ndarray]]:
    from scaling_lab.analysis.fitting import bootstrap
    from scaling_lab.analysis.fitting.fit import fit
    from scaling_lab.analysis.fitting.starts import search, spread

    first, _ = timed(lambda: fit("chinchilla", frame, bootstrap=0))
    took, found = timed(lambda: fit("chinchilla", frame, bootstrap=0))
    problem, penalty = found.problem, found.penalty
    starts = spread(problem)
    searched, optima = timed(lambda: search(problem, penalty, starts))
    drawn, _ = timed(
        lambda: bootstrap.bootstrap(problem, penalty, optima, starts, None, count=1000, seed=0)
    )
    best = np.array([found.objective])
    return [
        ("engine, compiling", "fit + certificate", first, 1, best),
        ("engine", "fit + certificate", took, 1, best),
        ("engine", f"{len(starts)} starts", searched, len(starts), optima.objective),
        ("engine", "1000 bootstraps, each global", drawn, 1000, np.empty(0)),
    ]


def scipy_script(
    frame: pd.DataFrame, starts: int, bootstraps: int
) -> list[tuple[str, str, float, int, np.ndarray]]:
    """As in published notebooks: log-sum-exp, Huber, L-BFGS-B with default tolerances."""
    N, D, L = (np.log(frame[name].to_numpy()) for name in "NDL")
    random = np.random.default_rng(0)

    def objective(theta: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray]:
        a, b, e, alpha, beta = theta
        parts = np.stack([a - alpha * N, b - beta * D, np.full_like(N, e)])
        top = parts.max(axis=0)
        powers = np.exp(parts - top)
        total = powers.sum(axis=0)
        r = np.log(total) + top - L
        share = powers / total
        pull = weight * np.clip(r, -DELTA, DELTA)
        size = np.abs(r)
        cost = weight @ np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2))
        slopes = (share[0], share[1], share[2], -share[0] * N, -share[1] * D)
        return float(cost), np.array([pull @ slope for slope in slopes])

    def descend(theta: np.ndarray, weight: np.ndarray) -> Any:
        return optimize.minimize(objective, theta, (weight,), jac=True, method="L-BFGS-B")

    ones = np.ones(len(L))
    first = np.column_stack([random.choice(axis, starts) for axis in GRID.values()])
    took, found = timed(lambda: [descend(theta, ones) for theta in first])
    best = min(found, key=lambda one: one.fun)
    drawn = random.multinomial(len(L), ones / len(L), size=bootstraps).astype(float)
    again, _ = timed(lambda: [descend(best.x, weight) for weight in drawn])
    reached = np.array([one.fun for one in found])
    return [
        ("SciPy script, L-BFGS-B", f"{starts} starts", took, starts, reached),
        (
            "SciPy script, L-BFGS-B",
            f"{bootstraps} bootstraps, one start",
            again,
            bootstraps,
            np.empty(0),
        ),
    ]


def huber(frame: pd.DataFrame, E: float, A: float, B: float, alpha: float, beta: float) -> float:
    """The objective of this package and the script, at any parameters."""
    predicted = E + A * frame["N"] ** -alpha + B * frame["D"] ** -beta
    size = np.abs(np.log(predicted) - np.log(frame["L"]))
    return float(np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2)).sum())


def chinchilla(frame: pd.DataFrame) -> list[tuple[str, str, float, int, np.ndarray]]:
    """The package `chinchilla`."""
    from chinchilla import Chinchilla  # pyright: ignore[reportMissingImports]

    def penalty(observed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        size = np.abs(np.log(predicted) - np.log(observed))
        return np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2))

    grid = {"e": (0, 1), "a": (5, 10), "b": (5, 10), "alpha": (0.25, 0.5), "beta": (0.25, 0.5)}
    with tempfile.TemporaryDirectory() as folder:
        one = Chinchilla(folder, param_grid=grid, loss_fn=penalty, log_level=100)
        for N, D, L in frame[["N", "D", "L"]].to_numpy():
            one.append(N=N, D=D, C=6 * N * D, loss=L)
        took, _ = timed(lambda: one.fit(parallel=False))
    reached = np.array([huber(frame, **one.params)])
    shown = (f"{k} {v:.4f}" for k, v in one.params.items() if len(k) > 1)
    print("chinchilla:", *shown, f"objective {reached[0]:.6g}")
    return [("chinchilla, BFGS", "32 starts", took, 32, reached)]


def simple_scaling_laws(
    frame: pd.DataFrame, bootstraps: int = 1000
) -> list[tuple[str, str, float, int, np.ndarray]]:
    """The package `simple_scaling_laws`."""
    from simple_scaling_laws import fit  # pyright: ignore[reportMissingImports]

    names = {"N": "model_size__n", "D": "dataset_size__d", "L": "test_loss__l"}
    table = frame.rename(columns=names).assign(training_run_id=np.arange(len(frame)))
    found = fit(table, n_draws=1)  # the first call imports
    few, _ = timed(lambda: fit(table, n_draws=1))
    more, _ = timed(lambda: fit(table, n_draws=1 + bootstraps))
    exponents = (f"{k} {v:.4f}" for k, v in found.params(names["L"]).items() if len(k) > 1)
    print("simple_scaling_laws:", *exponents)
    rows = [("fit", few, 1), (f"{bootstraps} wild bootstraps", more - few, bootstraps)]
    method = "simple_scaling_laws, least squares"
    return [(method, work, took, units, np.empty(0)) for work, took, units in rows]


if __name__ == "__main__":
    main()
