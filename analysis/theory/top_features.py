"""L = sum_j l_j m_j + sum_{j > N} j^-(1+b) + noise^2,   l_j = j^-(1+a),   j <= N

Linear regression on the first N coordinates of a power-law population by one-pass SGD, with m_j by
the recursion of `_one_pass`: exact at every N, step and batch size. Coordinates beyond N act as
noise, because inputs are Gaussian and independent. At the best N for a compute of C = N x steps,
N ~ C^(1/(2+a)) and L ~ C^(-b/(2+a)) while b/(1+a) < 2 - 1/(1+a). Maloney, Roberts & Sully 2022,
"A solvable model of neural scaling laws"; Paquette et al. 2024.

coordinates, tail, noise: of the population. With a tail there are infinitely many coordinates.
"""

import numpy as np

from scaling_lab.errors import LabError
from scaling_lab.populations import power_sum

from . import _one_pass

VARIABLES = _one_pass.VARIABLES
EXAMPLE = {"a": 1.0, "b": 1.0, "coordinates": 1_024}
RUNS = {"learner": "regression", "model": "top_features"}
SETTINGS = {name: f"data.{name}" for name in ("a", "b", "coordinates", "tail", "noise")}


def curve(a: float, b: float, coordinates: int, tail: bool = False, noise: float = 0.0):
    if tail and b <= 0:
        raise LabError(f"b = {b:g} gives an infinite tail no finite variance; give b above 0")
    j = np.arange(1.0, coordinates + 1)
    variance, share = j ** -(1 + a), j ** -(1 + b)
    beyond = power_sum(1 + b, coordinates) if tail else 0.0

    def spectrum(n: int) -> tuple[np.ndarray, np.ndarray, float]:
        if n > coordinates:
            raise LabError(
                f"{n} features are more than the population's {coordinates} coordinates; "
                "give N of at most these"
            )
        return variance[:n], share[:n] / variance[:n], share[n:].sum() + beyond + noise**2

    return lambda columns: _one_pass.over_points(columns, spectrum)


def floor(a: float, b: float, coordinates: int, tail: bool = False, noise: float = 0.0) -> float:
    return noise**2


def limits(a: float, b: float, **others: float) -> dict[str, float]:
    if b / (1 + a) >= 2 - 1 / (1 + a):
        return {}
    return {"L(C)": b / (2 + a), "N(C)": 1 / (2 + a)}
