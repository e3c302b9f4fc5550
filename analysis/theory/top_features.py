"""L = sum_j l_j m_j + sum_{j > N} j^-(1+b) + noise^2,   l_j = j^-(1+a),   j <= N

Linear regression on the first N coordinates of a power-law population by one-pass SGD, with m_j by
the recursion of `_one_pass`: exact at every N, step and batch size. Coordinates beyond N act as
noise, because inputs are Gaussian and independent. At the best N for a compute of C = N x steps,
N ~ C^(1/(2+a)) and L ~ C^(-b/(2+a)) while b/(1+a) < 2 - 1/(1+a). Maloney, Roberts & Sully 2022,
"A solvable model of neural scaling laws"; Paquette et al. 2024.

coordinates: of the population, infinitely many without it.
"""

import math

import numpy as np
from scipy import special

from scaling_lab.errors import LabError

from . import _one_pass

VARIABLES = _one_pass.VARIABLES
EXAMPLE = {"a": 1.0, "b": 1.0, "coordinates": 1_024}


def curve(a: float, b: float, coordinates: float = math.inf, noise: float = 0.0):
    if min(1 + a, 1 + b) <= 1 and not math.isfinite(coordinates):
        raise LabError(f"a = {a:g} and b = {b:g} have no finite variance; give both above 0")

    def spectrum(n: int) -> tuple[np.ndarray, np.ndarray, float]:
        if n > coordinates:
            raise LabError(
                f"{n} features are more than the population's {coordinates:g} coordinates; "
                "give N of at most these"
            )
        j = np.arange(1.0, n + 1)
        beyond = _tail(1 + b, n) - (_tail(1 + b, coordinates) if coordinates < math.inf else 0.0)
        return j ** -(1 + a), j ** (a - b), beyond + noise**2

    return lambda columns: _one_pass.over_points(columns, spectrum)


def floor(a: float, b: float, coordinates: float = math.inf, noise: float = 0.0) -> float:
    return noise**2


def _tail(exponent: float, n: float) -> float:
    """sum_{j > n} j^-exponent"""
    return float(special.zeta(exponent, n + 1))
