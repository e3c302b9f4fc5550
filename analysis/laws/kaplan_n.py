"""L = (N_c / N)^alpha_N

A model of N parameters (without embeddings) trained to convergence on ample data.
Kaplan et al. 2020, "Scaling laws for neural language models", equation 1.1: alpha_N 0.076 and
N_c 8.8e13 in nats per token. It is the power law with A = N_c^alpha_N: the scale at which the loss
would be one.
"""

from . import Exponent, Place

VARIABLES = ("N",)
PARAMETERS = {"N_c": Place(1e-3, 1e9, "N"), "alpha_N": Exponent(0.02, 1.0)}
EXAMPLE = {"N_c": 8.8e13, "alpha_N": 0.076}


def loss(p, x):
    return (p["N_c"] / x["N"]) ** p["alpha_N"]
