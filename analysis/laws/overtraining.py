"""L = E + A N^-alpha + B D^-alpha

Chinchilla's law with one exponent, which makes the loss a power law of compute above the same floor
at any number of tokens per parameter M = D / N: with C = 6 N D and eta = alpha / 2,
L = E + (a M^eta + b M^-eta) C^-eta, a = A 6^eta, b = B 6^eta.
Gadre et al. 2024, "Language models scale reliably with over-training and on downstream tasks",
fitted there by least squares on the loss itself: `fit(..., penalty="squares",
space="raw")`. The best M is (B / A)^(1 / alpha) at every C.
"""

from . import Exponent, Scale

VARIABLES = ("N", "D")
PARAMETERS = {
    "E": Scale(),
    "A": Scale("N", "alpha"),
    "B": Scale("D", "alpha"),
    "alpha": Exponent(),
}
EXAMPLE = {"E": 1.84, "A": 166.0, "B": 288.0, "alpha": 0.273}


def loss(p, x):
    return p["E"] + p["A"] * x["N"] ** -p["alpha"] + p["B"] * x["D"] ** -p["alpha"]


def frontier(p, C, k):
    tokens_per_parameter = (p["B"] / p["A"]) ** (1 / p["alpha"])
    N = (C / (k * tokens_per_parameter)) ** 0.5
    D = tokens_per_parameter * N
    return {"N": N, "D": D, "L": loss(p, {"N": N, "D": D})}
