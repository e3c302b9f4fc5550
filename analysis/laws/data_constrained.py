"""L = E + A (N_e^-alpha + r^alpha D_e^-alpha)

Chinchilla's law where data repeat: U unique tokens are seen D / U times. A repeated token and a
parameter beyond what the unique data ask for are worth less and less:

    D_e = U' (1 + R_D (1 - exp(-(D / U' - 1) / R_D)))      U' = min(U, D)
    N_e = V (1 + R_N (1 - exp(-(N / V - 1) / R_N)))        V = min(N, U' / r)

r is the number of tokens a parameter at which C = k N D is best spent on unique data, so that
U' / r is the model those data ask for; Chinchilla's B is A r^alpha.
Muennighoff et al. 2023, "Scaling data-constrained language models", equations 5 and 6 (section
3.1), with one exponent as they fit it (appendix A): E 1.87, A 521, B 1488 (r 19.5), alpha 0.353,
R_D 15.39, R_N 5.31. After R_D repetitions a token seen once more is worth 1 / e of a fresh one. U
must vary apart from D, and N reach beyond U / r, for R_D and R_N to be told.
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
    """What `amount` is worth: `first` in full, what repeats it less by e with every `repeats`."""
    return first * (1 + repeats * -jnp.expm1(-(amount / first - 1) / repeats))
