"""L = sum_j l_j m_j + floor,   K = W'DW = Q diag(l) Q',   floor = b'Db - b'DW K^-1 W'Db

Linear regression on N random features of a power-law population by one-pass SGD: the recursion of
`_one_pass` in the eigenbasis of K, exact for the very matrix W that the runs have. D is the
covariance of the inputs, D_jj = j^-(1+a), and b the teacher, b_j^2 = j^(a-b). Averaged over W, at
the best N for a compute of C = N x steps, with alpha = (1+a)/2 and beta = (b-a)/2 and alpha > 1/2:
phase Ia (beta < 1/2) L ~ C^-((2 alpha + 2 beta - 1) / (2 alpha + 1)); phase II (1/2 < beta < alpha)
L ~ C^-((2 alpha + 2 beta - 1) / (2 (alpha + beta))); phase III (beta > alpha) L ~ C^-((4 alpha - 1)
/ (4 alpha)). Paquette, Paquette, Xiao & Pennington 2024, "4+3 phases of compute-optimal neural
scaling laws", table 2.

coordinates, noise: of the population.
"""

import functools

import numpy as np

from scaling_lab import populations
from scaling_lab.errors import LabError

from . import _one_pass

DRAW = "model.draw"
VARIABLES = (*_one_pass.VARIABLES, DRAW)
EXAMPLE = {"a": 1.0, "b": 2.4, "coordinates": 512}
RUNS = {"learner": "regression", "model": "random_features"}
SETTINGS = {name: f"data.{name}" for name in ("a", "b", "coordinates", "noise", "tail")}


def curve(a: float, b: float, coordinates: int, noise: float = 0.0, tail: bool = False):
    if tail:
        raise LabError(
            "random features see every coordinate, so those of an infinite tail are not noise; "
            "give the population no tail"
        )
    population = populations.power_law(coordinates, a, b, noise)

    @functools.cache
    def spectrum(n: int, draw: int) -> tuple[np.ndarray, np.ndarray, float]:
        if n > coordinates:
            raise LabError(
                f"{n} features of {coordinates} coordinates are dependent; give N of at most these"
            )
        features = populations.gaussian_features(coordinates, n, draw)
        scaled = population.deviation[:, None] * features
        values, vectors = np.linalg.eigh(scaled.T @ scaled)
        target = population.deviation * population.weight
        along = vectors.T @ (scaled.T @ target)
        # The part of the target that no theta reaches, without a difference of large numbers.
        rest = target - scaled @ (vectors @ (along / values))
        return values, (along / values) ** 2, float(rest @ rest) + noise**2

    def values(columns):
        return _one_pass.over_points(columns, spectrum, DRAW)

    return values


def floor(a: float, b: float, coordinates: int, noise: float = 0.0, tail: bool = False) -> float:
    return noise**2


def limits(a: float, b: float, **others: float) -> dict[str, float]:
    alpha, beta = (1 + a) / 2, (b - a) / 2
    if alpha <= 0.5 or beta in (0.5, alpha):
        return {}
    if beta < 0.5:
        return {"L(C)": b / (2 * alpha + 1), "N(C)": 1 / (2 * alpha + 1)}
    if beta < alpha:
        return {"L(C)": b / (2 * (alpha + beta)), "N(C)": beta / (alpha + beta)}
    return {"L(C)": (4 * alpha - 1) / (4 * alpha), "N(C)": 0.5}
