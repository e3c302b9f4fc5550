"""L = E + A N^-alpha + B D^-beta

A law that others fitted, with their parameters, as a prediction for our runs. Hoffmann et al. 2022,
"Training compute-optimal large language models", equation 2 and section 3.3.
"""

from .. import laws

VARIABLES = ("N", "D")
EXAMPLE = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}


def curve(E: float, A: float, B: float, alpha: float, beta: float):
    p = {"E": E, "A": A, "B": B, "alpha": alpha, "beta": beta}
    return lambda columns: laws.get("chinchilla").loss(p, columns)


def floor(E: float, A: float, B: float, alpha: float, beta: float) -> float:
    return E
