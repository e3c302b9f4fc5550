"""Tables of known surfaces, and the findings about their fits."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.fitting.fit import fit

SURFACE = {"E": 1.75, "A": 330.0, "B": 910.0, "alpha": 0.33, "beta": 0.31}
CURVE = {"E": 0.3, "A": 20.0, "alpha": 0.4}


def surface(N, D, p=SURFACE):
    """Chinchilla's law."""
    return p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]


def surface_table(sizes=6, data=6, seeds=1, noise=0.01, seed=0):
    """N, D and L of a grid of runs; `noise` is the standard deviation of log L."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(np.geomspace(3e7, 3e9, sizes), np.geomspace(2e9, 2e11, data))
    N, D = (np.repeat(axis.ravel(), seeds) for axis in axes)
    loss = surface(N, D) * np.exp(noise * rng.standard_normal(len(N)))
    return pd.DataFrame({"N": N, "D": D, "L": loss})


def curve_table(levels=8, seeds=3, noise=0.01, seed=0, p=CURVE):
    """D and L of a power law with a floor."""
    rng = np.random.default_rng(seed)
    D = np.repeat(np.geomspace(1e3, 1e6, levels), seeds)
    loss = (p["E"] + p["A"] * D ** -p["alpha"]) * np.exp(noise * rng.standard_normal(len(D)))
    return pd.DataFrame({"D": D, "L": loss})


@pytest.fixture(scope="session")
def make_surface():
    """Make a table of N and D."""
    return surface_table


@pytest.fixture(scope="session")
def make_curve():
    """Make a table of D."""
    return curve_table


@pytest.fixture(scope="session")
def found():
    """The findings of a check about a fit without intervals: found(check, law, frame, ...)."""

    def of(check, law, frame, **how):
        findings = fit(law, frame, **{"bootstrap": 0, **how}).findings
        return [one for one in findings if one.check == check]

    return of
