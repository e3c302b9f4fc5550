"""L = tanh(pi) D (D - 1) int_0^1 (1 - u)^(D-2) u [coth(2 pi u) - 1 / (2 pi u)] du

Kernel regression without noise on D uniform points of a circle, for a Gaussian process with the
kernel's own covariance cosh(pi - |x|) / cosh(pi), Laplace's kernel made periodic. Given the points,
the error of a gap g is tanh(pi) (g coth(g) - 1), since the process is Markov, and gaps are 2 pi
Beta(1, D - 1). L ~ tanh(pi) 4 pi / (3 D): the exponent is 1/d in d dimensions (Spigler, Geiger &
Wyart 2020, "Asymptotic learning curves of kernel methods"). The deterministic equivalent, which
takes features for Gaussian, is 24% too low.
"""

import numpy as np
from scipy import integrate

from scaling_lab.errors import LabError

from . import _one_pass

VARIABLES = ("D", "epochs")
EXAMPLE = {}
RUNS = {"learner": "kernel_regression"}
SETTINGS = {}


def curve():
    def loss(d: float) -> float:
        if d < 2:
            raise LabError(f"the error has gaps between points and D is {d:g}; give 2 or more")

        def integrand(u: float) -> float:
            return np.exp((d - 2) * np.log1p(-u)) * _error(2 * np.pi * u) / (2 * np.pi)

        ends = (0.0, min(1.0, 60.0 / d))  # beyond it the weight is below e^-60 of its largest
        found, _ = integrate.quad(integrand, *ends, epsabs=0.0, epsrel=1e-10)
        return np.tanh(np.pi) * d * (d - 1) * found

    def values(columns):
        _one_pass.require(columns)
        return np.array([loss(d) for d in np.ravel(columns["D"])])

    return values


def _error(gap: float) -> float:
    """g coth(g) - 1."""
    if gap < 1e-2:
        return gap**2 / 3 - gap**4 / 45
    return gap / np.tanh(gap) - 1


def limits() -> dict[str, float]:
    return {"L(D)": 1.0}
