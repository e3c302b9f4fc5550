"""Curves: the least loss that each compute buys, and who reached it."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.frontier.curves import candidates, edge, envelope, inner
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


def test_the_ends_of_an_envelope_have_no_say():
    assert inner(np.array([1, 2, 1, 3, 3, 2, 4])).tolist() == [0, 1, 1, 1, 1, 1, 0]
    assert not inner(np.array([1, 1, 2])).any()


def test_curves_are_read_where_they_lie_and_points_stand_for_themselves():
    frame = pd.DataFrame(
        {
            "C": [1.0, 100, 1, 100, 1, 100, 2],
            "N": [1.0, 1, 2, 2, 3, 3, 7],
            "D": [1.0, 100, 1, 100, 1, 100, 5],
            "L": [4.0, 3.9, 5, 2, 9, 1, 9],
            "cluster": ["a", "a", "b", "b", "c", "c", "d"],
        }
    )
    points = candidates(frame)
    assert points["C"].is_monotonic_increasing
    by_member = dict(list(points.groupby("member")))
    assert by_member[3][["C", "N", "D", "L"]].values.tolist() == [[2, 7, 5, 9]]
    # Straight lines in logarithms.
    curve = by_member[1]
    C = curve["C"].to_numpy()
    assert curve["L"].to_numpy() == pytest.approx(5 * C ** (np.log(0.4) / np.log(100)))
    assert curve["D"].to_numpy() == pytest.approx(C)
    # Each size is best in its turn; the ends have no say.
    columns = {name: points[name].to_numpy() for name in points}
    on = points.iloc[edge(columns, np.array([True, True, True, True]))]
    assert set(on["N"]) == {2}
    crossing = np.log(9 / 5) / np.log(9 / 5 * 2)  # of the second and the third, along log C
    assert on["C"].max() == pytest.approx(100**crossing, rel=0.02)
    assert not len(edge(columns, np.array([True, False, True, True])))
