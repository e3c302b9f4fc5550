"""Whether a table prefers a floor: both laws, both criteria, and how often that is wrong."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.fitting import floor
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.tables import checked


def table(E, levels=8, seeds=3, alpha=0.5, noise=0.01, seed=0):
    random = np.random.default_rng(seed)
    x = np.repeat(np.geomspace(1e3, 1e5, levels), seeds)
    L = (E + 1e3**alpha * x**-alpha) * np.exp(noise * random.standard_normal(len(x)))
    return checked(pd.DataFrame({"N": x, "L": L}), {"N": "N", "L": "L"})


@pytest.mark.parametrize(("E", "prefers"), [(0.3, "with"), (0.0, "without")])
@pytest.mark.parametrize("law", ["power_law", "power_law_floor"])
def test_the_preference_does_not_depend_on_the_law_that_was_fitted(E, prefers, law):
    made = table(E, seed=4)
    found = floor.compare(fit(law, made, bootstrap=0), made)
    assert found.prefers == prefers
    assert found.added == (law == "power_law")
    assert found.other.law.name == {"power_law": "power_law_floor"}.get(law, "power_law")
    assert (found.aicc > 0) == (prefers == "with")


def test_a_table_is_rarely_wrong_about_its_floor():
    """Of 24 simulated tables (8 of each kind) at most one prefers the wrong law."""
    wrong = 0
    for seed in range(8):
        for E, levels, seeds in ((0.0, 6, 2), (0.1, 6, 2), (0.0, 8, 3)):
            made = table(E, levels, seeds, seed=seed)
            found = floor.compare(fit("power_law_floor", made, bootstrap=0), made)
            wrong += found.prefers == ("with" if E == 0 else "without")
    assert wrong <= 1


def test_a_law_whose_floor_has_no_sibling_is_compared_at_floor_zero():
    random = np.random.default_rng(0)
    N, D = (v.ravel() for v in np.meshgrid(np.geomspace(1e3, 1e6, 6), np.geomspace(1e4, 1e7, 6)))
    L = (1 + 50 * N**-0.4 + 60 * D**-0.4) * np.exp(0.01 * random.standard_normal(36))
    made = checked(pd.DataFrame({"N": N, "D": D, "L": L}), {"N": "N", "D": "D", "L": "L"})
    found = floor.compare(fit("chinchilla", made, bootstrap=0), made)
    assert found.other.law.name == "chinchilla without E"
    assert set(found.other.params) == {"A", "B", "alpha", "beta"}
    assert found.aicc > 10
    assert found.prefers == ""  # without an axis nothing is held out


def test_a_law_without_floor_and_sibling_is_not_compared():
    made = table(0.0)
    assert floor.compare(fit("kaplan_n", made, bootstrap=0), made) is None


def test_few_points_have_no_aicc():
    made = table(0.3, levels=5, seeds=1)
    found = floor.compare(fit("power_law_floor", made, bootstrap=0), made)
    assert found.prefers == ""
    assert found.text.startswith("too few points for AICc")
