"""L = E + (E_0 - E) t,  t (1 - t)^-a = 2^(a-1) (x / x_half)^-alpha

M4 of Alabdulmohsin et al. 2022, "Revisiting neural scaling laws in language and vision":
(L - E) / (E_0 - L)^a = A x^-alpha, a curve that starts at the loss E_0 of a model that has learned
nothing, becomes a power law and ends in a floor E. With a = 0 it is M2. For an error, which cannot
exceed one, fit with `bounds={"E_0": (0, 1)}`.

The law is implicit in L. Here A is expressed by x_half, the x at which half of the way from E_0 to
E is covered, since the law is then linear in E and E_0: A = ((E_0 - E) / 2)^(1 - a) x_half^alpha.
t is found by Newton's method in s = log(t / (1 - t)), in which log t - a log(1 - t) increases with
a slope between 1 and a, and is convex or concave throughout.
"""

import jax
import jax.numpy as jnp

from . import Exponent, Place, Scale

VARIABLES = ("x",)
PARAMETERS = {
    "E": Scale(),
    "E_0": Scale(),
    "x_half": Place(0.01, 10.0),
    "alpha": Exponent(),
    "a": Exponent(0.05, 5.0),
}
EXAMPLE = {"E": 0.2, "E_0": 0.98, "x_half": 3e7, "alpha": 0.6, "a": 0.4}
STEPS = 8  # Newton steps: enough for full precision for a from 0.001 to 1000


def loss(p, x):
    t = _share_left(jnp.log(x["x"] / p["x_half"]) * p["alpha"], p["a"])
    return p["E"] * (1 - t) + p["E_0"] * t


def _share_left(z, a):
    """t with t (1 - t)^-a = 2^(a-1) exp(-z)."""
    wanted = (a - 1) * jnp.log(2.0) - z

    def newton(s, wanted, a):
        t = jax.nn.sigmoid(s)
        return s - (a * jax.nn.softplus(s) - jax.nn.softplus(-s) - wanted) / (1 - t + a * t)

    # The root is found without derivatives; two more steps from it have the first three.
    fixed = jax.lax.stop_gradient((wanted, a))
    start = jax.lax.stop_gradient(jnp.where(z > 0, -z, -z / a))
    root = jax.lax.fori_loop(0, STEPS, lambda _, s: newton(s, *fixed), start)
    return jax.nn.sigmoid(newton(newton(root, wanted, a), wanted, a))
