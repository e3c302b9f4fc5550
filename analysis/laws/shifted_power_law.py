"""L = A (x + x_0)^-alpha

A power law with a head start worth x_0 of x: the data that a pretrained model has seen, or the
examples that a prior is worth. Hernandez et al. 2021, "Scaling laws for transfer", where
x_0 is the effective data transferred.
"""

from . import Exponent, Place, Scale

VARIABLES = ("x",)
PARAMETERS = {"A": Scale("x", "alpha"), "x_0": Place(0.001, 10.0), "alpha": Exponent()}


def loss(p, x):
    return p["A"] * (x["x"] + p["x_0"]) ** -p["alpha"]
