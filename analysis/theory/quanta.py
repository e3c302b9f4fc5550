"""L = sum_{k <= N} p_k P(Binomial(D, p_k) < threshold) + sum_{k > N} p_k,   p_k ~ k^-(1+a)

Quanta of knowledge, of which a model holds the N most used and learns each from `threshold`
examples. L ~ N^-a where data are plentiful, and L ~ D^(-a/(1+a)) where the model is large. Michaud,
Liu, Girit & Tegmark 2023, "The quantization model of neural scaling", section 2. They take Poisson
counts; D independent examples have binomial ones.
"""

import numpy as np
from scipy import special

from scaling_lab import populations
from scaling_lab.errors import LabError

from . import _one_pass

VARIABLES = ("N", "D", "epochs")
EXAMPLE = {"a": 1.0, "items": 10_000, "threshold": 4}
RUNS = {"learner": "memoriser"}
SETTINGS = {"a": "data.a", "items": "data.items", "threshold": "learner.threshold"}


def curve(a: float, items: int, threshold: int):
    probability = populations.zipf(items, a)

    def loss(n: float, d: float) -> float:
        if n > items:
            raise LabError(f"N is {n:g} and there are {items} quanta; give N of at most these")
        held = probability[: round(n)]
        few = special.bdtr(threshold - 1.0, round(d), held)
        return float(held @ few + probability[round(n) :].sum())

    def values(columns):
        _one_pass.require(columns)
        points = zip(np.ravel(columns["N"]), np.ravel(columns["D"]), strict=True)
        return np.array([loss(n, d) for n, d in points])

    return values


def limits(a: float, items: int, threshold: int) -> dict[str, float]:
    return {"L(D)": a / (1 + a), "L(N)": a}
