"""L = sum_c q_c [E log(s V + n_c) - sum_j p_cj E log(s + n_cj)],   n_c ~ Binomial(D, q_c)

A bigram model that counts D examples and adds s to each count, on a language whose context c has
probability q_c ~ c^-(1+a) and tokens p_cj, drawn once from a Dirichlet distribution. n_cj is
Binomial(D, q_c p_cj). Expectations of logarithms are exact integrals,

    E log(s + n) = int_0^inf [e^-t - e^-st (1 - p + p e^-t)^D] / t dt

The excess over the entropy of the language falls as D^(-a/(1+a)) while contexts remain that were
never seen. Compare Cagnetta et al. 2024 on bigrams, and Hutter 2021 for the exponent.

draw: seed of the language. smoothing: s.
"""

import numpy as np
from scipy import interpolate, special

from scaling_lab import populations

from . import _one_pass

VARIABLES = ("D", "epochs")
EXAMPLE = {"contexts": 64, "vocabulary": 8, "a": 1.0, "strength": 1.0, "draw": 0}
RUNS = {"learner": "bigram_counts"}
SETTINGS = {
    **{name: f"data.{name}" for name in ("contexts", "vocabulary", "a", "strength", "draw")},
    "smoothing": "learner.smoothing",
}
NODES = np.exp(np.arange(-34.0, 6.0, 0.25))  # t of the integral, evenly spaced in log t
STEP = 0.25
KNOTS, LEAST = 4_096, 1e-16  # of a spline in log p for many p, and the smallest p told from 0


def curve(
    contexts: int,
    vocabulary: int,
    a: float,
    strength: float,
    draw: int,
    smoothing: float = 1.0,
):
    q_C, p_CV = _language(contexts, vocabulary, a, strength, draw)

    joint_CV = q_C[:, None] * p_CV

    def loss(d: float) -> float:
        total = q_C @ expected_log(smoothing * vocabulary, d, q_C)
        return float(total - np.sum(joint_CV * expected_log(smoothing, d, joint_CV)))

    def values(columns):
        _one_pass.require(columns)
        return np.array([loss(d) for d in np.ravel(columns["D"])])

    return values


def floor(
    contexts: int,
    vocabulary: int,
    a: float,
    strength: float,
    draw: int,
    smoothing: float = 1.0,
) -> float:
    q_C, p_CV = _language(contexts, vocabulary, a, strength, draw)
    return float(q_C @ special.entr(p_CV).sum(1))


def limits(a: float, **others: float) -> dict[str, float]:
    return {"L(D)": a / (1 + a)}


def expected_log(s: float, d: float, p: np.ndarray) -> np.ndarray:
    """E log(s + Binomial(d, p)), an array like p; s > 0.

    By the trapezoidal rule in log t, which converges exponentially here. Both parts of the
    integrand are 1 as t -> 0; their difference is taken without cancellation.
    """
    if p.size > KNOTS:  # smooth in log p: the spline is exact to 1e-10
        log_p = np.log(np.maximum(p, LEAST))
        knots = np.linspace(log_p.min(), log_p.max(), KNOTS)
        return interpolate.CubicSpline(knots, expected_log(s, d, np.exp(knots)))(log_p)
    total = np.zeros_like(p)
    for t in NODES:
        # log of e^-st (1 - p + p e^-t)^d, times e^t
        exponent = (1.0 - s) * t + d * np.log1p(p * np.expm1(-t))
        total -= STEP * np.exp(-t) * np.expm1(exponent)
    return total


def _language(
    contexts: int, vocabulary: int, a: float, strength: float, draw: int
) -> tuple[np.ndarray, np.ndarray]:
    rows = populations.dirichlet_rows(contexts, vocabulary, strength, draw)
    return populations.zipf(contexts, a), rows
