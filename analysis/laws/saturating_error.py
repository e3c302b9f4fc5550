"""L = E + (E_0 - E) / (1 + (x / x_half)^alpha)

An error that starts at E_0, that of guessing, falls as a power of x from about x_half on and levels
off at a floor E: the sigmoid of `saturating_accuracy` upside down. Rosenfeld et al. 2019, "A
constructive prediction of the generalization error across scales", also join the plateau of
guessing to the power law, by another envelope; `m4` leaves the bend free.
"""

from . import Exponent, Place, Scale

VARIABLES = ("x",)
PARAMETERS = {
    "E": Scale(),
    "E_0": Scale(),
    "x_half": Place(0.01, 10.0),
    "alpha": Exponent(),
}
RESPONSE = "error"
EXAMPLE = {"E": 0.05, "E_0": 0.9, "x_half": 1e8, "alpha": 0.5}


def loss(p, x):
    left = 1 / (1 + (x["x"] / p["x_half"]) ** p["alpha"])
    return p["E"] * (1 - left) + p["E_0"] * left
