"""Relatives of the cases: the same faults in other clothes, and faults that must not be cried."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import recipes
from scaling_lab.analysis.checks import Severity
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.tables import checked

ROLES = {"N": "N", "D": "D", "L": "L"}


def findings(law, frame, roles=None, cluster="auto", **how):
    roles = roles or {role: role for role in ("N", "D", "C", "L") if role in frame}
    table = checked(frame, roles, cluster=cluster)
    found = fit(law, table, **{"bootstrap": 0, **how}).findings
    return {one.check: one for one in reversed(found)}


def test_a_crashed_run_is_named(make_surface):
    frame = make_surface()
    frame.loc[20, "L"] = 9.87
    said = findings("chinchilla", frame)["outliers"]
    assert said.severity == Severity.DOUBT
    assert said.rows == (21,)
    assert "row 21 has loss 9.87" in said.what


def test_a_crashed_run_is_named_by_its_name(make_surface):
    """A page shows no row numbers; where a column names the runs, findings use it."""
    frame = make_surface().assign(run=[f"N=1/seed={i}" for i in range(36)])
    frame.loc[[20, 30], "L"] = [9.87, 6.0]
    found = findings("chinchilla", frame)
    assert found["outliers"].what.startswith("run N=1/seed=20 has loss 9.87")
    assert "so have run N=1/seed=30" in found["outliers"].what
    assert found["outliers"].rows == (21, 31)


def test_two_crashed_runs_are_named_the_farthest_first(make_surface):
    frame = make_surface()
    frame.loc[[4, 30], "L"] = [6.0, 9.0]
    assert findings("chinchilla", frame)["outliers"].rows == (31, 5)


def test_heavy_tails_are_no_crash(make_surface):
    frame = make_surface(noise=0)
    frame["L"] *= np.exp(0.003 * np.random.default_rng(1).standard_t(3, len(frame)))
    found = findings("chinchilla", frame)
    assert all(one.severity == Severity.NOTE for one in found.values())


def test_perplexity_is_no_loss(make_surface):
    frame = make_surface().assign(ppl=lambda f: np.exp(f["L"]))
    named = findings("chinchilla", frame, ROLES | {"L": "ppl"})["units"]
    assert named.what_to_do == "write --columns L=log(ppl)"
    assert named.severity == Severity.INVALID
    nameless = findings("chinchilla", frame.assign(L=frame["ppl"]))["units"]
    assert "perplexity" in nameless.what


def test_nats_of_a_whole_picture_are_no_perplexity(make_surface):
    """Where the table says which learner measured it, a loss of 110 is one."""
    frame = make_surface().assign(L=lambda f: 40 * f["L"])
    assert "units" in findings("chinchilla", frame)
    assert "units" not in findings("chinchilla", frame.assign(learner="vae"))


def test_bits_of_a_loss_are_no_perplexity(make_surface):
    assert "units" not in findings("chinchilla", make_surface().assign(L=lambda f: f["L"] * 1.443))


def test_accuracy_is_no_loss(make_surface):
    frame = make_surface().assign(L=lambda f: 1 - f["L"] / 6)
    assert findings("chinchilla", frame)["units"].severity == Severity.INVALID


def test_accuracy_in_percent_is_no_loss(make_surface):
    """It depends on D much less than on N, so its rank correlation with D is small."""
    frame = make_surface().assign(acc=lambda f: 100 * (1 - f["N"] ** -0.3 * 150 - f["D"] ** -0.5))
    said = findings("chinchilla", frame, ROLES | {"L": "acc"})["units"]
    assert "may be an accuracy or a score" in said.what
    assert "with D" in said.how_bad


def test_tokens_in_billions_without_a_name_that_says_so(make_surface):
    frame = make_surface().assign(D=lambda f: f["D"] / 1e9)
    said = findings("chinchilla", frame)["units"]
    assert "write --columns D=D*1e+09 if it counts 1B" in said.what_to_do
    other = findings("chinchilla", frame.rename(columns={"D": "experts"}), ROLES | {"D": "experts"})
    assert "units" not in other


def test_axes_that_move_together_come_first(make_curve):
    frame = make_curve(levels=9, seeds=1, noise=0.003).assign(N=lambda f: f["D"] / 20)
    table = checked(frame, ROLES)
    first = fit("chinchilla", table, bootstrap=60).findings[0]
    assert "N and D move together" in first.what
    assert first.severity == Severity.INVALID


def test_points_off_the_law_at_one_end_are_a_bend_not_a_crash(make_curve):
    frame = make_curve(levels=16, seeds=1, noise=0.004, p={"E": 0.0, "A": 20.0, "alpha": 0.1})
    frame["L"] *= np.where(frame["D"] > 3e5, 0.8, 1) * np.where(frame["D"] > 6e5, 0.8, 1)
    said = findings("power_law", frame)["outliers"]
    assert set(said.rows) == {14, 15, 16}
    assert "at an end of D: compare a law with a break" in said.what_to_do
    frame = make_curve(levels=16, seeds=1, noise=0.004)
    frame.loc[[3, 15], "L"] *= 1.5
    assert "crashed" in findings("power_law_floor", frame)["outliers"].what_to_do


def test_a_fit_at_the_end_of_its_own_interval(make_curve):
    """A quarter of the points turns off a power law: absolute residuals pass them by."""
    frame = make_curve(levels=13, seeds=1, noise=0.005, p={"E": 0.0, "A": 20.0, "alpha": 0.1})
    frame["L"] *= np.where(frame["D"] > 2e5, (frame["D"] / 2e5) ** -0.12, 1)
    found = fit("power_law", checked(frame, {"D": "D", "L": "L"}), bootstrap=200)
    assert found.params["alpha"].value == found.params["alpha"].low
    (said,) = [one for one in found.findings if "fit and its interval disagree" in one.what]
    assert "alpha" in said.how_bad
    sound = fit("power_law", make_curve(levels=13, seeds=1, p={"E": 0.0, "A": 20.0, "alpha": 0.1}))
    assert not [one for one in sound.findings if "disagree" in one.what]


def test_a_loss_in_percent_of_the_first_is_no_accuracy(make_surface):
    frame = make_surface().assign(L=lambda f: f["L"] / f["L"].max())
    assert "units" not in findings("chinchilla", frame)


@pytest.mark.parametrize(("column", "factor"), [("tokens_B", 1e9), ("params (millions)", 1e6)])
def test_units_in_a_name(make_surface, column, factor):
    role = "D" if "tokens" in column else "N"
    frame = make_surface().assign(**{column: lambda f: f[role] / factor})
    said = findings("chinchilla", frame, ROLES | {role: column})["units"]
    assert f"{role}={column}*{factor:g}" in said.what_to_do


def test_petaflop_days_are_no_flop(make_surface):
    frame = make_surface().assign(C=lambda f: 6 * f["N"] * f["D"] / 8.64e19)
    assert "6 N D is usual" in findings("chinchilla", frame, ROLES)["units"].what


def test_near_copies(make_surface):
    rng = np.random.default_rng(2)
    frame = pd.concat([make_surface()] * 5, ignore_index=True)
    frame["L"] *= np.exp(1e-5 * rng.standard_normal(len(frame)))
    frame["N"] *= np.exp(1e-5 * rng.standard_normal(len(frame)))
    said = findings("chinchilla", frame, cluster="none")["copies"]
    assert said.severity == Severity.DOUBT
    assert "144 rows of 180" in said.what


def test_seeds_are_no_copies(make_surface):
    assert "copies" not in findings("chinchilla", make_surface(4, 4, seeds=20), cluster="none")


def test_an_error_shared_within_a_budget():
    rng = np.random.default_rng(3)
    C = np.repeat(np.geomspace(1e18, 1e21, 9), 7)
    N = 0.15 * C**0.47 * np.tile(np.geomspace(0.2, 5, 7), 9)
    frame = pd.DataFrame({"N": N, "D": C / 6 / N})
    loss = 1.8 + 400 * N**-0.34 + 600 * frame["D"] ** -0.3
    shared = np.repeat(0.004 * rng.standard_normal(9), 7)
    frame["L"] = loss * np.exp(shared + 0.001 * rng.standard_normal(63))
    assert "correlated_residuals" in findings("chinchilla", frame, cluster="none")


def test_seeds_that_are_pooled_with_rates(make_curve):
    frame = make_curve(seeds=3)
    worse = frame.assign(L=frame["L"] * 1.2, optimizer="sgd")
    found = findings("power_law_floor", pd.concat([frame.assign(optimizer="adam"), worse]))
    assert "'optimizer'" in found["pooled"].what


def test_a_rate_that_validation_chose_is_not_pooled(make_curve):
    """Each seed takes the rate that was best for the others, so rates vary within a level.

    The law is wrong in the middle, where another rate is best; rows were chosen by it all the same.
    """
    middle = make_curve(levels=8, seeds=3, noise=0.004)
    at = np.unique(middle["D"], return_inverse=True)[1]
    middle["L"] *= np.where((at > 2) & (at < 6), 1.05, 1)
    best = np.where((at > 2) & (at < 6), 1e-3, 3e-3)
    best[::7] = 3e-3
    tried = [
        middle.assign(learning_rate=rate, seed=np.arange(24) % 3, status="done", N=1e6)
        for rate in (1e-3, 3e-3)
    ]
    runs = pd.concat(tried, ignore_index=True)
    off = (runs["learning_rate"] != np.tile(best, 2)).to_numpy()
    runs["best_valid_loss"] = runs["L"] * np.where(off, 1.2, 1)
    rows = recipes.chosen(runs)
    assert rows.groupby("D")["learning_rate"].nunique().max() == 2
    roles = {"D": "D", "L": "L"}
    assert "pooled" in findings("power_law_floor", runs.assign(L=runs["best_valid_loss"]), roles)
    assert "pooled" not in findings("power_law_floor", rows, roles)


def test_a_break_within_the_table(make_curve):
    frame = make_curve(levels=10, noise=0.005)
    frame["L"] *= np.where(frame["D"] > 3e4, (frame["D"] / 3e4) ** -0.15, 1)
    assert findings("power_law_floor", frame)["lack_of_fit"].severity >= Severity.DOUBT


def test_a_plateau_at_one_end(make_curve):
    """Twelve levels, one run each: the loss of the four largest is what the fourth has."""
    frame = make_curve(levels=12, seeds=1, noise=0.003, p={"E": 0.01, "A": 20.0, "alpha": 0.4})
    frame["L"] = np.maximum(frame["L"], frame["L"].iloc[8])
    assert "lack_of_fit" in findings("power_law", frame)


def test_one_level_off_the_curve_by_more_than_its_seeds(make_curve):
    frame = make_curve(levels=8, seeds=3, noise=0.005)
    level = np.unique(frame["D"])[4]
    frame.loc[frame["D"] == level, "L"] *= 1.06
    assert "lack_of_fit" in findings("power_law_floor", frame)


def test_noise_that_grows_with_the_loss_is_no_lack_of_fit(make_surface):
    frame = make_surface(noise=0, seeds=2)
    rng = np.random.default_rng(5)
    frame["L"] *= np.exp(0.004 * (frame["L"] / 2) ** 2 * rng.standard_normal(len(frame)))
    assert "lack_of_fit" not in findings("chinchilla", frame)


def test_tokens_in_proportion_to_parameters(make_curve):
    frame = make_curve().rename(columns={"D": "C"})
    found = findings("power_law_floor", frame.assign(N=frame["C"] ** 0.5), {"C": "C", "L": "L"})
    assert "N goes as C^0.5" in found["tautology"].how_bad


def test_a_hold_out_that_lies_where_it_should(make_surface):
    found = findings("chinchilla", make_surface(8, 8), holdout="N > 1e9 and D > 5e10")
    assert "holdout" not in found


def test_a_hold_out_far_away(make_curve):
    found = findings("power_law_floor", make_curve(levels=12), holdout="D > 9e3")
    assert "decades beyond the table along D" in found["extrapolation"].what


def test_a_hold_out_of_which_the_floor_is_higher(make_curve):
    frame = make_curve(levels=12)
    frame["L"] = np.where(frame["D"] > 2e5, frame["L"] * 1.08, frame["L"])
    said = findings("power_law_floor", frame, holdout="D > 2e5", bootstrap=60)["holdout"]
    assert "above the law" in said.how_bad
    assert said.rows


def test_a_hold_out_that_fails_claims_no_band(make_curve):
    """The band of runs, which counts the misfit as scatter, holds rows that the check rejects."""
    frame = make_curve(levels=16, seeds=1, noise=0.006, p={"E": 0.0, "A": 20.0, "alpha": 0.1})
    frame["L"] *= np.where(frame["D"] > 4e4, (frame["D"] / 4e4) ** -0.25, 1)
    found = fit("power_law", checked(frame, {"D": "D", "L": "L"}), holdout="D > 2e5")
    assert [one for one in found.findings if one.check == "holdout"]
    assert "band of runs" not in found.summary()
