"""L = ((N_c / N)^(alpha_N / alpha_D) + D_c / D)^alpha_D

Model and data together: either power law if the other scale is ample, and overfitting that depends
on N^(alpha_N / alpha_D) / D alone.
Kaplan et al. 2020, "Scaling laws for neural language models", equation 1.5 and table 2:
alpha_N 0.076, alpha_D 0.103, N_c 6.4e13, D_c 1.8e13.

Along C = k N D the loss is least where the derivative of the bracket is zero: with
q = alpha_N / alpha_D, at N = (q N_c^q C / (k D_c))^(1 / (1 + q)).
"""

from . import Exponent, Place

VARIABLES = ("N", "D")
PARAMETERS = {
    "N_c": Place(1e-2, 1e8, "N"),
    "D_c": Place(1e-2, 1e8, "D"),
    "alpha_N": Exponent(0.02, 1.0),
    "alpha_D": Exponent(0.02, 1.0),
}
EXAMPLE = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}


def loss(p, x):
    by_size = (p["N_c"] / x["N"]) ** (p["alpha_N"] / p["alpha_D"])
    return (by_size + p["D_c"] / x["D"]) ** p["alpha_D"]


def frontier(p, C, k):
    q = p["alpha_N"] / p["alpha_D"]
    N = (q * p["N_c"] ** q * C / (k * p["D_c"])) ** (1 / (1 + q))
    D = C / (k * N)
    return {"N": N, "D": D, "L": loss(p, {"N": N, "D": D})}
