"""L = E_min / (1 - S_min / S)

The number of examples needed to reach a given loss in S steps, as the batch size varies: E_min in
the limit of small batches, S_min steps in the limit of large ones, and in between
(S / S_min - 1) (L / E_min - 1) = 1.
McCandlish et al. 2018, "An empirical model of large-batch training". The critical
batch size is E_min / S_min.
"""

import jax.numpy as jnp

from . import Place, Scale

VARIABLES = ("S",)
PARAMETERS = {"E_min": Scale(), "S_min": Place(1e-4, 1.0, "S")}
RESPONSE = "examples"
EXAMPLE = {"E_min": 2e6, "S_min": 1500.0}
GRID = {"S": (2e3, 2e5)}


def starts(x, y):
    fewest = float(x["S"].min())
    return {"S_min": (0.01 * fewest, 0.99 * fewest)}


def loss(p, x):
    # No number of examples reaches the loss in fewer than S_min steps: the law stays finite there.
    return p["E_min"] / jnp.maximum(1 - p["S_min"] / x["S"], 1e-9)
