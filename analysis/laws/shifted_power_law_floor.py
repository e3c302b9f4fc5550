"""L = E + A (x + x_0)^-alpha

A shifted power law above a floor E: a plateau before x_0, a power law after it, a floor at the end.
As a learning curve it competes with `m4`, and is explicit in L. Viering & Loog 2021, "The shape of
learning curves: a review".
"""

from . import Exponent, Place, Scale

VARIABLES = ("x",)
PARAMETERS = {
    "E": Scale(),
    "A": Scale("x", "alpha"),
    "x_0": Place(0.001, 10.0),
    "alpha": Exponent(),
}


def loss(p, x):
    return p["E"] + p["A"] * (x["x"] + p["x_0"]) ** -p["alpha"]
