"""Laws: every law is found by its file, keeps its contract and is recovered from its own points."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import laws
from scaling_lab.analysis.fitting import compiled, dual, residuals
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.fitting.penalty import Penalty, named
from scaling_lab.analysis.fitting.problem import Problem
from scaling_lab.analysis.tables import checked
from scaling_lab.errors import LabError

# Where less than half of the starts lead to the optimum: those from which both breaks lie on the
# right sides of each other, and for Elo, which is flat in all parameters on its clamped parts,
# those whose slope meets the points. Where so few do, a fit says so in a warning.
FEW_STARTS = {"broken_power_law:2": 0.15, "elo": 0.2}

# The range of a study of each variable, unless the law's file gives its own.
RANGES = {"N": (1e7, 1e10), "D": (1e8, 1e11), "C": (1e18, 1e23), "x": (1e7, 1e10)}


def family(name):
    """The law of that name and, where its file describes a family, another member."""
    module = importlib.import_module(f"scaling_lab.analysis.laws.{name}")
    members = [f"{name}:2"] if hasattr(module, "member") else []
    return [name, *members, *([f"{name}+width"] if hasattr(module, "extended") else [])]


NAMES = [member for name in laws.names() for member in family(name)]


def columns_of(law):
    """A grid of points over the law's variables: name -> array, and their geometric means."""
    grid = dict.fromkeys(law.variables, (1e2, 1e4)) | RANGES | law.grid
    count = {1: 16, 2: 6, 3: 6, 4: 4}[len(law.variables)]
    axes = [np.geomspace(*grid[variable], count) for variable in law.variables]
    columns = [axis.ravel() for axis in np.meshgrid(*axes)]
    x = dict(zip(law.variables, columns, strict=True))
    return x, {variable: np.exp(np.log(column).mean()) for variable, column in x.items()}


def truth_of(law):
    """Its example; else the middle of each range, and scales that add one at the grid's middle."""
    _, middle = columns_of(law)
    truth = {name: middle_of(kind, middle) for name, kind in law.parameters.items()} | law.example
    for name in set(law.scales) - set(law.example):
        truth[name] = 1 / loss_of(law, truth | dict.fromkeys(law.scales, 0.0) | {name: 1.0}, middle)
    return {name: float(truth[name]) for name in law.parameters}


def middle_of(kind, middle):
    if isinstance(kind, laws.Scale):
        return 0.0
    if isinstance(kind, laws.Real):
        return (kind.low + kind.high) / 2
    return np.sqrt(kind.low * kind.high) * middle.get(getattr(kind, "variable", ""), 1.0)


def loss_of(law, p, x):
    return residuals.predict(law, p, x)


def table_of(law, x, response):
    """The points as a table; a law of any one variable is given them as a column `amount`."""
    frame = pd.DataFrame({"amount" if k == "x" else k: v for k, v in x.items()} | {"L": response})
    return checked(frame, {name: name for name in frame}, space=law.space)


@pytest.mark.parametrize("name", NAMES)
def test_a_law_recovers_its_own_parameters(name):
    law = laws.get(name)
    x, _ = columns_of(law)
    truth = truth_of(law)
    found = fit(law, table_of(law, x, loss_of(law, truth, x)), bootstrap=0)
    values = {name: parameter.value for name, parameter in found.params.items()}
    assert values == pytest.approx(truth, rel=1e-10)
    assert found.certificate["share_of_starts"] > FEW_STARTS.get(name, 0.5)
    assert found.certificate["median_error"] < 1e-13


@pytest.mark.parametrize("name", NAMES)
def test_a_law_keeps_its_contract(name):
    law = laws.get(name)
    assert law.equation.startswith("L = ")
    assert law.parameters
    assert set(law.example) <= set(law.parameters)
    assert set(law.grid) <= set(law.variables)
    x, middle = columns_of(law)
    truth = truth_of(law)
    response = loss_of(law, truth, x)
    assert response.shape == next(iter(x.values())).shape
    assert np.isfinite(response).all()
    assert law.space == "raw" or (response > 0).all()
    # Linear in its scales: each adds what it is, whatever the others are.
    nothing = dict.fromkeys(law.scales, 0.0)
    if law.scales:
        added = [
            loss_of(law, truth | nothing | {scale: truth[scale]}, x)
            - loss_of(law, truth | nothing, x)
            for scale in law.scales
        ]
        assert sum(added) + loss_of(law, truth | nothing, x) == pytest.approx(response)
    # Declared to multiply variable^-exponent: so it does in any unit of all that has one.
    places = [name for name, kind in law.parameters.items() if isinstance(kind, laws.Place)]
    stretched = {variable: 7.0 * value for variable, value in middle.items()}
    for scale in law.scales:
        kind = law.parameters[scale]
        if kind.variable:
            assert kind.variable in law.variables
            only = truth | nothing | {scale: truth[scale]}
            farther = only | {place: 7.0 * truth[place] for place in places}
            ratio = loss_of(law, farther, stretched) / loss_of(law, only, middle)
            assert ratio == pytest.approx(7.0 ** -truth[kind.exponent])


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_those_of_finite_differences(name):
    """What the fitter evaluates, against its own values, at the example and beside it."""
    law = laws.get(name)
    for problem, theta in places(law):
        expected = differences(lambda moved, p=problem: residuals.residuals(p, moved), theta)
        found = residuals.jacobian(problem, theta)
        assert same_slopes(found, expected), f"at {problem.named(theta)}"
        ones, row = np.ones((1, len(problem))), np.zeros(1, dtype=int)
        at = residuals.evaluate(problem, theta[None], ones, row, named("squares", 1.0))
        assert at.gradient[0] == pytest.approx(expected.T @ residuals.residuals(problem, theta))
        assert at.curvature[0] == pytest.approx(expected.T @ expected)


