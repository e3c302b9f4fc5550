"""L = E + A N^-alpha + B D^-beta

A floor E, plus the loss due to a finite model of N parameters and to finite data of size D.
Hoffmann et al. 2022, "Training compute-optimal large language models", equation 2 (approach 3).
With C = k N D the least loss lies at N = G (C/k)^(beta/(alpha+beta)), with
G = (alpha A / (beta B))^(1/(alpha+beta)) (equation 4).

`fit(..., tie={"beta": "alpha"})` gives it a single exponent, as in the law `overtraining`.
`chinchilla+width+depth` has a further term for each extra column, such as G_width width^-g_width.
"""

from . import Exponent, Scale

VARIABLES = ("N", "D")
PARAMETERS = {
    "E": Scale(),
    "A": Scale("N", "alpha"),
    "B": Scale("D", "beta"),
    "alpha": Exponent(),
    "beta": Exponent(),
}
EXAMPLE = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}


def loss(p, x):
    return p["E"] + p["A"] * x["N"] ** -p["alpha"] + p["B"] * x["D"] ** -p["beta"]


def frontier(p, C, k):
    total = p["alpha"] + p["beta"]
    ratio = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / total)
    N = ratio * (C / k) ** (p["beta"] / total)
    D = (C / k) / N
    return {"N": N, "D": D, "L": loss(p, {"N": N, "D": D})}


def extended(columns):
    parts = {f"G_{c}": Scale(c, f"g_{c}") for c in columns}
    powers = {f"g_{c}": Exponent() for c in columns}

    def more(p, x):
        return loss(p, x) + sum(p[f"G_{c}"] * x[c] ** -p[f"g_{c}"] for c in columns)

    return {
        "equation": " + ".join(
            ["L = E + A N^-alpha + B D^-beta", *(f"G_{c} {c}^-g_{c}" for c in columns)]
        ),
        "VARIABLES": (*VARIABLES, *columns),
        "PARAMETERS": PARAMETERS | parts | powers,
        "loss": more,
        # The best N and D now depend on how the extra columns vary with them.
        "frontier": None,
    }
