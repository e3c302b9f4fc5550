"""L = E + A x^-alpha

A power law above a floor E, the loss that no amount of x removes: the entropy of the data, and the
limit set by another scale that is held fixed. Henighan et al. 2020, "Scaling laws for
autoregressive generative modeling".
"""

from . import Exponent, Scale

VARIABLES = ("x",)
PARAMETERS = {"E": Scale(), "A": Scale("x", "alpha"), "alpha": Exponent()}


def loss(p, x):
    return p["E"] + p["A"] * x["x"] ** -p["alpha"]
