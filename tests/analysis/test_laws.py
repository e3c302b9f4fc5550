"""Laws: every law is found by its file, keeps its contract and is recovered from its own points."""

import importlib
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest

from analysis import laws, program
from analysis.fitting import fit
from analysis.tables import checked
from scaling_lab.errors import LabError

# The range of a study of each variable, unless the law's file gives its own.
RANGES = {"N": (1e7, 1e10), "D": (1e8, 1e11), "C": (1e18, 1e23), "x": (1e7, 1e10)}


def family(name):
    """The law of that name and, where its file describes a family, another member."""
    module = importlib.import_module(f"analysis.laws.{name}")
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
    return program.predict(law, p, x)


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
    assert values == pytest.approx(truth, rel=1e-5)
    assert found.certificate["share_of_starts"] > 0.05
    assert found.certificate["median_error"] < 1e-8


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
    law = laws.get(name)
    x, _ = columns_of(law)
    p = truth_of(law)
    with program.float64_on_cpu():
        slopes = jax.jit(jax.jacfwd(lambda p: law.loss(p, x)))(p)
    for name, value in p.items():
        step = 1e-5 * abs(value) or 1e-5
        above, below = (loss_of(law, p | {name: value + s}, x) for s in (step, -step))
        expected = (above - below) / (2 * step)
        tolerance = 1e-7 * abs(expected).max()
        assert np.asarray(slopes[name]) == pytest.approx(expected, rel=1e-4, abs=tolerance)


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
