"""Measured: how likely the planned seeds are to decide a claim about measured means.

Means of cells are drawn with the noise of a run, compared as the claim's kind compares them
(Student's interval, Welch's, Holm's procedure), and counted where the word is held or refuted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..claims import cells, level, ordering
from ..claims.cells import Mean
from ..claims.verdict import HELD, REFUTED, in_range, predicted

REPEATS = 400
EXPECTATIONS = 4_000  # a draw of an estimate costs nothing
KINDS = ("value", "ratio", "difference", "ordering")
EXPECTED = ("expected", "error", "freedom")  # options of a claim that only a report evaluates


def decided(
    claim: Mapping[str, Any],
    seeds: Sequence[int],
    noise: float,
    means: Sequence[float] | None,
    seed: int = 0,
) -> float:
    """P(decided) of a claim about means.

    seeds    runs in each cell: of the value; of the two sides; of an ordering, the sides in turn
    noise    standard deviation of a run's logarithm
    means    of the cells, from a pilot; without them the effect is drawn from the claim's range
    """
    random = np.random.default_rng(seed)
    words = []
    for _ in range(REPEATS):
        true = _guess(claim, random) if means is None else means
        log = claim["kind"] == "ratio"
        drawn = [
            _mean(math.log(mean) if log else mean, noise * (1.0 if log else abs(mean)), n, random)
            for mean, n in zip(true, seeds, strict=True)
        ]
        words.append(_word(claim, drawn))
    return sum(word in (HELD, REFUTED) for word in words) / REPEATS


def expected(
    claim: Mapping[str, Any], value: float, error: float, freedom: float, seed: int = 0
) -> float:
    """P(decided) of a claim about an estimate with Student's interval.

    value: what a pilot found, about which the truth is drawn with the standard error. error: that
    of the estimate, with so many degrees of freedom.
    """
    random = np.random.default_rng(seed)
    centre = value + error * random.standard_normal((2, EXPECTATIONS)).sum(0)
    spread = error * np.sqrt(random.chisquare(freedom, EXPECTATIONS) / freedom)
    half = cells.quantile(freedom, level.now()) * spread
    words = [in_range(claim, (c - h, c + h))[0] for c, h in zip(centre, half, strict=True)]
    return sum(word in (HELD, REFUTED) for word in words) / EXPECTATIONS


def _word(claim: Mapping[str, Any], means: Sequence[Mean]) -> str:
    if claim["kind"] == "value":
        return in_range(claim, means[0].interval())[0]
    if claim["kind"] == "ordering":
        pairs = zip(means[::2], means[1::2], strict=True)
        found = {str(i): cells.difference(other, one) for i, (one, other) in enumerate(pairs)}
        return ordering.decided(found)[0]
    low, high = cells.difference(*means).interval()
    if claim["kind"] == "ratio":
        low, high = math.exp(max(low, -700)), math.exp(min(high, 700))
    return in_range(claim, (low, high))[0]


def _mean(center: float, spread: float, n: int, random: np.random.Generator) -> Mean:
    if n < 2:
        return Mean(center + spread * random.standard_normal(), math.nan, n)
    scale = spread * math.sqrt(random.chisquare(n - 1) / (n - 1))
    at = center + spread / math.sqrt(n) * random.standard_normal()
    return Mean(float(at), scale / math.sqrt(n), n)


def _guess(claim: Mapping[str, Any], random: np.random.Generator) -> list[float]:
    """Means that the claim's range allows; a difference is one of losses of about 1."""
    inside = within(claim, random)
    if claim["kind"] == "difference":
        size = claim.get("quantity") or 1.0
        return [size + inside, size]
    return [inside, 1.0] if claim["kind"] == "ratio" else [inside]


def within(claim: Mapping[str, Any], random: np.random.Generator) -> float:
    """A value in the claim's range; a range with one end reaches a factor of two from it."""
    low, high = predicted(claim)
    if math.isinf(low) and math.isinf(high):
        return 1.0
    if math.isinf(high):
        high = low + max(abs(low), 1e-9)
    elif math.isinf(low):
        low = high - abs(high) / 2
    return float(random.uniform(low, high))
