"""L = low + (high - low) / (1 + (x_half / x)^k)

Accuracy as a sigmoid in log x: `low` for guessing, `high` at most, and halfway at x_half.
Used for benchmark accuracy against compute by Owen 2024, "How predictable is language model
benchmark performance?", and Ruan et al. 2024, "Observational scaling laws" (with a
known rate of guessing: `bounds={"low": (0.25, 0.25)}`). k is the slope of its log-odds in log x.
"""

from . import Exponent, Place, Scale

VARIABLES = ("x",)
PARAMETERS = {
    "low": Scale(),
    "high": Scale(),
    "x_half": Place(0.03, 30.0),
    "k": Exponent(0.1, 3.0),
}
RESPONSE = "accuracy"
EXAMPLE = {"low": 0.25, "high": 0.9, "x_half": 5e8, "k": 0.8}


def loss(p, x):
    past = 1 / (1 + (p["x_half"] / x["x"]) ** p["k"])
    return p["low"] * (1 - past) + p["high"] * past
