"""Coverage: how often the intervals hold the truth, on tables simulated from a known surface."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import fit

TRUTH = {"E": 1.82, "A": 478.0, "B": 2143.0, "alpha": 0.347, "beta": 0.367}
TABLES = 100  # a setting; the standard error of a share is about 2%


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "data", "noise"), [(5, 5, 0.005), (6, 8, 0.005), (5, 5, 0.02)], ids=str
)
def test_a_nominal_95_percent_covers_90_to_98(sizes, data, noise):
    axes = np.meshgrid(np.geomspace(5e7, 1e10, sizes), np.geomspace(1e9, 4e11, data))
    N, D = (axis.ravel() for axis in axes)
    loss = TRUTH["E"] + TRUTH["A"] * N ** -TRUTH["alpha"] + TRUTH["B"] * D ** -TRUTH["beta"]
    held = []
    for seed in range(TABLES):
        error = noise * np.random.default_rng(seed).standard_normal(len(N))
        table = pd.DataFrame({"N": N, "D": D, "L": loss * np.exp(error)})
        found = fit("chinchilla", table, bootstrap=200, seed=seed).params
        held.append([found[name].low <= TRUTH[name] <= found[name].high for name in TRUTH])
    each = dict(zip(TRUTH, np.mean(held, axis=0), strict=True))
    assert 0.90 <= np.mean(held) <= 0.98, each
