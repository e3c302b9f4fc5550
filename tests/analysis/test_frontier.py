"""Frontier: the lower envelope of learning curves."""

import numpy as np
import pandas as pd
import pytest

from analysis.envelope import envelope
from scaling_lab.errors import LabError


def test_the_envelope_holds_the_points_that_none_with_less_compute_beats():
    curves = pd.DataFrame(
        {
            "run": ["a", "a", "a", "b", "b", "b"],
            "N": [1, 1, 1, 2, 2, 2],
            "C": [1.0, 2.0, 4.0, 2.0, 4.0, 8.0],
            "test_loss": [3.0, 2.0, 1.9, 2.5, 1.5, 1.5],
        }
    )
    found = envelope(curves)
    assert list(found.columns) == ["C", "N", "run", "L"]
    assert found.values.tolist() == [
        [1.0, 1, "a", 3.0],
        [2.0, 1, "a", 2.0],
        [4.0, 2, "b", 1.5],
    ]


def test_the_envelope_of_noise_is_below_every_point_and_falls():
    random = np.random.default_rng(0)
    curves = pd.DataFrame({"C": random.uniform(1, 10, 200), "L": random.uniform(1, 2, 200)})
    curves.loc[3, "L"] = np.nan
    found = envelope(curves)
    assert (found["C"].diff().dropna() > 0).all()
    assert (found["L"].diff().dropna() < 0).all()
    for row in curves.dropna().itertuples():
        assert found.loc[found["C"] <= row.C, "L"].min() <= row.L


def test_curves_without_a_loss_are_refused():
    with pytest.raises(LabError, match="unknown column 'test_loss'; did you mean 'train_loss'"):
        envelope(pd.DataFrame({"C": [1.0], "train_loss": [2.0]}))
