"""L = E + A x^-c_0 (1 + (x / d_1)^(1 / f_1))^(-c_1 f_1)

A smoothly broken power law above a floor: at the break d_1 the exponent goes from c_0 to
c_0 + c_1, over a range of x that widens with f_1. Exponents may have either sign, so it can
describe plateaus, double descent and sudden learning.
Caballero et al. 2022, "Broken neural scaling laws". `broken_power_law:2` has two
breaks, and so on. They are numbered from small x to large, each given by its distance from the one
before: d_2 = d_1 (1 + r_2). Otherwise breaks could swap places without changing the law.
"""

import jax.numpy as jnp

from . import Exponent, Place, Real, Scale

VARIABLES = ("x",)


def member(number):
    """The law with that many breaks."""
    parameters = {"E": Scale(), "A": Scale("x", "c_0"), "c_0": Real(-0.2, 1.0)}
    breaks = ""
    for i in range(1, number + 1):
        place = {"d_1": Place(0.03, 30.0)} if i == 1 else {f"r_{i}": Exponent(1.0, 100.0)}
        parameters |= {f"c_{i}": Real(-1.0, 2.0)} | place | {f"f_{i}": Exponent(0.05, 1.0)}
        breaks += f" (1 + (x / d_{i})^(1 / f_{i}))^(-c_{i} f_{i})"

    def loss(p, x):
        log_x, log_d = jnp.log(x["x"]), jnp.log(p["d_1"])
        falls = -p["c_0"] * log_x
        for i in range(1, number + 1):
            if i > 1:
                log_d = log_d + jnp.log1p(p[f"r_{i}"])
            # log(1 + (x / d)^(1 / f)) without the power, which would overflow for small f.
            past = jnp.logaddexp(0.0, (log_x - log_d) / p[f"f_{i}"])
            falls = falls - p[f"c_{i}"] * p[f"f_{i}"] * past
        return p["E"] + p["A"] * jnp.exp(falls)

    return {"equation": f"L = E + A x^-c_0{breaks}", "PARAMETERS": parameters, "loss": loss}


PARAMETERS = member(1)["PARAMETERS"]
loss = member(1)["loss"]
