"""How far published losses lie off the law that is fitted to them.

    python benchmarks/deviations.py

The residuals of each published pool (`design_pools.py`) are taken for a smooth Gaussian process in
the logarithms of the variables plus independent noise, and the law's parameters for unknown. For
each size of the process: its log likelihood, with all noises and lengths alike beforehand. What
P(decided) and the choice of runs suppose of a law's deviation is held against this.
"""

from __future__ import annotations

import numpy as np

from benchmarks.design_pools import Pool, published
from scaling_lab.analysis import laws
from scaling_lab.analysis.design.belief import Belief
from scaling_lab.analysis.design.deviation import LENGTHS
from scaling_lab.analysis.design.field import smooth
from scaling_lab.analysis.fitting import residuals
from scaling_lab.analysis.fitting.problem import Problem

SIZES = np.geomspace(0.001, 0.128, 8)
NOISES = np.geomspace(0.0005, 0.05, 9)
MOST = 250  # points of a pool


def likelihoods(pool: Pool, random: np.random.Generator) -> np.ndarray:
    """Log likelihood of each length, size and noise, but for a constant."""
    count = len(pool.y)
    kept = np.sort(random.choice(count, min(count, MOST), replace=False))
    x = {name: values[kept] for name, values in pool.x.items()}
    problem = Problem(laws.get(pool.law), x, pool.y[kept])
    best = Belief.prior(problem, draws=2).after(np.arange(len(kept)), pool.y[kept]).best
    slopes = np.nan_to_num(residuals.jacobian(problem, best))
    basis = np.linalg.qr(slopes, mode="complete")[0][:, np.linalg.matrix_rank(slopes) :]
    apart = basis.T @ residuals.residuals(problem, best)
    found = np.empty((len(LENGTHS), len(SIZES), len(NOISES)))
    for i, length in enumerate(LENGTHS):
        variance, axes = np.linalg.eigh(basis.T @ smooth(x, length) @ basis)
        square = (axes.T @ apart) ** 2
        full = SIZES[:, None, None] ** 2 * np.maximum(variance, 0) + NOISES[:, None] ** 2
        found[i] = -0.5 * np.sum(np.log(full) + square / full, axis=2)
    return found


def main() -> None:
    random, sizes = np.random.default_rng(0), []
    columns = " | ".join(f"{size:.3f}" for size in SIZES)
    print(f"| pool | a third of a decade | size | {columns} |")
    print("|---" * (3 + len(SIZES)) + "|")
    for pool in published():
        found = likelihoods(pool, random)
        weight = np.exp(found - found.max())
        weight /= weight.sum()
        sizes.append(weight.sum(axis=(0, 2)) @ np.log(SIZES))
        score = np.log(np.maximum(weight.sum(axis=(0, 2)), 1e-300))
        each = " | ".join(f"{one:.1f}" for one in score - score.max())
        print(f"| {pool.name} | {weight[0].sum():.2f} | {np.exp(sizes[-1]):.4f} | {each} |")
    print(f"median {np.exp(np.mean(sizes)):.4f}, spread {np.std(sizes, ddof=1):.2f}")


if __name__ == "__main__":
    main()
