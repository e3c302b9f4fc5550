"""Clusters of a table: found from its columns, from residuals, or as the caller says."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import checked, clustering, compare, fit, optimal
from scaling_lab.analysis.shared_error import groups_of, shared_error
from scaling_lab.errors import LabError

SIZES, DATA = np.geomspace(3e7, 3e9, 8), np.geomspace(2e9, 2e11, 5)
ROLES = {"N": "N", "D": "D", "L": "L"}


def surface(n, d, error=0.0):
    loss = 1.82 + 478 * n**-0.347 + 2143 * d**-0.367
    return pd.DataFrame({"N": n, "D": d, "L": loss * np.exp(error)})


def runs(shared=0.01, own=0.003, seed=0):
    """Checkpoints of eight runs, whose errors differ by run."""
    random = np.random.default_rng(seed)
    run = np.arange(8).repeat(5)
    error = shared * random.standard_normal(8)[run] + own * random.standard_normal(40)
    return surface(SIZES.repeat(5), np.tile(DATA, 8), error).assign(run=run)


@pytest.mark.parametrize("name", ["run", "curve"])
def test_a_column_that_names_runs_makes_clusters(name):
    table = checked(runs().rename(columns={"run": name}), ROLES)
    assert table.clustering.by == name
    assert table.frame["cluster"].nunique() == 8


def test_names_that_are_all_different_make_none():
    frame = runs().assign(run=[f"run {i}" for i in range(40)])
    table = checked(frame, ROLES)
    assert table.clustering.by == "rows"
    assert "cluster" not in table.frame


def test_rows_of_equal_sizes_and_data_are_a_cell():
    frame = pd.concat([runs().drop(columns="run")] * 3, ignore_index=True)
    frame["N"] *= 1 + 1e-9 * np.arange(len(frame))  # sizes that differ by rounding
    table = checked(frame.assign(seed=np.arange(3).repeat(40)), ROLES)
    assert table.clustering.by == "cells"
    assert table.frame["cluster"].nunique() == 40


def test_models_and_data_of_one_size_are_cells_of_their_own():
    frame = pd.concat([runs().drop(columns="run")] * 2, ignore_index=True)
    apart = frame.assign(**{"model.depth": np.arange(2).repeat(40)})
    assert checked(apart, ROLES).clustering.by == "rows"
    assert checked(apart.assign(family="mlp"), ROLES).clustering.by == "rows"


def test_a_field_that_some_records_lack_does_not_split_a_cell():
    """Records from before a field existed hold nothing there; their seeds stay in their cell."""
    frame = pd.concat([runs().drop(columns="run")] * 2, ignore_index=True)
    frame["model.remat"] = [None] * 43 + [False] * 37
    assert checked(frame, ROLES).frame["cluster"].nunique() == 40
    frame["model.depth"] = [1, 2] * 40
    frame.loc[:9, "model.depth"] = None
    told = checked(frame, ROLES).frame["cluster"]
    assert told.nunique() == 40
    frame.loc[40:, "model.depth"] = 3
    assert checked(frame, ROLES).frame.get("cluster", pd.Series(range(80))).nunique() == 70


def test_the_caller_turns_it_off_or_names_a_column():
    off = checked(runs(), ROLES, cluster="none")
    assert off.clustering.by == "none"
    assert "cluster" not in off.frame
    asked = checked(runs().assign(batch=np.arange(40) % 4), ROLES, cluster="batch")
    assert asked.clustering.by == "batch"
    assert asked.frame["cluster"].nunique() == 4
    with pytest.raises(LabError, match="'bach'"):
        checked(runs(), ROLES, cluster="bach")


def test_residuals_show_clusters_that_no_column_names():
    found = fit("chinchilla", runs().drop(columns="run"), bootstrap=100)
    assert found.certificate["clustered_by"] == "N"
    assert found.certificate["clusters"] == 8
    assert "residuals of one N are alike" in found.summary()
    named = fit("chinchilla", runs(), bootstrap=100)
    assert named.certificate["clustered_by"] == "run"
    assert named.params["alpha"] == found.params["alpha"]
    off = fit("chinchilla", runs(), bootstrap=100, cluster="none")
    assert off.certificate["clusters"] == 40
    wide, narrow = (one.params["alpha"].high - one.params["alpha"].low for one in (found, off))
    assert wide > 1.5 * narrow


def test_a_budget_that_shares_an_error_is_the_cluster():
    random = np.random.default_rng(3)
    C = np.geomspace(1e18, 1e22, 10).repeat(5)
    N = np.round(np.sqrt(C / 120) * np.tile(np.geomspace(0.2, 5, 5), 10))  # C differs by rounding
    error = 0.01 * random.standard_normal(10).repeat(5) + 0.003 * random.standard_normal(50)
    found = fit("chinchilla", surface(N, C / 6 / N, error), bootstrap=50)
    assert found.certificate["clustered_by"] == "C"
    assert found.certificate["clusters"] == 10


def test_independent_rows_seldom_look_alike():
    x = np.log(np.geomspace(1, 1e4, 40))
    jacobian = np.stack([np.ones(40), x], axis=1)
    groups = np.arange(40) % 8
    p = [
        shared_error(np.random.default_rng(seed).standard_normal(40), jacobian, groups).p
        for seed in range(400)
    ]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09
    assert 0.4 < np.mean(p) < 0.6


def test_the_shared_part_of_the_variance_is_found():
    random = np.random.default_rng(0)
    groups = np.arange(60).repeat(10)
    residual = 2 * random.standard_normal(60)[groups] + random.standard_normal(600)
    found = shared_error(residual, np.ones((600, 1)), groups)
    assert found.share == pytest.approx(0.8, abs=0.05)
    assert found.p < 1e-10
    residual[7] = 1e6  # a crashed run does not hide it
    assert shared_error(residual, np.ones((600, 1)), groups).share > 0.6


def test_groups_are_neighbours_within_a_tolerance():
    values = np.array([1e20, 1e18, 1e20 * (1 + 1e-9), 2e18, 1.01e18])
    assert groups_of(values, 1e-6).tolist() == [3, 0, 3, 2, 1]
    assert groups_of(values, 0.02).tolist() == [2, 0, 2, 1, 0]


def test_a_frame_is_as_good_as_a_table():
    frame = runs().assign(C=lambda rows: 6 * rows["N"] * rows["D"])
    table = checked(frame, ROLES | {"C": "C"})
    one, other = (
        compare(["chinchilla"], rows, "D > 1e11", bootstrap=50) for rows in (frame, table)
    )
    assert one.summary() == other.summary()
    assert one.best.fit.certificate["clustered_by"] == "run"
    few = frame[frame["run"].isin([0, 2, 4, 6])]
    found = fit("chinchilla", frame, bootstrap=50)
    assert optimal(few, found, bootstrap=20).params["a_parametric"].value > 0


def test_a_group_of_one_or_two_is_not_tested():
    x = {"N": np.array([1e6, 1e6, 1e7, 1e7]), "D": np.geomspace(1e6, 1e9, 4)}
    assert clustering.shared(x, np.ones(4), np.ones((4, 1))) == {}
