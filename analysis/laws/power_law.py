"""L = A x^-alpha

A straight line in log-log: the loss while it is far above any floor.
Hestness et al. 2017, "Deep learning scaling is predictable, empirically"; Kaplan et al. 2020,
"Scaling laws for neural language models", section 1.2, with A = x_c^alpha.
"""

from . import Exponent, Scale

VARIABLES = ("x",)
PARAMETERS = {"A": Scale("x", "alpha"), "alpha": Exponent()}


def loss(p, x):
    return p["A"] * x["x"] ** -p["alpha"]
