"""L = (N_c / N)^alpha_N + (S_c / S)^alpha_S

A model of N parameters after S steps on ample data, S counted as if the batch were far above the
critical one (S_min of the paper; see `critical_batch_size`).
Kaplan et al. 2020, "Scaling laws for neural language models", equation 1.6:
alpha_N 0.077, alpha_S 0.76, N_c 6.5e13, S_c 2.1e3.
"""

from . import Exponent, Place

VARIABLES = ("N", "S")
PARAMETERS = {
    "N_c": Place(1e-3, 1e9, "N"),
    "S_c": Place(1e-4, 1e4, "S"),
    "alpha_N": Exponent(0.02, 1.0),
    "alpha_S": Exponent(0.1, 2.0),
}
EXAMPLE = {"N_c": 6.5e13, "S_c": 2.1e3, "alpha_N": 0.077, "alpha_S": 0.76}
GRID = {"S": (1e3, 1e6)}


def loss(p, x):
    return (p["N_c"] / x["N"]) ** p["alpha_N"] + (p["S_c"] / x["S"]) ** p["alpha_S"]
