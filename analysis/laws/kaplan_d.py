"""L = (D_c / D)^alpha_D

A large model trained on D tokens and stopped early.
Kaplan et al. 2020, "Scaling laws for neural language models", equation 1.2: alpha_D 0.095 and
D_c 5.4e13 tokens. It is the power law with A = D_c^alpha_D.
"""

from . import Exponent, Place

VARIABLES = ("D",)
PARAMETERS = {"D_c": Place(1e-3, 1e9, "D"), "alpha_D": Exponent(0.02, 1.0)}
EXAMPLE = {"D_c": 5.4e13, "alpha_D": 0.095}


def loss(p, x):
    return (p["D_c"] / x["D"]) ** p["alpha_D"]
