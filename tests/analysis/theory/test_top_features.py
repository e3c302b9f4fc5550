"""Top features: reference figures, the recursion step by step, and what is outside its validity."""

import numpy as np
import pytest
from scipy import special

from scaling_lab import LabError
from scaling_lab.analysis import theory

# (a, b), N, step, risk: computed elsewhere, with the tail of the spectrum summed to its end.
REFERENCE = [
    (1.0, 1.0, 16, 1, 1.33948006),
    (1.0, 1.0, 16, 3, 9.65233197e-01),
    (1.0, 1.0, 64, 3162, 3.27674114e-02),
    (0.5, 1.0, 45, 100_000, 2.92360289e-02),
    (0.5, 0.5, 128, 10_000, 2.40201810e-01),
]


def at(n, steps, rate, batch_size=1, epochs=1.0):
    """Columns of one point."""
    given = {"N": n, "steps": steps, "learning_rate": rate, "batch_size": batch_size}
    return {name: np.array([float(x)]) for name, x in (given | {"epochs": epochs}).items()}


@pytest.mark.parametrize(("a", "b", "n", "steps", "risk"), REFERENCE)
def test_reference_figures(a, b, n, steps, risk):
    rate = 0.25 / special.zeta(1 + a)
    settings = {"a": a, "b": b, "coordinates": 512, "tail": True}
    found = theory.values("top_features", settings, at(n, steps, rate))
    assert found[0] == pytest.approx(risk, rel=3e-4)


def test_it_is_the_recursion_step_by_step():
    n, rate, batch, noise = 12, 0.1, 3, 0.2
    j = np.arange(1.0, 41)
    variance, share = j**-1.5, j**-1.8
    floor = share[n:].sum() + noise**2
    size, g = variance[:n], 2 * rate
    m = share[:n] / size
    for _ in range(30):
        risk = size @ m + floor
        kept = 1 - 2 * g * size + g**2 * size**2 * (1 + 1 / batch)
        m = m * kept + g**2 / batch * size * risk
    settings = {"a": 0.5, "b": 0.8, "coordinates": 40, "noise": noise}
    found = theory.values("top_features", settings, at(n, 30, rate, batch))
    assert found[0] == pytest.approx(size @ m + floor, rel=1e-10)
    assert theory.floor("top_features", settings) == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("settings", "columns", "said"),
    [
        (
            {"b": 0.0, "tail": True},
            at(4, 1, 0.1),
            "b = 0 gives an infinite tail no finite variance",
        ),
        ({}, at(9, 1, 0.1), "more than the population's 8"),
        ({}, at(4, 1, 2.0), "diverges at a learning rate of 2; give a smaller"),
        ({}, at(4, 9, 0.1, epochs=3.0), "one pass over the data and a run makes 3"),
    ],
)
def test_outside_its_validity(settings, columns, said):
    with pytest.raises(LabError, match=said) as error:
        theory.values("top_features", {"a": 1.0, "b": 1.0, "coordinates": 8} | settings, columns)
    assert "\n" not in str(error.value)


def test_a_tail_is_the_limit_of_many_coordinates():
    base = {"a": 1.0, "b": 1.0}
    more = [base | {"coordinates": c} for c in (1_000, 100_000)]
    more += [base | {"coordinates": c, "tail": True} for c in (8, 1_000)]
    found = [theory.values("top_features", settings, at(8, 50, 0.1))[0] for settings in more]
    assert found[0] < found[1] < found[2]
    assert found[1] == pytest.approx(found[2], rel=1e-3)
    assert found[2] == pytest.approx(found[3], rel=1e-10)
