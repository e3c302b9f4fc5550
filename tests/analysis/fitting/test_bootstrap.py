"""The bootstrap: intervals come from the data, repeat with the seed, and cover the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import erf

from scaling_lab.analysis import laws
from scaling_lab.analysis.fitting import bootstrap, one_step_bootstrap, residuals, solver
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.fitting.parameter import interval
from scaling_lab.analysis.fitting.penalty import Penalty
from scaling_lab.analysis.fitting.problem import Problem
from scaling_lab.analysis.fitting.starts import search, spread
from scaling_lab.errors import LabError

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
        found = bootstrap.bootstrap(problem, HUBER, optima, first, None, count=100, seed=seed)
        low, high = interval(problem.named(found.theta)["alpha"], 0.95)
        held.append(low < 0.4 < high)
    assert 0.8 <= np.mean(held) <= 1


def test_points_of_one_cluster_are_not_independent():
    frame = noisy(3, clusters=True)
    alone = fit("power_law_floor", frame, bootstrap=100, cluster="none").params["alpha"]
    grouped = frame.assign(cluster=np.repeat(np.arange(len(X) // 3), 3))
    together = fit("power_law_floor", grouped, bootstrap=100).params["alpha"]
    assert together.value == alone.value
    assert together.high - together.low > 1.3 * (alone.high - alone.low)


def test_a_replicate_draws_whole_clusters_and_determines_the_law():
    x = {"x": np.array([1.0, 1.0, 10.0, 10.0, 100.0, 1000.0])}
    problem = Problem(laws.get("power_law_floor"), x, np.ones(6))
    members = np.array([0, 0, 1, 1, 2, 3])
    weights = bootstrap.resampled(problem, members, 200, seed=0)
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
    few = bootstrap.bootstrap(problem, HUBER, optima, first, None, count=count, seed=0)
    weights = bootstrap.resampled(problem, np.arange(len(X)), count, seed=0)
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
            residuals.evaluate(
                problem, few.theta[i : i + 1], weights, np.array([i]), HUBER
            ).objective[0]
        )
        for i in range(count)
    ]
    assert objective == pytest.approx(least, rel=1e-5)


def test_no_draws_give_no_interval():
    low, high = interval(np.empty((0, 2)), 0.95)
    assert np.isnan([low, high]).all()


TRUTH = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
NOISE = 0.01


def long(rows):
    """Runs of a known surface at random N and D."""
    random = np.random.default_rng(0)
    n, d = np.exp(random.uniform(np.log([[1e7], [1e8]]), np.log([[1e10], [1e11]]), (2, rows)))
    loss = laws.get("chinchilla").loss(TRUTH, {"N": n, "D": d})
    error = NOISE * random.standard_normal(rows)
    return pd.DataFrame({"N": n, "D": d, "L": loss * np.exp(error)})


def known_errors(frame, delta=1e-3):
    """Standard errors of Huber's estimate where the noise is normal: Huber 1964, equation 4."""
    n, d = frame["N"].to_numpy(), frame["D"].to_numpy()
    by_size, by_data = n ** -TRUTH["alpha"], d ** -TRUTH["beta"]
    loss = TRUTH["E"] + TRUTH["A"] * by_size + TRUTH["B"] * by_data
    slopes = [np.ones(len(n)), by_size, by_data]
    slopes += [-TRUTH["A"] * by_size * np.log(n), -TRUTH["B"] * by_data * np.log(d)]
    jacobian = np.stack(slopes, axis=1) / loss[:, None]
    z = delta / NOISE
    inside = erf(z / np.sqrt(2))
    square = NOISE**2 * (inside - 2 * z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
    factor = (square + delta**2 * (1 - inside)) / inside**2
    return np.sqrt(factor * np.diag(np.linalg.inv(jacobian.T @ jacobian)))


def test_a_step_of_newton_is_as_good_as_a_descent():
    frame, count = long(5000), 40
    problem = Problem(
        laws.get("chinchilla"), {x: frame[x].to_numpy() for x in ("N", "D")}, frame["L"].to_numpy()
    )
    best, _ = search(problem, HUBER, spread(problem, 16)).best()
    members = np.arange(len(frame))
    taken = one_step_bootstrap.steps(problem, HUBER, best, members, count=count, seed=0, kept=count)
    assert taken is not None
    assert (taken.drawn.sum(axis=1) == len(frame)).all()
    full = solver.solve(
        problem,
        np.tile(best, (count, 1)),
        HUBER,
        weights=taken.drawn,
        rows=np.arange(count),
    ).theta
    spread_of_draws = full.std(axis=0, ddof=1)
    apart = (taken.theta - full) / spread_of_draws
    assert np.sqrt((apart**2).mean(axis=0)).max() < 0.25
    assert taken.theta.std(axis=0, ddof=1) == pytest.approx(spread_of_draws, rel=0.1)


def test_a_long_table_says_how_its_replicates_were_found(monkeypatch):
    monkeypatch.setattr(bootstrap, "LONG", 20_000)
    frame = long(20_001)
    found = fit("chinchilla", frame, bootstrap=60)
    assert found.certificate["solved"] == bootstrap.CHECKED
    assert 0 < found.certificate["step_off"] <= bootstrap.CLOSE
    assert "52 are one Newton step each" in found.summary()
    errors = [found.params[name].se for name in TRUTH]
    assert errors == pytest.approx(known_errors(frame), rel=0.4)


def test_where_a_step_is_not_enough_every_replicate_is_solved(monkeypatch):
    monkeypatch.setattr(bootstrap, "LONG", 100)
    found = fit("chinchilla", long(150), bootstrap=20)
    assert found.certificate["solved"] == 20
    assert "Newton" not in found.summary()


@pytest.mark.slow
def test_a_million_rows_have_the_intervals_that_theory_gives():
    frame = long(10**6)
    found = fit("chinchilla", frame, bootstrap=400)
    assert found.certificate["solved"] == bootstrap.CHECKED
    known = known_errors(frame)
    for (name, value), error in zip(TRUTH.items(), known, strict=True):
        one = found.params[name]
        assert one.se == pytest.approx(error, rel=0.15)  # 400 draws tell it to 3.5%
        assert one.high - one.low == pytest.approx(2 * 1.96 * error, rel=0.2)
        assert abs(one.value - value) < 4 * error


@pytest.mark.parametrize(
    ("count", "said"), [(10**9, "at most"), (10**6, "1200 points exceed the memory")]
)
def test_more_replicates_than_memory_holds_are_refused(count, said):
    frame = pd.concat([noisy(seed) for seed in range(40)])
    with pytest.raises(LabError, match=said):
        fit("power_law_floor", frame, bootstrap=count, cluster="none")
