"""L = E_0 (1 - exp(-gamma (x - x_0)))

The error of a model on downstream tasks against its loss x in nats: E_0 for guessing, and 0 at the
loss x_0. Gadre et al. 2024, "Language models scale reliably with over-training and on downstream
tasks", Err = eps - k exp(-gamma L), with eps = E_0 and k = E_0 exp(gamma x_0).
"""

import jax.numpy as jnp

from . import Exponent, Place, Scale

VARIABLES = ("x",)
PARAMETERS = {"E_0": Scale(), "gamma": Exponent(0.1, 5.0), "x_0": Place(0.1, 1.0)}
RESPONSE = "error"
EXAMPLE = {"E_0": 0.86, "gamma": 0.76, "x_0": 1.2}
GRID = {"x": (2.0, 6.0)}


def starts(x, y):
    least = float(x["x"].min())
    return {"x_0": (0.1 * least, 0.99 * least)}


def loss(p, x):
    # Below x_0 the error would be negative; a small positive value keeps its logarithm finite.
    return p["E_0"] * jnp.maximum(-jnp.expm1(-p["gamma"] * (x["x"] - p["x_0"])), 1e-9)
