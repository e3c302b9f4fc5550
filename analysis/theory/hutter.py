"""L = sum_i p_i (1 - p_i)^D,   p_i ~ i^-(1+a),   i <= items

A memoriser that is wrong on every item that it has not seen: the probability that D independent
examples hold no item i, times that of meeting it. L ~ D^(-a/(1+a)) far from the last item. Hutter
2021, "Learning curve theory", section 3.
"""

import numpy as np

from scaling_lab import populations
from scaling_lab.errors import LabError

from . import _one_pass

VARIABLES = ("N", "D", "epochs")
EXAMPLE = {"a": 1.0, "items": 10_000}
RUNS = {"learner": "memoriser", "learner.threshold": 1}
SETTINGS = {"a": "data.a", "items": "data.items"}


def curve(a: float, items: int):
    probability = populations.zipf(items, a)

    def values(columns):
        _one_pass.require(columns)
        if (np.asarray(columns["N"]) < items).any():
            raise LabError("a memoriser has a row for every item; for fewer take the theory quanta")
        missed = np.log1p(-probability)[:, None]
        return probability @ np.exp(np.outer(missed, np.ravel(columns["D"])))

    return values


def limits(a: float, items: int) -> dict[str, float]:
    return {"L(D)": a / (1 + a)}
