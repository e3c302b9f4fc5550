"""Every kind of parameter, raw space, extra columns and families: what a law's file may hold."""

import re
import sys

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import laws
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.tables import checked
from scaling_lab.cli import main
from scaling_lab.errors import LabError

X = np.geomspace(1e18, 1e22, 14)

FILES = {
    "clamped_line": (
        '"""L = min(top, slope log10(x) + offset)"""\n'
        "import jax.numpy as jnp\n"
        "from scaling_lab.analysis.laws import Real\n"
        'VARIABLES = ("x",)\n'
        'PARAMETERS = {"slope": Real(0, 2000), "offset": Real(), "top": Real()}\n'
        'SPACE, RESPONSE = "raw", "Elo"\n'
        "def starts(x, y):\n"
        '    return {"offset": (-5e4, 0.0), "top": (float(y.min()), 2 * float(abs(y).max()))}\n'
        "def loss(p, x):\n"
        '    line = p["slope"] * jnp.log10(x["x"]) + p["offset"]\n'
        '    return jnp.minimum(p["top"], line)\n'
    ),
    "ceiling": (
        '"""L = top / (1 + (mid / x)^slope)"""\n'
        "from scaling_lab.analysis.laws import Exponent, Level, Place\n"
        'VARIABLES = ("x",)\n'
        'PARAMETERS = {"top": Level(), "mid": Place(0.01, 100.0), "slope": Exponent(0.1, 3.0)}\n'
        'RESPONSE = "accuracy"\n'
        'loss = lambda p, x: p["top"] / (1 + (p["mid"] / x["x"]) ** p["slope"])\n'
    ),
    "rate": (
        '"""L = c N^a D^b"""\n'
        "from scaling_lab.analysis.laws import Real, Scale\n"
        'VARIABLES = ("N", "D")\n'
        'PARAMETERS = {"c": Scale(), "a": Real(), "b": Real()}\n'
        'RESPONSE = "learning rate"\n'
        'loss = lambda p, x: p["c"] * x["N"] ** p["a"] * x["D"] ** p["b"]\n'
        "def member(number):\n"
        '    return {"equation": f"L = c N^a D^b, {number}"}\n'
    ),
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(laws, "__path__", [*laws.__path__, str(tmp_path)])
    laws.get.cache_clear()
    yield
    laws.get.cache_clear()


def recovered(name, x, **truth):
    law = laws.get(name)
    points = {"x": x["C"]} if law.variables == ("x",) else x
    found = fit(law, pd.DataFrame(x | {"L": np.asarray(law.loss(truth, points))}), bootstrap=0)
    values = {name: parameter.value for name, parameter in found.params.items()}
    assert values == pytest.approx(truth, rel=1e-5)
    return found


def test_parameters_of_any_sign_and_a_response_of_any_sign_in_raw_space(files):
    found = recovered("clamped_line", {"C": X}, slope=500.0, offset=-9850.0, top=900.0)
    assert found.points is not None
    assert found.points["L"].min() < 0
    assert found.law.response == "Elo"


def test_a_level_is_in_units_of_the_response(files):
    recovered("ceiling", {"C": X}, top=87.0, mid=1e20, slope=0.6)


def test_a_scale_may_multiply_any_powers(files):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e10, 4), np.geomspace(1e8, 1e11, 4)))
    found = recovered("rate", {"N": n, "D": d}, c=1.79, a=-0.713, b=0.307)
    assert found.law.nonlinear == ["a", "b"]
    assert found.law.exponents == []


def test_extra_columns_have_a_part_each():
    n, d, w = (
        a.ravel()
        for a in np.meshgrid(
            np.geomspace(1e7, 1e10, 4), np.geomspace(1e8, 1e11, 4), np.geomspace(256, 8192, 4)
        )
    )
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    found = recovered(
        "chinchilla+width", {"N": n, "D": d, "width": w}, **truth, G_width=9.0, g_width=0.8
    )
    assert found.variables == ("N", "D", "width")
    assert found.law.equation.endswith("+ G_width width^-g_width")


def test_the_best_allocation_of_chinchilla_is_a_minimum():
    p = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    law = laws.get("chinchilla")
    assert law.frontier is not None
    best = law.frontier(p, 1e21, 6.0)
    assert best["N"] * best["D"] * 6 == pytest.approx(1e21)
    for factor in (0.98, 1.02):
        aside = law.loss(p, {"N": best["N"] * factor, "D": best["D"] / factor})
        assert best["L"] < aside < best["L"] * 1.001


def test_a_family_is_asked_for_by_its_number(files):
    assert laws.get("rate:3").equation.endswith("D^b, 3")
    for name, said in (
        ("rate:none", "is not a member of rate"),
        ("chinchilla:2", "has no members"),
        ("power_law+width", "takes no extra columns"),
    ):
        with pytest.raises(LabError, match=said):
            laws.get(name)


def test_a_role_is_listed_or_the_name_of_a_column():
    frame = pd.DataFrame({"N": [1.0, 2.0], "width": [3.0, 4.0], "L": [0.0, -1.0]})
    table = checked(frame, {"N": "N", "width": "width", "L": "L"}, space="raw")
    assert table.frame["width"].tolist() == [3.0, 4.0]
    assert table.frame["L"].tolist() == [0.0, -1.0]
    with pytest.raises(LabError, match="unknown role 'wide'"):
        checked(frame, {"wide": "width", "L": "L"})


HEAD = (
    '"""L = A x^-a"""\n'
    "import math\n"
    "import numpy as np\n"
    "from scaling_lab.analysis.laws import Exponent, Scale\n"
    'VARIABLES = ("x",)\n'
)
KINDS = 'PARAMETERS = {"A": Scale(), "a": Exponent()}\n'


def written(tmp_path, monkeypatch, text):
    (tmp_path / "bad.py").write_text(HEAD + text)
    sys.modules.pop("scaling_lab.analysis.laws.bad", None)
    monkeypatch.setattr(laws, "__path__", [*laws.__path__, str(tmp_path)])
    laws.get.cache_clear()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ('{"A": 3}', "law 'bad': parameter 'A' is 3; give Scale"),
        ('["A"]', "law 'bad': PARAMETERS is .'A'.; give a dict"),
    ],
)
def test_a_parameter_without_a_kind_is_refused(tmp_path, monkeypatch, capsys, parameters, said):
    written(tmp_path, monkeypatch, f"PARAMETERS = {parameters}\nloss = lambda p, x: p['A']\n")
    with pytest.raises(LabError, match=said):
        laws.get("bad")
    with pytest.raises(SystemExit) as stopped:
        main(["laws", "bad"])
    assert stopped.value.code == 2
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ('p["B"] * x["x"]', "KeyError: 'B'; it may read the parameters A, a and the variables x"),
        ('p["A"] * np.log(x["x"])', "TracerArrayConversionError: "),
        ('p["A"] if x["x"] > 0 else 0', "Error: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("None", "TypeError: "),
        ("np.ones(3)", "ValueError: "),
    ],
)
def test_a_loss_that_fails_is_one_line(tmp_path, monkeypatch, loss, said):
    written(tmp_path, monkeypatch, f"{KINDS}loss = lambda p, x: {loss}\n")
    with pytest.raises(LabError, match=rf"\Athe loss of law 'bad' fails: [^\n]*{said}[^\n]*\Z"):
        fit("bad", pd.DataFrame({"N": X, "L": X**-0.1}), bootstrap=0)
