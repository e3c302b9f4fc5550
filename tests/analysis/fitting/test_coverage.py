"""Coverage: how often the intervals hold the truth, on tables simulated from known laws.

A reduced `benchmarks/coverage.py`, whose designs these are. The standard error of a share of
TABLES tables is about 2%, and parameters of one fit are right or wrong together.
"""

import importlib

import numpy as np
import pytest

from scaling_lab.analysis import fit

TABLES = 120
LEAST = 0.90  # 93% less the scatter: chance is below one in a hundred at that coverage
NAMES = (
    "floor law, 4 levels x 1",
    "floor law, 5 levels x 3",
    "floor law, 8 x 3, cells share",
    "power law, 5 levels x 1",
    "8 runs x 5 checkpoints",
    "8 runs x 5, run not named",
    "10 cells x 4 seeds",
    "10 budgets x 5 sizes",
    "320 rows on 16 cells",
    "surface 5 x 5, t3",
    "surface 5 x 5, 5 near-copies",
    "surface 6 x 8",
)


@pytest.fixture(scope="module")
def designs(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        return importlib.import_module("coverage_designs").designs()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_nominal_95_percent_covers_93(designs, name):
    design = designs[name]
    truth, oracle = design.quantities(design.truth), design.oracle()
    exponents = [one for one in ("alpha", "beta") if one in truth]
    held, widths = [], []
    for seed in range(TABLES):
        found = fit(design.law, design.table(seed), bootstrap=200, starts=8)
        ahead = found.predict(design.ahead)
        ends = {one: (found.params[one].low, found.params[one].high) for one in design.truth}
        ends["ahead"] = float(ahead.low[0]), float(ahead.high[0])
        determined = {one: pair for one, pair in ends.items() if np.isfinite(pair).all()}
        held.append([low <= truth[one] <= high for one, (low, high) in determined.items()])
        widths.append([np.diff(ends[one])[0] / oracle[one] for one in exponents])
    assert np.mean([one for table in held for one in table]) >= LEAST
    assert np.mean([len(table) == len(truth) - ("a" in truth) for table in held]) > 0.9
    # Wide intervals win nothing: one degree of freedom costs a factor of 6.5, three cost 1.6.
    most = 8 if name == "floor law, 4 levels x 1" else 2.7
    assert (np.median(widths, axis=0) < most).all()


def test_the_test_would_notice_rows_taken_for_independent(designs):
    """The same tables without clusters: the intervals of alpha hold the truth far too seldom."""
    design = designs["8 runs x 5 checkpoints"]
    held = []
    for seed in range(40):
        found = fit(design.law, design.table(seed), bootstrap=100, starts=4, cluster="none")
        held.append(
            found.params["alpha"].low <= design.truth["alpha"] <= found.params["alpha"].high
        )
    assert np.mean(held) < 0.85
