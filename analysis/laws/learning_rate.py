"""L = A N^a D^b

The best learning rate, or any other hyperparameter, against model size and data; exponents may have
either sign. Li et al. 2025, "Predictable scale, part I: optimal hyperparameter scaling law":
1.79 N^-0.713 D^0.307, N without embeddings.
"""

from . import Real, Scale

VARIABLES = ("N", "D")
PARAMETERS = {"A": Scale(), "a": Real(-1.0, 1.0), "b": Real(-1.0, 1.0)}
RESPONSE = "learning rate"
EXAMPLE = {"A": 1.79, "a": -0.713, "b": 0.307}


def loss(p, x):
    return p["A"] * x["N"] ** p["a"] * x["D"] ** p["b"]
