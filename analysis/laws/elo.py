"""L = clip(m log10(C / C_perfect), -p (boardsize - b_0), 0),  C_perfect = C_0 g^boardsize

Elo, relative to perfect play, of the best agents trained with compute C on boards of several sizes:
a plateau of random play, lower by p for each row of the board beyond b_0; a rise of m Elo for each
tenfold of compute; and perfect play from C_perfect on, which grows g-fold with each row.
Jones 2021, "Scaling scaling laws with board games": the five-parameter change-point model of the
frontiers, a line in log C and board size clamped between a plateau linear in board size and 0;
about 500 Elo for each tenfold of compute.
"""

import jax.numpy as jnp

from . import Exponent, Level, Place

VARIABLES = ("C", "boardsize")
PARAMETERS = {
    "m": Level(0.03, 10.0),
    "C_0": Place(1e-12, 1e2, "C"),
    "g": Exponent(1.5, 100.0),
    "p": Level(0.03, 3.0),
    "b_0": Place(0.01, 0.7, "boardsize"),
}
SPACE = "raw"
RESPONSE = "Elo"
EXAMPLE = {"m": 500.0, "C_0": 3e8, "g": 7.0, "p": 250.0, "b_0": 1.0}
GRID = {"C": (1e8, 1e17), "boardsize": (3.0, 9.0)}


def loss(p, x):
    incline = p["m"] * (jnp.log10(x["C"] / p["C_0"]) - x["boardsize"] * jnp.log10(p["g"]))
    plateau = -p["p"] * (x["boardsize"] - p["b_0"])
    return jnp.minimum(jnp.maximum(incline, plateau), 0.0)
