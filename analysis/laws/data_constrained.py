"""L = E + A (N_e^-alpha + r^alpha D_e^-alpha)

Chinchilla's law with repeated data: U unique tokens are seen D / U times. Repeated tokens, and
parameters beyond the best model for the unique data, are worth less and less:

    D_e = U' (1 + R_D (1 - exp(-(D / U' - 1) / R_D)))      U' = min(U, D)
    N_e = V (1 + R_N (1 - exp(-(N / V - 1) / R_N)))        V = min(N, U' / r)

r is the compute-optimal number of unique tokens per parameter, so that U' / r is the best model for
the unique data; Chinchilla's B is A r^alpha.
Muennighoff et al. 2023, "Scaling data-constrained language models", equations 5 and 6 (section
3.1), with one exponent as they fit it (appendix A): E 1.87, A 521, B 1488 (r 19.5), alpha 0.353,
R_D 15.39, R_N 5.31. After R_D repetitions, seeing a token again is worth 1 / e of a fresh one. R_D
and R_N can only be determined if U varies independently of D and some N exceed U / r.
"""

import jax.numpy as jnp

from . import Exponent, Scale

VARIABLES = ("N", "D", "U")
PARAMETERS = {
    "E": Scale(),
    "A": Scale("N", "alpha"),
    "alpha": Exponent(0.1, 1.0),
    "r": Exponent(1.0, 300.0),
    "R_D": Exponent(1.0, 100.0),
    "R_N": Exponent(1.0, 100.0),
}
EXAMPLE = {"E": 1.87, "A": 521.0, "alpha": 0.353, "r": 19.5, "R_D": 15.39, "R_N": 5.31}
GRID = {"N": (3e7, 1e10), "D": (3e9, 1e12), "U": (1e8, 1e11)}


def loss(p, x):
    unique = jnp.minimum(x["U"], x["D"])
    needed = jnp.minimum(x["N"], unique / p["r"])
    D = _worth(x["D"], unique, p["R_D"])
    N = _worth(x["N"], needed, p["R_N"])
    return p["E"] + p["A"] * (N ** -p["alpha"] + p["r"] ** p["alpha"] * D ** -p["alpha"])


def _worth(amount, first, repeats):
    """The effective amount: `first` in full, and what exceeds it with decay constant `repeats`."""
    return first * (1 + repeats * -jnp.expm1(-(amount / first - 1) / repeats))
