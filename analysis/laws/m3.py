"""L = A (1/x + 1/x_s)^alpha

M3 of Alabdulmohsin et al. 2022, "Revisiting neural scaling laws in language and vision": a power
law that bends into the floor A x_s^-alpha near x = x_s (their gamma is 1 / x_s). One parameter
sets both the bend and the floor.
"""

from . import Exponent, Place, Scale

VARIABLES = ("x",)
PARAMETERS = {"A": Scale("x", "alpha"), "x_s": Place(0.1, 1e4), "alpha": Exponent()}


def loss(p, x):
    return p["A"] * (1 / x["x"] + 1 / p["x_s"]) ** p["alpha"]
