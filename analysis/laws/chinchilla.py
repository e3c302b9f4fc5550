"""L = E + A N^-alpha + B D^-beta

A floor, what a finite model of N parameters misses, and what finite data of size D miss.
Hoffmann et al. 2022, "Training compute-optimal large language models", equation 2 (approach 3).
With C = 6 N D the best N grows as C^(beta / (alpha + beta)).
"""

from . import Exponent, Scale

VARIABLES = ("N", "D")
PARAMETERS = {
    "E": Scale(),
    "A": Scale("N", "alpha"),
    "B": Scale("D", "beta"),
    "alpha": Exponent(),
    "beta": Exponent(),
}


def loss(p, x):
    return p["E"] + p["A"] * x["N"] ** -p["alpha"] + p["B"] * x["D"] ** -p["beta"]
