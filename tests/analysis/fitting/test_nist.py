"""The certified non-linear regressions of the US National Institute of Standards and Technology.

nist/ holds the points and certified values of NIST's Statistical Reference Datasets (StRD, public
data of the US government: https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml), those of its
problems that are powers, exponentials or ratios. Starts lie in the box between NIST's two.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.laws import Law, Real

NIST = Path(__file__).parent / "nist"
CERTIFIED = pd.read_csv(NIST / "certified.csv").set_index(["problem", "parameter"])

MODELS = {
    "Misra1a": lambda x, b: b[0] * (1 - jnp.exp(-b[1] * x)),
    "Misra1b": lambda x, b: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
    "Misra1c": lambda x, b: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda x, b: b[0] * b[1] * x / (1 + b[1] * x),
    "DanWood": lambda x, b: b[0] * x ** b[1],
    "Chwirut1": lambda x, b: jnp.exp(-b[0] * x) / (b[1] + b[2] * x),
    "Chwirut2": lambda x, b: jnp.exp(-b[0] * x) / (b[1] + b[2] * x),
    "BoxBOD": lambda x, b: b[0] * (1 - jnp.exp(-b[1] * x)),
    "Rat42": lambda x, b: b[0] / (1 + jnp.exp(b[1] - b[2] * x)),
    "Rat43": lambda x, b: b[0] / (1 + jnp.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Thurber": lambda x, b: (
        (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1 + x * (b[4] + x * (b[5] + x * b[6])))
    ),
    "Bennett5": lambda x, b: b[0] * (b[1] + x) ** (-1 / b[2]),
    "MGH09": lambda x, b: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda x, b: b[0] * jnp.exp(b[1] / (x + b[2])),
    "MGH17": lambda x, b: b[0] + b[1] * jnp.exp(-x * b[3]) + b[2] * jnp.exp(-x * b[4]),
    "Lanczos3": lambda x, b: (
        b[0] * jnp.exp(-b[1] * x) + b[2] * jnp.exp(-b[3] * x) + b[4] * jnp.exp(-b[5] * x)
    ),
    "Kirby2": lambda x, b: (b[0] + x * (b[1] + x * b[2])) / (1 + x * (b[3] + x * b[4])),
    "Hahn1": lambda x, b: (
        (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1 + x * (b[4] + x * (b[5] + x * b[6])))
    ),
    "Eckerle4": lambda x, b: b[0] / b[1] * jnp.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
}

# A column of a table is positive: where x is not, the table has exp(x).
SHIFTS = {"Thurber": jnp.log, "MGH17": jnp.log, "Lanczos3": jnp.log}


def points_of(name):
    points = pd.read_csv(NIST / f"{name}.csv")
    x = np.exp(points["x"]) if name in SHIFTS else points["x"]
    return pd.DataFrame({"D": x, "L": points["y"]})


def law_of(name):
    starts = CERTIFIED.loc[name, ["start_1", "start_2"]].dropna()
    ends = {p: Real(min(row), max(row)) for p, row in zip(starts.index, starts.values, strict=True)}

    def loss(p, x):
        return MODELS[name](SHIFTS.get(name, lambda x: x)(x["x"]), [p[one] for one in ends])

    return Law(name, "L = a model of NIST's", ("x",), ends, loss, space="raw")


QUICK = ("Misra1a", "DanWood", "Chwirut2", "Thurber")
ALL = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]


@pytest.mark.parametrize("name", ALL)
def test_certified_values(name):
    found = fit(law_of(name), points_of(name), penalty="squares", bootstrap=0, starts=64)
    assert 2 * found.objective == pytest.approx(CERTIFIED.value[name, "rss"], rel=1e-6)
    for parameter, value in found.params.items():
        certified = CERTIFIED.value[name, parameter]
        digits = -np.log10(abs(value.value / certified - 1) + 1e-16)
        assert digits >= 6, f"{name} {parameter}: {value.value} for {certified}"
