"""Synthetic populations: the numbers that training on them shares with the theory of it.

A theory that is exact for one random draw, such as that of a matrix of random features, must know
the draw. So draws are made here, by numpy from a seed of their own, and both the lab and analysis
import them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ENDLESS = 2**31 - 1  # examples of a population: as many as D can count


def endless(source: object) -> bool:
    """Whether a data source is a population, whose examples a learner draws."""
    return bool(getattr(source, "endless", False))


class Linear(NamedTuple):
    """y = <weight, x> + noise e, with independent normal x_j, and e of deviation 1.

    deviation, weight: of each coordinate, float64 of shape (coordinates,). noise: a number.
    """

    deviation: np.ndarray
    weight: np.ndarray
    noise: np.ndarray


def power_law(
    coordinates: int, a: float, b: float, noise: float = 0.0, tail: bool = False
) -> Linear:
    """Coordinate j = 1, 2, ... has variance j^-(1+a) and contributes j^-(1+b) to that of y.

    tail: y depends on infinitely many coordinates. Those that x does not show act as noise.
    """
    j = np.arange(1.0, coordinates + 1)
    beyond = power_sum(1 + b, coordinates) if tail else 0.0
    return Linear(j ** (-(1 + a) / 2), j ** ((a - b) / 2), np.sqrt(noise**2 + beyond))


def power_sum(exponent: float, after: float) -> float:
    """sum_{j > after} j^-exponent, for an exponent above 1."""
    from scipy import special

    return float(special.zeta(exponent, after + 1))
