"""Coverage of comparisons: do intervals of a difference and of a ratio hold the truth?

    python benchmarks/differences.py [--tables 300] [--only floor]

Claims of kind `difference` and `ratio` compare a law's parameter on two sides by MOVER, which joins
the intervals of both. Each pair is two designs of `coverage_designs` with different exponents. Both
sides are fitted with default options, and the intervals of the difference and of the ratio of alpha
are counted where they are determined, as are those of the sides. Width: the median, over that of an
oracle, who knows the law's shape and all variances.
"""

from __future__ import annotations

import argparse
import math
import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from coverage_designs import FLOORED, LINE, POWER, Design, crossed, line, surface

from scaling_lab.analysis import fit
from scaling_lab.analysis.claims import contrast, ratio

DRAWS, STARTS = 400, 16
OTHER = {"alpha": 0.3}  # on the other side


class Pair(NamedTuple):
    """Two designs whose alpha is compared."""

    where: Design
    against: Design

    @property
    def truth(self) -> dict[str, float]:
        """The difference and the ratio."""
        one, other = (side.truth["alpha"] for side in self)
        return {"difference": one - other, "ratio": one / other}

    def intervals(self, seed: int) -> dict[str, tuple[float, float]]:
        """Those of the sides, their difference and their ratio, from tables of this seed."""
        found = [
            fit(side.law, side.table(2 * seed + i), bootstrap=DRAWS, starts=STARTS).params["alpha"]
            for i, side in enumerate(self)
        ]
        one, other = found
        logs = contrast.mover(ratio.logarithm(one), ratio.logarithm(other))[1]
        return {
            "where": (one.low, one.high),
            "against": (other.low, other.high),
            "difference": contrast.mover(one, other)[1],
            "ratio": (math.exp(logs[0]), math.exp(logs[1])),
        }


def pairs() -> dict[str, Pair]:
    """The pairs by name."""
    floor, power = "power_law_floor", "power_law"

    def two(one: Design, other: Design | None = None) -> Pair:
        other = other or one
        return Pair(one, replace(other, truth=dict(other.truth) | OTHER))

    return {
        "power law, 5 levels x 1, both": two(line(5, 1, power, POWER)),
        "power law, 5 levels x 1 and 8 x 3": two(
            line(5, 1, power, POWER), line(8, 3, power, POWER)
        ),
        "floor law, 5 levels x 3, both": two(line(5, 3, floor, LINE)),
        "floor law, 5 x 1 and 8 x 3": two(line(5, 1, floor, LINE), line(8, 3, floor, LINE)),
        "large floor, 8 levels x 3, both": two(line(8, 3, floor, FLOORED | {"alpha": 0.4})),
        "floor law, 8 x 3, cells share, both": two(line(8, 3, floor, LINE, own=0.005, shared=0.01)),
        "surface 5 x 5, both": two(surface(*crossed(5, 5))),
    }


def outcome(pair: Pair, tables: int) -> dict[str, np.ndarray]:
    """For each interval: its ends [tables, 2]."""
    every = [pair.intervals(seed) for seed in range(tables)]
    return {name: np.array([one[name] for one in every]) for name in every[0]}


def coverage(ends: np.ndarray, truth: float) -> tuple[float, float]:
    """The share of determined intervals that hold the truth, and the share that is determined."""
    determined = np.isfinite(ends).all(axis=1)
    low, high = ends[determined].T
    return float(np.mean((low <= truth) & (truth <= high))), float(determined.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=300, help="pairs of tables of each design")
    parser.add_argument("--only", default="", help="pairs whose name has this in it")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| pair | sides | difference | ratio | determined | width / oracle |")
    print("|---|---|---|---|---|---|")
    for name, pair in pairs().items():
        if asked.only not in name:
            continue
        found = outcome(pair, asked.tables)
        truth = pair.truth | {"where": pair[0].truth["alpha"], "against": pair[1].truth["alpha"]}
        held = {key: coverage(ends, truth[key]) for key, ends in found.items()}
        sides = " ".join(f"{held[key][0]:.1%}" for key in ("where", "against"))
        width = np.median(np.diff(found["difference"], axis=1))
        oracle = math.hypot(*(side.oracle()["alpha"] for side in pair))
        print(
            f"| {name} | {sides} | {held['difference'][0]:.1%} | {held['ratio'][0]:.1%} "
            f"| {held['difference'][1]:.0%} | {width / oracle:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
