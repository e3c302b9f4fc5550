"""How likely the planned runs are to decide a claim about critical batch sizes.

Steps are drawn on the law `noise_tradeoff` at the planned batch sizes, the same noise for all
targets of a cell, and examined as the study `critical_batch` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from scaling_lab.errors import LabError

from ..claims import cells, level
from ..claims.share import clopper_pearson
from ..claims.verdict import HELD, REFUTED, in_range
from ..studies import critical_batch
from . import measured

REPEATS = 200
NOISE = 0.07  # of the logarithm of a cell's mean steps, as a guess before any run
TYPICAL = 200.0  # critical batch size, where a claim does not say
SHARED = 0.5  # of the noise's variance is the same for all targets


def decided(claim: Mapping[str, Any], rows: Any, seed: int = 0) -> float:
    """P(decided) of a claim about a parameter of the study, before any run.

    rows: the planned runs. The claim's option `noise` replaces NOISE. Raises LabError if the
    parameter cannot be simulated.
    """
    noise = float((claim.get("options") or {}).get("noise", NOISE))
    name, _, rest = str(claim["parameter"]).partition(".")
    sizes = _sizes(rows, rest)
    if not sizes:
        raise LabError("the grid has no runs with targets that it rests on")
    draw = {"B_crit": _critical, "N_exponent": _exponent, "rms": _rms, "interior": _interior}
    if name not in draw:
        raise LabError(f"{name} of the study {critical_batch.SLUG} is not simulated")
    random = np.random.default_rng(seed)
    words = [in_range(claim, draw[name](claim, sizes, noise, random))[0] for _ in range(REPEATS)]
    return sum(word in (HELD, REFUTED) for word in words) / REPEATS


Sizes = dict[int, dict[str, list[float]]]  # N -> target -> batch sizes


def _sizes(rows: Any, rest: str) -> Sizes:
    """The planned batch sizes. rest: what follows the parameter's name, TARGET.N or LEARNER."""
    found: Sizes = {}
    if "targets" not in rows:
        return found
    aimed = rows[rows["targets"].fillna("") != ""]
    for (learner, targets, N), part in aimed.groupby(["learner", "targets", "N"]):
        for target in targets.split(", "):
            if rest in (learner, f"{target}.{N}"):
                sizes = sorted(set(part["batch_size"].astype(float)))
                found.setdefault(int(N), {})[target] = sizes
    return found


def _drawn(
    sizes: Sizes, critical: Mapping[int, float], noise: float, random: np.random.Generator
) -> dict[int, dict[str, dict[float, float]]]:
    """Mean logarithms of the steps of every cell."""
    found = {}
    for N, targets in sizes.items():
        shared = {size: random.standard_normal() for one in targets.values() for size in one}
        found[N] = {
            target: {
                size: math.log1p(critical[N] / size)
                + noise * math.sqrt(SHARED) * shared[size]
                + noise * math.sqrt(1 - SHARED) * random.standard_normal()
                for size in own
            }
            for target, own in targets.items()
        }
    return found


def _critical(
    claim: Mapping[str, Any], sizes: Sizes, noise: float, random: np.random.Generator
) -> tuple[float, float]:
    true = measured.within(claim, random)
    drawn = _drawn(sizes, dict.fromkeys(sizes, true), noise, random)
    ((logs,),) = [[*targets.values()] for targets in drawn.values()]
    x, y = np.array([*logs]), np.array([*logs.values()])
    at = float(critical_batch.log_critical(x, y))
    ratio = math.exp(at) / x
    slope = ratio / (1 + ratio)
    residual = y - np.log1p(ratio)
    df = len(x) - critical_batch.FREE
    spread = math.sqrt(float(np.sum((residual - residual.mean()) ** 2)) / df)
    error = spread / math.sqrt(float(np.sum((slope - slope.mean()) ** 2)))
    half = cells.quantile(df, level.now()) * error
    return math.exp(at - half), math.exp(at + half)


def _exponent(
    claim: Mapping[str, Any], sizes: Sizes, noise: float, random: np.random.Generator
) -> tuple[float, float]:
    true = measured.within(claim, random)
    critical = {N: TYPICAL * (N / min(sizes)) ** true for N in sizes}
    found = critical_batch.exponent(_drawn(sizes, critical, noise, random), level.now())
    return found.low, found.high


def _rms(
    claim: Mapping[str, Any], sizes: Sizes, noise: float, random: np.random.Generator
) -> tuple[float, float]:
    drawn = _drawn(sizes, dict.fromkeys(sizes, TYPICAL), noise, random)
    found = critical_batch.rms(drawn, level.now())
    return found.low, found.high


def _interior(
    claim: Mapping[str, Any], sizes: Sizes, noise: float, random: np.random.Generator
) -> tuple[float, float]:
    count = sum(len(own) for targets in sizes.values() for own in targets.values())
    return clopper_pearson(int(random.binomial(count, measured.within(claim, random))), count)
