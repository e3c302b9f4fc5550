"""L = E + A x^-c_0 (1 + (x / d_1)^(1 / f_1))^(-c_1 f_1)

A smoothly broken power law above a floor: at the break d_1 the exponent goes from c_0 to
c_0 + c_1, over a range of x that widens with f_1. Exponents may have either sign, so it draws
plateaus, double descents and sudden learning.
Caballero et al. 2022, "Broken neural scaling laws", equation 1. `broken_power_law:2` has two
breaks, and so on; they are numbered from small x to large.
"""

import jax.numpy as jnp

from . import Exponent, Place, Real, Scale

VARIABLES = ("x",)


def member(number):
    """The law with that many breaks."""
    breaks = range(1, number + 1)
    parameters = {"E": Scale(), "A": Scale("x", "c_0"), "c_0": Real(-0.2, 1.0)}
    for i in breaks:
        parameters |= {
            f"c_{i}": Real(-1.0, 2.0),
            f"d_{i}": Place(0.03, 30.0),
            f"f_{i}": Exponent(0.05, 1.0),
        }

    def loss(p, x):
        falls = -p["c_0"] * jnp.log(x["x"])
        for i in breaks:
            # log(1 + (x / d)^(1 / f)) without the power, which would overflow for small f.
            past = jnp.logaddexp(0.0, jnp.log(x["x"] / p[f"d_{i}"]) / p[f"f_{i}"])
            falls = falls - p[f"c_{i}"] * p[f"f_{i}"] * past
        return p["E"] + p["A"] * jnp.exp(falls)

    powers = " ".join(f"(1 + (x / d_{i})^(1 / f_{i}))^(-c_{i} f_{i})" for i in breaks)
    return {
        "equation": f"L = E + A x^-c_0 {powers}",
        "PARAMETERS": parameters,
        "loss": loss,
    }


PARAMETERS = member(1)["PARAMETERS"]
loss = member(1)["loss"]
