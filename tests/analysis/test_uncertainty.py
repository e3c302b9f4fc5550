"""Uncertainty: intervals come from the data, repeat with the seed, and cover."""

import numpy as np
import pandas as pd
import pytest

from analysis import laws, program, solver, uncertainty
from analysis.fitting import fit
from analysis.penalty import Penalty
from analysis.problem import Problem
from analysis.starts import search, spread

HUBER = Penalty(1e-3)

X = np.repeat(np.geomspace(1e2, 1e6, 10), 3)


def noisy(seed, noise=0.03, clusters=False):
    random = np.random.default_rng(seed)
    error = noise * random.standard_normal(len(X))
    if clusters:
        error = np.repeat(noise * random.standard_normal(len(X) // 3), 3)
    return pd.DataFrame({"D": X, "L": (0.05 + 3 * X**-0.4) * np.exp(error)})


def test_the_same_seed_gives_the_same_intervals():
    first, again, other = (
        fit("power_law_floor", noisy(0), bootstrap=50, seed=s) for s in (1, 1, 2)
    )
    assert first.params == again.params
    assert first.params["alpha"].value == other.params["alpha"].value
    assert first.params["alpha"].low != other.params["alpha"].low


def test_intervals_cover_the_truth():
    held = []
    for seed in range(30):
        frame = noisy(seed)
        problem = Problem(laws.get("power_law_floor"), {"x": X}, frame["L"].to_numpy())
        first = spread(problem, 8)
        optima = search(problem, HUBER, first)
        found = uncertainty.bootstrap(problem, HUBER, optima, first, None, count=100, seed=seed)
        low, high = uncertainty.interval(problem.named(found.theta)["alpha"], 0.95)
        held.append(low < 0.4 < high)
    assert 0.8 <= np.mean(held) <= 1


def test_points_of_one_cluster_are_not_independent():
    frame = noisy(3, clusters=True)
    alone = fit("power_law_floor", frame, bootstrap=100).params["alpha"]
    grouped = frame.assign(cluster=np.repeat(np.arange(len(X) // 3), 3))
    together = fit("power_law_floor", grouped, bootstrap=100).params["alpha"]
    assert together.value == alone.value
    assert together.high - together.low > 1.3 * (alone.high - alone.low)


def test_a_replicate_draws_whole_clusters_and_determines_the_law():
    x = {"x": np.array([1.0, 1.0, 10.0, 10.0, 100.0, 1000.0])}
    problem = Problem(laws.get("power_law_floor"), x, np.ones(6))
    members = np.array([0, 0, 1, 1, 2, 3])
    weights = uncertainty.resampled(problem, members, 200, seed=0)
    assert weights.shape == (200, 6)
    assert (weights[:, 0] == weights[:, 1]).all()
    drawn = weights[:, [0, 2, 4, 5]]
    assert (drawn.sum(axis=1) == 4).all()
    assert ((drawn > 0).sum(axis=1) >= 3).all()


def test_the_band_narrows_where_the_points_are():
    found = fit("power_law_floor", noisy(0), bootstrap=100)
    center, low, high = found.predict({"D": [1e2, 1e4, 1e9]})
    assert (low < center).all()
    assert (center < high).all()
    inside, beyond = np.log(high / low)[[1, 2]]
    assert beyond > 2 * inside
    wider = found.predict({"D": 1e4}, level=0.99)
    assert wider.center.shape == ()
    assert wider.high - wider.low > high[1] - low[1]


@pytest.mark.parametrize("law", ["power_law_floor", "chinchilla"])
def test_every_replicate_is_at_its_own_global_optimum(law):
    random = np.random.default_rng(4)
    x = {"x": X} if law == "power_law_floor" else {"N": 10 * X, "D": random.permutation(X) * 1e3}
    truth = laws.get(law).loss({"E": 0.05, "A": 3.0, "alpha": 0.4, "B": 20.0, "beta": 0.4}, x)
    y = truth * np.exp(0.05 * random.standard_t(3, len(X)))
    problem = Problem(laws.get(law), x, y)
    first = spread(problem)
    optima = search(problem, HUBER, first)
    count = 12
    few = uncertainty.bootstrap(problem, HUBER, optima, first, None, count=count, seed=0)
    weights = uncertainty.resampled(problem, np.arange(len(X)), count, seed=0)
    theta, rows = np.tile(first, (count, 1)), np.repeat(np.arange(count), len(first))
    many = solver.solve(problem, theta, HUBER, weights=weights, rows=rows)
    least = many.objective.reshape(count, -1).min(axis=1)
    reached = [
        float(
            solver.solve(
                problem, few.theta[i : i + 1], HUBER, weights=weights[i : i + 1]
            ).objective[0]
        )
        for i in range(count)
    ]
    assert reached == pytest.approx(least, rel=1e-5)
    objective = [
        float(
            program.evaluate(
                problem, few.theta[i : i + 1], weights, np.array([i]), HUBER
            ).objective[0]
        )
        for i in range(count)
    ]
    assert objective == pytest.approx(least, rel=1e-5)


def test_no_draws_give_no_interval():
    low, high = uncertainty.interval(np.empty((0, 2)), 0.95)
    assert np.isnan([low, high]).all()