@pytest.mark.parametrize("name", NAMES)
def test_numpy_and_the_compiled_program_agree(name):
    """On the objective, gradient and curvature of laws that both can evaluate."""
    law = laws.get(name)
    for problem, theta in places(law):
        if not dual.suits(problem):
            assert "jnp." in Path(laws.__file__).with_name(f"{name.split(':')[0]}.py").read_text()
            return
        values = np.tile(problem.values(theta), (3, 1))
        stretch = np.where(problem.logarithmic, values, 1.0)
        weights, rows = np.random.default_rng(0).random((2, len(problem))), np.array([0, 1, 1])
        taken = Penalty(np.array([1e-3, 0.03, 10.0]), np.array([1, 1.8, 1]), np.array([1, 0.2, 1]))
        at = (problem, values, stretch, weights, rows, taken, np.array([0.0, 0.5, 1.0]))
        for one, other in zip(dual.evaluate(*at), compiled.evaluate(*at), strict=True):
            assert one == pytest.approx(other, rel=1e-9, abs=1e-12 * np.abs(other).max())


@pytest.mark.parametrize("wrong", [1e-4, -1e-4])
def test_a_slope_that_is_wrong_by_a_ten_thousandth_is_told_from_a_right_one(wrong):
    problem, theta = next(places(laws.get("chinchilla")))
    expected = differences(lambda moved: residuals.residuals(problem, moved), theta)
    for parameter in range(len(theta)):
        found = residuals.jacobian(problem, theta)
        found[:, parameter] *= 1 + wrong
        assert not same_slopes(found, expected)


def places(law):
    """Problems and coordinates at which slopes are compared: in log and in raw space."""
    random = np.random.default_rng(0)
    x, _ = columns_of(law)
    truth = truth_of(law)
    values = np.array(list(truth.values()))
    beside = values * np.exp(0.05 * random.standard_normal(len(values)))
    response = loss_of(law, truth, x)
    scattered = response * np.exp(0.05 * random.standard_normal(len(response)))
    for space in ("log", "raw") if law.space == "log" else ("raw",):
        problem = Problem(law, x, scattered, space)
        yield from ((problem, problem.coordinates(at)) for at in (values, beside))


def differences(values, theta):
    """Derivatives of values(theta) [points] in each coordinate [points, parameters].

    Central differences of fourth order: what they leave is mostly rounding, below 1e-8.
    """
    columns = []
    for i, at in enumerate(theta):
        step = np.zeros_like(theta)
        step[i] = 2e-4 * max(abs(at), 0.1)
        near, far = (values(theta + k * step) - values(theta - k * step) for k in (1, 2))
        columns.append((8 * near - far) / (12 * step[i]))
    return np.stack(columns, axis=1)


def same_slopes(slopes, expected):
    """Every slope to 1e-6 of itself or, where it is next to nothing, of its parameter's typical."""
    typical = np.sqrt(np.mean(expected**2, axis=0))
    return (np.abs(slopes - expected) <= 1e-6 * (np.abs(expected) + 0.1 * typical)).all()


@pytest.mark.parametrize("name", [name for name in NAMES if laws.get(name).frontier])
def test_a_closed_form_frontier_is_the_best_of_its_compute(name):
    law = laws.get(name)
    p = truth_of(law)
    compute, k = np.array([1e15, 1e18]), 6.0
    best = law.frontier(p, compute, k)
    assert k * best["N"] * best["D"] == pytest.approx(compute)
    assert best["L"] == pytest.approx(loss_of(law, p, {"N": best["N"], "D": best["D"]}))
    better = 1 if law.response == "loss" else -1
    for factor in (0.97, 1.03):
        aside = loss_of(law, p, {"N": best["N"] * factor, "D": best["D"] / factor})
        assert (better * aside > better * best["L"]).all()


def test_an_unknown_law_is_answered_with_the_nearest():
    with pytest.raises(LabError, match="unknown law 'chinchila'; did you mean 'chinchilla'"):
        laws.get("chinchila")


def test_a_new_law_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "square_root.py").write_text(
        '"""L = A N^-alpha + E"""\n'
        "from scaling_lab.analysis.laws import Exponent, Scale\n"
        'VARIABLES = ("N",)\n'
        'PARAMETERS = {"A": Scale("N", "alpha"), "E": Scale(), "alpha": Exponent(0.1, 1.0)}\n'
        'loss = lambda p, x: p["A"] * x["N"] ** -p["alpha"] + p["E"]\n'
    )
    (tmp_path / "half.py").write_text('"""L = ?"""\nVARIABLES = ("N",)\n')
    monkeypatch.setattr(laws, "__path__", [*laws.__path__, str(tmp_path)])
    assert {"square_root", "half", "chinchilla"} <= set(laws.names())
    n = np.geomspace(1, 1e4, 8)
    found = fit("square_root", pd.DataFrame({"N": n, "L": 0.5 + 2 * n**-0.5}), bootstrap=0)
    assert found.params["alpha"].value == pytest.approx(0.5, rel=1e-6)
    with pytest.raises(LabError, match="law 'half' has no PARAMETERS"):
        laws.get("half")


def test_importing_the_package_imports_nothing_heavy():
    program = (
        "import sys; from scaling_lab import analysis; from scaling_lab.analysis import laws;"
        "analysis.load, laws.names();"
        "print([m for m in ('jax', 'scipy', 'matplotlib', 'optimistix') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
