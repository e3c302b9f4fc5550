"""How likely planned seeds are to decide a claim of kind `curve`.

Points are drawn on the curve with the noise of a run, and judged as the claim's kind judges them:
by chi^2, and by the gate's line about the precision of every point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from .. import theory
from ..claims import curve

REPEATS = 400


def decided(seeds: Sequence[int], noise: np.ndarray, precision: float, seed: int = 0) -> float:
    """P(decided) of a curve that is true.

    seeds: runs at each point. noise: standard deviation of a run over the excess loss, at each
    point. precision: the gate's largest standard error over the excess loss.
    """
    random = np.random.default_rng(seed)
    n = np.broadcast_to(np.asarray(seeds, "float64"), (REPEATS, len(seeds)))
    error = np.asarray(noise) / np.sqrt(n)
    se = error * np.sqrt(random.chisquare(np.maximum(n - 1, 1)) / np.maximum(n - 1, 1))
    z = theory.deviates(error * random.standard_normal(n.shape), se, n)
    p = special.chdtrc(n.shape[1], np.sum(z**2, axis=1))
    words = (p >= curve.HELD_AT) | (p < curve.REFUTED_AT)
    return float(np.mean(words & (se <= precision).all(axis=1)))
