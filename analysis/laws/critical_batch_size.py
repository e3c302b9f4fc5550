"""L = B_1 x^(-1 / alpha_B)

The critical batch size against the loss x to be reached: beyond it, a larger batch hardly reduces
the number of steps. B_1 is its value at a loss of one.
Kaplan et al. 2020, "Scaling laws for neural language models", equation 1.4: B_1 2e8 tokens,
alpha_B 0.21. `gradient_noise` gives it for one loss, as E_min / S_min.
"""

from . import Exponent, Scale

VARIABLES = ("x",)
PARAMETERS = {"B_1": Scale(), "alpha_B": Exponent(0.05, 2.0)}
RESPONSE = "critical batch size"
EXAMPLE = {"B_1": 2e8, "alpha_B": 0.21}
GRID = {"x": (2.0, 8.0)}


def loss(p, x):
    return p["B_1"] * x["x"] ** (-1 / p["alpha_B"])
