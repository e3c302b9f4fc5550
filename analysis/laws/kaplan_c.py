"""L = (C_c / C)^alpha_C

The least loss at compute C: models of the best size, with ample data and a small batch.
Kaplan et al. 2020, "Scaling laws for neural language models", section 1.2: alpha_C 0.050 and
C_c 3.1e8 petaflop/s-days, which is 2.7e28 FLOP. It is the power law with A = C_c^alpha_C.
"""

from . import Exponent, Place

VARIABLES = ("C",)
PARAMETERS = {"C_c": Place(1e-3, 1e9, "C"), "alpha_C": Exponent(0.02, 1.0)}
EXAMPLE = {"C_c": 2.7e28, "alpha_C": 0.050}


def loss(p, x):
    return (p["C_c"] / x["C"]) ** p["alpha_C"]
