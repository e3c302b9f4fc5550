"""L = E + A (x + x_0)^-alpha

A power law above a floor, of x and of what was there before, worth x_0 of it: data that came with
a pretrained model, examples that a prior stands for.
Hernandez et al. 2021, "Scaling laws for transfer", where x_0 is the effective data
transferred. With `bounds={"E": (0, 0)}` it has no floor.
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
