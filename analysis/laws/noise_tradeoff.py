"""L = S_min (1 + B_crit / x)

The number of steps needed to reach a given loss with batches of x examples, at the best learning
rate of each: S_min in the limit of large batches, and E_min = S_min B_crit examples in that of
small ones. With E = L x it is the hyperbola of `gradient_noise`, (L / S_min - 1) (E / E_min - 1) =
1, as a function of what an experiment sets. A batch of the critical size B_crit takes twice the
fewest steps, and twice the fewest examples.
McCandlish et al. 2018, "An empirical model of large-batch training", equation 2.11.
"""

from . import Place, Scale

VARIABLES = ("x",)
PARAMETERS = {"S_min": Scale(), "B_crit": Place(1e-2, 1e2)}
RESPONSE = "steps"
EXAMPLE = {"S_min": 240.0, "B_crit": 200.0}
GRID = {"x": (4.0, 4096.0)}


def loss(p, x):
    return p["S_min"] * (1 + p["B_crit"] / x["x"])
