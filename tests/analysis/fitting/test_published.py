"""Fits of published tables: the global optimum, and published parameters that fall short of it."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from scaling_lab.analysis.fitting.certificate import judge_parameters
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.frontier.parametric import parametric
from scaling_lab.analysis.tables import checked, load

PUBLISHED = Path(
    os.environ.get(
        "SCALING_LAB_PUBLISHED", Path(__file__).parents[2].parent / "shared" / "published"
    )
)
HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
BESIROGLU = {"E": 1.8169, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3659}


def published(name):
    path = PUBLISHED / name
    if not path.exists():
        pytest.skip(f"no {path}; set SCALING_LAB_PUBLISHED to the folder of published tables")
    return load(path)


@pytest.fixture(scope="module")
def chinchilla_points():
    """245 points that Besiroglu et al. 2024 read off figure 4 of Hoffmann et al. 2022."""
    frame = published("chinchilla/svg_extracted_data.csv")
    frame["D"] = frame["Training FLOP"] / (6 * frame["Model Size"])
    return checked(frame, {"N": "Model Size", "D": "D", "L": "loss"})


@pytest.fixture(scope="module")
def chinchilla(chinchilla_points):
    return fit("chinchilla", chinchilla_points, drop_worst=5, bootstrap=1000)


def test_the_global_optimum_of_the_chinchilla_points(chinchilla):
    assert chinchilla.n == 240
    assert chinchilla.objective <= 0.001018275
    values = {name: parameter.value for name, parameter in chinchilla.params.items()}
    assert values == pytest.approx(
        {"E": 1.81722, "A": 477.826, "B": 2143.42, "alpha": 0.34731, "beta": 0.36717}, rel=1e-3
    )
    assert chinchilla.certificate["share_of_starts"] > 0.98
    assert chinchilla.certificate["gradient"] < 1e-6
    assert chinchilla.certificate["independent"]["objective"] == pytest.approx(
        chinchilla.objective, rel=1e-6
    )
    # The loss depends on N and D jointly, by half a percent: small, but no noise.
    assert [(one.check, one.severity.name) for one in chinchilla.findings] == [
        ("lack_of_fit", "DOUBT"),
        ("outliers", "NOTE"),
        ("left_out", "NOTE"),
    ]
    assert "depend on N and D jointly" in chinchilla.warnings[0]
    assert chinchilla.warnings[2] == "left out: rows 1, 2, 3, 4, 5 (loss is among the 5 highest)"


def test_the_standard_errors_of_the_chinchilla_points(chinchilla):
    # Besiroglu et al. 2024, from 4000 resamplings.
    for name, error in {"alpha": 0.0154, "beta": 0.0206, "E": 0.0257}.items():
        assert chinchilla.params[name].se == pytest.approx(error, rel=0.1)
    share = chinchilla.draws["beta"] / (chinchilla.draws["alpha"] + chinchilla.draws["beta"])
    assert np.std(share) == pytest.approx(0.020, rel=0.1)
    assert chinchilla.certificate["agreement"] == 1


def test_the_frontier_of_the_chinchilla_points(chinchilla):
    # Besiroglu et al. 2024, figure 5: at Gopher's compute about 20 tokens a parameter.
    best = parametric(chinchilla, (1e19, 1e22)).at(np.array([5.76e23]), 0.95)
    (row,) = best.to_dict("records")
    assert 6 * row["N"] * row["D"] == pytest.approx(5.76e23)
    assert row["tokens_per_parameter_low"] < 20 < row["tokens_per_parameter_high"]
    # Decades beyond the largest model and data.
    assert 0.5 < chinchilla.extrapolation({"N": row["N"], "D": row["D"]}) < 0.8


@pytest.mark.parametrize(
    ("how", "beta"),
    [
        ({}, 0.45305),
        ({"drop_worst": 5, "space": "raw"}, 0.373),
        ({"drop_worst": 5, "space": "raw", "penalty": "squares"}, 0.428),
    ],
)
def test_what_is_fitted_moves_beta(chinchilla_points, how, beta):
    found = fit("chinchilla", chinchilla_points, bootstrap=0, **how)
    assert found.params["beta"].value == pytest.approx(beta, abs=6e-4)


def test_outliers_that_move_an_exponent_give_a_warning(chinchilla_points):
    found = fit("chinchilla", chinchilla_points, bootstrap=0)
    assert found.params["alpha"].value == pytest.approx(0.34931, rel=1e-3)
    assert found.params["E"].value == pytest.approx(1.89134, rel=1e-3)
    assert found.certificate["outliers"]["count"] == 5
    assert any("beta is 0.453, and 0.373 without 5 points" in w for w in found.warnings)


def test_published_parameters_are_judged(chinchilla):
    judged = judge_parameters(chinchilla, HOFFMANN)
    assert judged.excess > 2  # the printed digits score several times the least objective
    assert abs(judged.apart["beta"]) > 4
    assert judged.verdict.startswith("not the optimum: the objective is ")
    near = judge_parameters(chinchilla, BESIROGLU)
    assert near.excess < 0.01
    assert max(abs(apart) for apart in near.apart.values()) < 0.1
    best = {name: parameter.value for name, parameter in chinchilla.params.items()}
    assert judge_parameters(chinchilla, best).verdict == "at the optimum"


@pytest.mark.parametrize("total", [np.sum, np.mean])
def test_default_tolerances_stop_short_and_the_certificate_says_so(chinchilla, total):
    """SciPy's L-BFGS-B from Hoffmann's parameters, in their own coordinates, says success."""
    N, D, L = (np.log(chinchilla.points[role].to_numpy()) for role in "NDL")

    def objective(theta):
        a, b, e, alpha, beta = theta
        parts = np.stack([a - alpha * N, b - beta * D, np.full_like(N, e)])
        law = np.logaddexp.reduce(parts)
        r = law - L
        share = np.exp(parts - law)
        pull = np.clip(r, -1e-3, 1e-3)
        cost = np.where(np.abs(r) <= 1e-3, r**2 / 2, 1e-3 * (np.abs(r) - 5e-4))
        slope = (share[0], share[1], share[2], -share[0] * N, -share[1] * D)
        return total(cost), np.array([total(pull * one) for one in slope])

    first = [np.log(HOFFMANN[name]) for name in "ABE"] + [HOFFMANN["alpha"], HOFFMANN["beta"]]
    stopped = optimize.minimize(objective, first, jac=True, method="L-BFGS-B")
    assert stopped.success
    assert stopped.x[4] == pytest.approx(0.285, abs=1e-3)
    theirs = dict(zip("ABE", np.exp(stopped.x[:3]), strict=True))
    theirs |= {"alpha": stopped.x[3], "beta": stopped.x[4]}
    judged = judge_parameters(chinchilla, theirs)
    assert judged.gradient > 1e-2
    assert "not the optimum" in judged.verdict
    assert "the gradient is not 0" in judged.verdict
    assert "beta" in judged.apart
    assert judged.apart["beta"] < -3


@pytest.mark.parametrize("index", range(4))
def test_the_published_optimum_of_gemstones_is_reached_or_beaten(index):
    """McLeish et al. 2025, "Gemstones": two sets, two deltas."""
    row = published("gemstones/published_fits.csv").iloc[index]
    columns = {"N": "params_active_precise", "D": "tokens", "L": "final_loss"}
    table = checked(published(f"gemstones/{row['post']}.csv"), columns)
    delta = 10.0 ** -row["delta"]
    found = fit("chinchilla", table, delta=delta, bootstrap=0)
    assert found.n == row["n"]
    assert found.objective <= row["loss_best"] * (1 + 1e-9)
    assert found.params["beta"].value == pytest.approx(row["best_beta"], rel=1e-2)
