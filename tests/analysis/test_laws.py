"""Laws: every law is found by its file, keeps its contract and is recovered from its own points."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis import laws, program
from analysis.fitting import fit
from analysis.penalty import Penalty
from analysis.problem import Problem
from scaling_lab.errors import LabError

# Parameters that each law could have in life, here in the units of N and D of the grid below.
TRUTH = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}


def points_of(law):
    n, d = (
        axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e8, 1e11, 6))
    )
    frame = pd.DataFrame({"N": n, "D": d})
    x = {"x": n} if law.variables == ("x",) else {"N": n, "D": d}
    truth = {name: truth_of(name, kind) for name, kind in law.parameters.items()}
    return frame[["N"] if "x" in x else ["N", "D"]].assign(L=law.loss(truth, x)), truth


def truth_of(name, kind):
    if name in TRUTH:
        return TRUTH[name]
    # A law added later need not be listed: any value inside its declared range will do.
    return np.sqrt(kind.low * kind.high) if isinstance(kind, laws.Exponent) else 3.0


@pytest.mark.parametrize("name", laws.names())
def test_a_law_recovers_its_own_parameters(name):
    law = laws.get(name)
    frame, truth = points_of(law)
    found = fit(name, frame, bootstrap=0)
    values = {name: parameter.value for name, parameter in found.params.items()}
    assert values == pytest.approx(truth, rel=1e-6)
    assert found.certificate["share_of_starts"] > 0.9
    assert found.certificate["median_error"] < 1e-9


@pytest.mark.parametrize("name", laws.names())
def test_a_law_keeps_its_contract(name):
    law = laws.get(name)
    assert law.equation.startswith("L = ")
    assert law.variables == ("x",) or set(law.variables) <= {"N", "D", "C"}
    assert law.exponents
    _, truth = points_of(law)
    x = {variable: np.array([3.0, 5.0]) for variable in law.variables}
    # Linear in its scales: twice all of them is twice the loss; one at a time adds up.
    double = truth | {name: 2 * truth[name] for name in law.scales}
    assert law.loss(double, x) == pytest.approx(2 * law.loss(truth, x))
    alone = [
        law.loss(truth | {other: 0.0 for other in law.scales if other != name}, x)
        for name in law.scales
    ]
    assert sum(alone) == pytest.approx(law.loss(truth, x))
    for name in law.scales:
        kind = law.parameters[name]
        if kind.variable:  # declared to multiply variable^-exponent
            assert kind.variable in law.variables
            further = x | {kind.variable: x[kind.variable] * 7.0}
            only = truth | {other: 0.0 for other in law.scales if other != name}
            ratio = law.loss(only, further) / law.loss(only, x)
            assert ratio == pytest.approx(7.0 ** -truth[kind.exponent])


@pytest.mark.parametrize("name", laws.names())
def test_slopes_are_those_of_finite_differences(name):
    law = laws.get(name)
    frame, truth = points_of(law)
    role = {"x": "N"} if law.variables == ("x",) else {v: v for v in law.variables}
    x = {variable: frame[column].to_numpy() for variable, column in role.items()}
    problem = Problem(law, x, 1.1 * frame["L"].to_numpy())
    theta = problem.coordinates(np.array([truth[name] for name in law.parameters]))
    taken, ones = Penalty(1e-3), np.ones((3, len(frame)))
    for i in range(len(theta)):
        step = 1e-5 * np.eye(len(theta))[i]
        at = np.stack([theta, theta + step, theta - step])
        slopes = program.evaluate(problem, at, ones, np.arange(3), taken)
        assert slopes.gradient[0, i] == pytest.approx(
            (slopes.objective[1] - slopes.objective[2]) / 2e-5, rel=1e-4, abs=1e-8
        )


def test_an_unknown_law_is_answered_with_the_nearest():
    with pytest.raises(LabError, match="unknown law 'chinchila'; did you mean 'chinchilla'"):
        laws.get("chinchila")


def test_a_new_law_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "square_root.py").write_text(
        '"""L = A N^-alpha + E"""\n'
        "from analysis.laws import Exponent, Scale\n"
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
        "import sys, analysis, analysis.laws; analysis.load, analysis.laws.names();"
        "print([m for m in ('jax', 'scipy', 'matplotlib', 'optimistix') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
