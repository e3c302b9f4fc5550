"""L = ((N_c / N)^alpha_N + (D_c / D)^alpha_D)^(-1 / alpha_N - 1 / alpha_D)

Intrinsic performance in reinforcement learning: the least compute with which any model of the
family reaches the return that one of N parameters reaches after D interactions with its
environment. It grows with N and D, and on the frontier it is proportional to compute.
Hilton et al. 2023, "Scaling laws for single-agent reinforcement learning": the power law for
intrinsic performance, I^-beta = (N_c / N)^alpha_N + (E_c / E)^alpha_E with D for their E; by
the definition of I, 1 / beta = 1 / alpha_N + 1 / alpha_D.
"""

from . import Exponent, Place

VARIABLES = ("N", "D")
PARAMETERS = {
    "N_c": Place(1e-12, 1e6, "N"),
    "D_c": Place(1e-12, 1e6, "D"),
    "alpha_N": Exponent(0.05, 2.0),
    "alpha_D": Exponent(0.05, 2.0),
}
RESPONSE = "intrinsic performance"
EXAMPLE = {"N_c": 3e-3, "D_c": 20.0, "alpha_N": 0.3, "alpha_D": 0.4}
GRID = {"N": (1e4, 1e8), "D": (1e6, 1e10)}


def loss(p, x):
    short = (p["N_c"] / x["N"]) ** p["alpha_N"] + (p["D_c"] / x["D"]) ** p["alpha_D"]
    return short ** -(1 / p["alpha_N"] + 1 / p["alpha_D"])


def frontier(p, C, k):
    """Highest performance at C = k N D: alpha_N (N_c/N)^alpha_N = alpha_D (D_c/D)^alpha_D."""
    a, b = p["alpha_N"], p["alpha_D"]
    N = (a / b * p["N_c"] ** a * (C / (k * p["D_c"])) ** b) ** (1 / (a + b))
    D = C / (k * N)
    return {"N": N, "D": D, "L": loss(p, {"N": N, "D": D})}
