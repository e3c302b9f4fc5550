"""Every theory of a calibration task: reference figures, brute force, and one line outside."""

import numpy as np
import pytest
from scipy import stats

from scaling_lab import LabError, populations
from scaling_lab.analysis import theory
from scaling_lab.analysis.theory import zipf_bigrams

MANY = {"items": 1_000_000}
LANGUAGE = {"contexts": 4_096, "vocabulary": 32, "strength": 1.0}


def at(**given):
    """Columns of one point."""
    return {name: np.array([float(x)]) for name, x in ({"epochs": 1.0} | given).items()}


# Theory, settings, point, loss: computed elsewhere. The quanta of the reference are Poisson.
REFERENCE = [
    ("hutter", {"a": 0.25} | MANY, {"N": 1e6, "D": 10}, 6.64722610e-01, 1e-6),
    ("hutter", {"a": 0.25} | MANY, {"N": 1e6, "D": 32}, 5.24021858e-01, 1e-6),
    ("quanta", {"a": 0.4, "threshold": 1} | MANY, {"N": 1e6, "D": 100}, 2.66000673e-01, 3e-3),
    ("quanta", {"a": 0.4, "threshold": 1} | MANY, {"N": 1e6, "D": 316}, 1.90575490e-01, 3e-3),
    ("laplace_circle", {}, {"D": 4}, 5.5938470709e-01, 1e-9),
    ("laplace_circle", {}, {"D": 306}, 1.3588897286e-02, 1e-9),
    ("laplace_circle", {}, {"D": 3_162}, 1.3193681798e-03, 1e-9),
]


@pytest.mark.parametrize(("name", "settings", "point", "loss", "rel"), REFERENCE)
def test_reference_figures(name, settings, point, loss, rel):
    assert theory.values(name, settings, at(**point))[0] == pytest.approx(loss, rel=rel)


def test_bigrams_are_near_the_mean_over_languages():
    """Excess over the entropy, beside the expectation over languages: 0.02953500 nats."""
    settings = {"a": 1.0, "draw": 0} | LANGUAGE
    found = theory.values("zipf_bigrams", settings, at(D=10_000))[0]
    assert found - theory.floor("zipf_bigrams", settings) == pytest.approx(0.029535, rel=0.02)


@pytest.mark.parametrize(("s", "d", "p"), [(1.0, 3, 0.4), (32.0, 40, 0.01), (0.3, 9, 0.9)])
def test_expected_logarithms_are_sums_over_the_binomial(s, d, p):
    n = np.arange(d + 1)
    expected = stats.binom.pmf(n, d, p) @ np.log(s + n)
    found = zipf_bigrams.expected_log(s, d, np.array([p]))[0]
    assert found == pytest.approx(expected, abs=1e-10)


def test_random_features_are_the_recursion_in_their_own_coordinates():
    """The covariance matrix of theta - theta*, step by step, with no eigenbasis."""
    n, d, rate, batch, steps = 24, 6, 0.1, 3, 25
    population = populations.power_law(n, 0.8, 1.7, 0.2)
    W = populations.gaussian_features(n, d, 5)
    D, b = np.diag(population.deviation**2), population.weight
    K = W.T @ D @ W
    best = np.linalg.solve(K, W.T @ D @ b)
    floor = (b - W @ best) @ D @ (b - W @ best) + 0.04
    M, g = np.outer(best, best), 2 * rate
    for _ in range(steps):
        # E of (1 - g x x') M (1 - g x x') for Gaussian x, and noise of variance floor
        fourth = 2 * K @ M @ K + K * np.trace(K @ M)
        M = (
            M
            - g * (K @ M + M @ K)
            + g**2 * ((1 - 1 / batch) * K @ M @ K + fourth / batch + K * floor / batch)
        )
    settings = {"a": 0.8, "b": 1.7, "coordinates": n, "noise": 0.2}
    point = at(N=d, steps=steps, batch_size=batch, learning_rate=rate) | {
        "model.draw": np.ones(1) * 5
    }
    found = theory.values("random_features", settings, point)[0]
    assert found == pytest.approx(np.trace(K @ M) + floor, rel=1e-9)


def test_quanta_are_counted_binomially_and_the_rest_is_lost():
    settings = {"a": 0.6, "items": 50, "threshold": 3}
    p = populations.zipf(50, 0.6)
    expected = p[:20] @ stats.binom.cdf(2, 70, p[:20]) + p[20:].sum()
    assert theory.values("quanta", settings, at(N=20, D=70))[0] == pytest.approx(expected)


def test_a_memoriser_is_a_learner_of_quanta_with_threshold_1():
    point = at(N=50, D=70)
    one = theory.values("quanta", {"a": 0.6, "items": 50, "threshold": 1}, point)
    assert theory.values("hutter", {"a": 0.6, "items": 50}, point)[0] == pytest.approx(one[0])


@pytest.mark.parametrize(
    ("name", "settings", "columns", "said"),
    [
        ("hutter", {"a": 1.0, "items": 9}, at(N=9, D=5, epochs=2), "one pass over the data"),
        ("hutter", {"a": 1.0, "items": 9}, at(N=8, D=5), "for fewer take the theory quanta"),
        ("quanta", {"a": 1.0, "items": 9, "threshold": 2}, at(N=10, D=5), "there are 9 quanta"),
        ("laplace_circle", {}, at(D=1), "gaps between points and D is 1; give 2 or more"),
        (
            "random_features",
            {"a": 1.0, "b": 1.0, "coordinates": 9, "tail": True},
            at(N=3),
            "give the population no tail",
        ),
        (
            "random_features",
            {"a": 1.0, "b": 1.0, "coordinates": 9},
            at(N=10, steps=1, batch_size=1, learning_rate=0.1) | {"model.draw": np.zeros(1)},
            "10 features of 9 coordinates are dependent",
        ),
    ],
)
def test_outside_its_validity(name, settings, columns, said):
    with pytest.raises(LabError, match=said) as error:
        theory.values(name, settings, columns)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", theory.found())
def test_settings_and_variables_are_those_of_the_curve(name):
    module = theory.get(name)
    theory.check(name, module.EXAMPLE)
    runs, settings = getattr(module, "RUNS", {}), getattr(module, "SETTINGS", {})
    assert set(module.EXAMPLE) <= set(settings) or not runs
