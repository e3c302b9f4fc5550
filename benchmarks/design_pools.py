"""Pools of finished runs, with costs and a costly target, for `design.py`.

Chinchilla's 240 points (Besiroglu et al. 2024), Gemstones (McLeish et al. 2025), Porian et al.
2024, the parallel task of ScaleBench (Li et al. 2026), from the folder SCALING_LAB_PUBLISHED;
simulated ones, half of which are not of the law that is fitted; and rough ones, which are shaped as
published tables are and whose losses are off as theirs may be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

PUBLISHED = Path(os.environ.get("SCALING_LAB_PUBLISHED", "../shared/published"))


class Pool(NamedTuple):
    """Columns by role, log-loss noise unknown; costs [points]; `target`: mask of the costliest."""

    name: str
    law: str
    x: dict[str, np.ndarray]
    y: np.ndarray
    costs: np.ndarray
    target: np.ndarray


def pool(name: str, law: str, x: dict[str, np.ndarray], y: np.ndarray, costs: np.ndarray) -> Pool:
    order = np.argsort(np.argsort(costs, kind="stable"), kind="stable")
    return Pool(name, law, x, y, costs, order >= 0.9 * len(costs))


def published() -> Iterator[Pool]:
    points = pd.read_csv(PUBLISHED / "chinchilla/svg_extracted_data.csv")
    points = points.sort_values("loss").iloc[:-5]
    n, c = points["Model Size"].to_numpy(), points["Training FLOP"].to_numpy()
    yield pool("chinchilla", "chinchilla", {"N": n, "D": c / (6 * n)}, points["loss"].to_numpy(), c)
    for part in ("hot", "cool_end"):
        points = pd.read_csv(PUBLISHED / f"gemstones/{part}.csv")
        n, d = points["params_active_precise"].to_numpy(float), points["tokens"].to_numpy(float)
        yield pool(
            f"gemstones {part}",
            "chinchilla",
            {"N": n, "D": d},
            points["final_loss"].to_numpy(),
            6 * n * d,
        )
    points = pd.read_csv(PUBLISHED / "porian/isoflop_points.csv")
    names = ["file", "hparams", "warmup", "decay", "param_count", "val"]
    groups = sorted(points.groupby(names), key=lambda one: -len(one[1]))
    for i, (_, some) in enumerate(groups[:2]):
        n, d = some["n"].to_numpy(float), some["tokens"].to_numpy(float)
        yield pool(
            f"porian {i + 1}",
            "chinchilla",
            {"N": n, "D": d},
            some["loss"].to_numpy(),
            some["flops"].to_numpy(),
        )
    train, test = (
        pd.read_csv(PUBLISHED / f"scalebench/parallel_{part}.csv") for part in ("train", "test")
    )
    for group in ("stack", "pile"):
        some = pd.concat([one[one["group"] == group] for one in (train, test)])
        n, p = some["num_params"].to_numpy(float), some["parallel_size"].to_numpy(float)
        target = np.arange(len(some)) >= (train["group"] == group).sum()
        yield Pool(
            f"parallel {group}", "chinchilla", {"N": n, "D": p}, some["loss"].to_numpy(), n, target
        )


def simulated(count: int, seed: int = 0) -> Iterator[Pool]:
    """Pools with a known truth: Chinchilla surfaces, every second one bent or of another law."""
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        sizes = 10 ** np.linspace(6, 6 + rng.uniform(2, 3.5), rng.integers(6, 10))
        tokens = 10 ** np.linspace(7.5, 7.5 + rng.uniform(2, 3.5), rng.integers(6, 10))
        n, d = (v.ravel() for v in np.meshgrid(sizes, tokens))
        alpha, beta = rng.uniform(0.2, 0.55, 2)
        floor = rng.uniform(0.5, 2.0)
        size_term = rng.uniform(0.3, 2) * (n / n.min()) ** -alpha
        data_term = rng.uniform(0.3, 2) * (d / d.min()) ** -beta
        if i % 4 == 1:  # the exponent drifts
            data_term *= (d / d.min()) ** (0.03 * np.log10(d / d.min()))
        elif i % 4 == 3:  # Kaplan's form
            size_term, data_term = (size_term ** (1 / 0.5) + data_term ** (1 / 0.5)) ** 0.5, 0 * d
        noise = rng.choice([0.002, 0.01, 0.02])
        scatter = rng.standard_t(3, len(n)) / 1.7 if i % 5 == 4 else rng.standard_normal(len(n))
        y = (floor + size_term + data_term) * np.exp(noise * scatter)
        yield pool(f"simulated {i}", "chinchilla", {"N": n, "D": d}, y, 6 * n * d)


def rough(count: int, seed: int) -> Iterator[Pool]:
    """Pools like published tables: budgets, checkpoints, scattered points, and few points.

    Losses are off the law by what such tables suffer from: models trained too little, sizes with an
    error of their own, a bend, heavy tails.
    """
    for i in range(count):
        rng = np.random.default_rng([seed, i, 7])
        alpha, beta = rng.uniform(0.2, 0.55, 2)
        floor = rng.uniform(0.5, 2)
        size, data = rng.uniform(0.3, 2, 2)
        if i % 4 == 0:  # equal budgets
            c = np.repeat(10 ** np.linspace(16, 16 + rng.uniform(2.5, 3.5), 11), 12)
            ratio = 10 ** np.tile(np.linspace(-0.7, 0.9, 12), 11)
            n = np.sqrt(c / 120) * ratio * rng.uniform(0.95, 1.05, len(c))
            d = c / (6 * n)
        elif i % 4 == 1:  # checkpoints of runs
            grid = 10 ** np.sort(rng.uniform(7.7, 9.3, 18)), 1e10 * np.arange(1, 11)
            n, d = (v.ravel() for v in np.meshgrid(*grid))
        elif i % 4 == 2:  # scattered
            n = 10 ** rng.uniform(7.7, 10.2, 200)
            d = n * 10 ** rng.uniform(0, 2.2, 200)
        else:  # few points, and a variable that matters little
            n = np.repeat(10 ** np.linspace(8.7, 9.6, 6) * rng.uniform(0.9, 1.1, 6), 4)
            d = np.tile([1.0, 2, 4, 8], 6)
            data, alpha, beta = 0.15 * data, 0.6 * alpha, 0.6 * beta
        y = floor + size * (n / n.min()) ** -alpha + data * (d / d.min()) ** -beta
        noise, scatter = rng.choice([0.002, 0.005, 0.01]), rng.standard_normal(len(n))
        off = np.zeros(len(n))
        if i % 4 == 0:
            off = rng.uniform(0, 0.25) * np.maximum(0, np.log10(3 * n / d)) ** 1.5
            scatter = rng.standard_t(3, len(n)) / 1.7
        elif i % 4 == 1:
            levels, of = np.unique(n, return_inverse=True)
            off = rng.uniform(0.003, 0.02) * rng.standard_normal(len(levels))[of]
            off += rng.uniform(-0.02, 0.02) * (np.log10(d) - 10.5) ** 2
        elif i % 4 == 2:
            scatter = rng.standard_t(2, len(n)) / 2
            off = rng.uniform(-0.02, 0.02) * (np.log10(n) - 9) ** 2
        else:
            noise = 0.003
        costs = n if i % 4 == 3 else 6 * n * d
        y = y * np.exp(off + noise * scatter)
        yield pool(f"rough {i}", "chinchilla", {"N": n, "D": d}, y, costs)
