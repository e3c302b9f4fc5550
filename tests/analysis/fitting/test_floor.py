"""Floor: laws without a sibling file are compared with themselves at floor 0."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import checked, fit
from scaling_lab.analysis.fitting import floor


@pytest.mark.parametrize(("level", "preferred"), [(1.7, 1), (0.0, -1)])
def test_a_surface_is_compared_with_itself_without_its_floor(level, preferred):
    n, d = (v.ravel() for v in np.meshgrid(np.geomspace(1e6, 1e8, 6), np.geomspace(1e8, 1e10, 6)))
    noise = 0.002 * np.random.default_rng(0).standard_normal(36)
    loss = (level + 400 * n**-0.34 + 400 * d**-0.28) * np.exp(noise)
    table = checked(pd.DataFrame({"N": n, "D": d, "L": loss}), {k: k for k in "NDL"})
    found = floor.compare(fit("chinchilla", table, bootstrap=40), table)
    assert found
    assert not found.added
    assert found.other.params["E"].value < 1e-200
    assert np.sign(found.aicc) == preferred
