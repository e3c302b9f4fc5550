"""Coverage: how often the intervals hold the truth, on tables simulated from a known surface."""

import numpy as np
import pandas as pd
import pytest

from analysis import fit

TRUTH = {"E": 1.82, "A": 478.0, "B": 2143.0, "alpha": 0.347, "beta": 0.367}
TABLES = 80


@pytest.mark.slow
def test_a_nominal_95_percent_covers_90_to_98():
    N, D = (
        axis.ravel() for axis in np.meshgrid(np.geomspace(5e7, 1e10, 5), np.geomspace(1e9, 4e11, 5))
    )
    loss = TRUTH["E"] + TRUTH["A"] * N ** -TRUTH["alpha"] + TRUTH["B"] * D ** -TRUTH["beta"]
    held = []
    for seed in range(TABLES):
        noise = np.exp(0.005 * np.random.default_rng(seed).standard_normal(len(N)))
        table = pd.DataFrame({"N": N, "D": D, "L": loss * noise})
        found = fit("chinchilla", table, bootstrap=200, seed=seed).params
        held.append([found[name].low <= TRUTH[name] <= found[name].high for name in TRUTH])
    covered = np.mean(held)
    # Five parameters of 80 tables: the standard error is about 2%, and the nominal value 95%.
    assert 0.90 <= covered <= 0.98, dict(zip(TRUTH, np.mean(held, axis=0), strict=True))
