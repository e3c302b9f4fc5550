"""Fitting: the global optimum, its certificate, and the fit's warnings, card and summary."""

import json
import os
import subprocess
import sys

import jax
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from scaling_lab import analysis
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.fitting.result import Fit
from scaling_lab.errors import LabError

mpl.use("agg")

D = np.geomspace(1e2, 1e6, 12)


def curve(noise=0.02, seed=0, x=D):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {"D": x, "L": (0.05 + 3 * x**-0.4) * np.exp(noise * random.normal(size=len(x)))}
    )


def surface(n, d, noise=0.01):
    random = np.random.default_rng(0)
    loss = 1.7 + 400 * n**-0.34 + 2000 * d**-0.37
    return pd.DataFrame({"N": n, "D": d, "L": loss * np.exp(noise * random.normal(size=len(n)))})


@pytest.mark.parametrize("count", [4, 5, 9])
def test_few_points_are_solved_as_well_as_a_dense_search_does(count):
    frame = curve(0.1, seed=count, x=np.geomspace(1e2, 1e5, count))
    found = fit("power_law_floor", frame, bootstrap=0)
    alpha = np.geomspace(0.02, 10, 400)[:, None]
    least = np.inf
    # Given E and alpha the best log A lies at a residual's kink, to within delta.
    for floor in np.append(0, np.geomspace(1e-4, 0.999, 200)) * frame["L"].min():
        rest = np.log(np.maximum(frame["L"].to_numpy() - floor, 1e-300))
        for scale in (rest + alpha * np.log(frame["D"].to_numpy())).T:
            power = np.exp(scale[:, None] - alpha * np.log(frame["D"].to_numpy()))
            r = np.abs(np.log(floor + power) - np.log(frame["L"].to_numpy()))
            least = min(least, np.where(r < 1e-3, r**2 / 2, 1e-3 * (r - 5e-4)).sum(axis=1).min())
    assert found.objective <= least * (1 + 1e-9)


def test_units_do_not_matter():
    frame = curve()
    small = fit("power_law_floor", frame, bootstrap=0)
    large = fit(
        "power_law_floor", frame.assign(D=frame["D"] * 1e12, L=frame["L"] * 1e5), bootstrap=0
    )
    assert large.params["alpha"].value == pytest.approx(small.params["alpha"].value, rel=1e-6)
    assert large.objective == pytest.approx(small.objective, rel=1e-9)


def test_a_fit_leaves_the_settings_of_the_process_alone():
    before = dict(os.environ)
    fit("power_law", curve(), bootstrap=0)
    assert dict(os.environ) == before
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.parametrize(
    ("law", "frame", "said"),
    [
        ("power_law_floor", curve(x=np.repeat([1e2, 1e4], 6)), "D has 2 scales"),
        ("power_law", curve(x=np.full(9, 1e4)), "D has 1 scale"),
        ("power_law", curve(x=np.linspace(1e4, 3e4, 9)), "D spans 0.48 decades"),
        ("power_law_floor", curve(x=np.geomspace(1e2, 1e5, 5)), "5 points for 3 parameters"),
        ("power_law_floor", pd.DataFrame({"D": D, "L": D**-0.5}), "cannot tell the floor E from 0"),
        ("power_law", pd.concat([curve(), curve()]), "12 rows repeat another"),
        ("power_law_floor", curve(0.3, x=np.geomspace(1e2, 1e4, 12)), "alpha is poorly determined"),
        ("power_law", curve(x=np.geomspace(1e2, 1e6, 6)), "6 independent points"),
        ("chinchilla", surface(np.geomspace(1e7, 1e9, 9), np.geomspace(2e8, 2e10, 9)), "together"),
        ("power_law", pd.DataFrame({"D": D, "L": 1 + D**8.0}), "far from any exponent"),
    ],
)
def test_a_doubtful_fit_gives_a_warning(law, frame, said):
    found = fit(law, frame, bootstrap=60)
    assert any(said in warning for warning in found.warnings), found.warnings
    json.dumps(found.card(), allow_nan=False)
    assert said in found.summary()


def test_a_good_table_gives_no_warning():
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e8, 1e11, 6)))
    assert fit("chinchilla", surface(n, d, noise=0.001), bootstrap=60).warnings == []
    assert fit("power_law_floor", curve(0.01, x=np.repeat(D, 3)), bootstrap=60).warnings == []


@pytest.mark.parametrize(
    ("law", "frame", "said"),
    [
        ("power_law_floor", curve().head(3), "needs 4 points or more; there are 3"),
        (
            "power_law",
            curve().head(4).assign(L=[1, 0, -1, np.inf]),
            r"there is 1; left out: row 2 \(L is zero\); row 3 \(L is negative\)",
        ),
        ("chinchilla", curve(), "chinchilla needs the column N"),
        ("power_law", surface(D, D), "takes one variable and is given N, D"),
        ("power_law", pd.DataFrame({"L": [1.0, 2, 3]}), "is given none"),
        ("power_law", curve().drop(columns="L"), "needs the column L"),
        ("power_lav", curve(), "did you mean 'power_law'"),
    ],
)
def test_a_table_that_a_law_cannot_use_is_refused(law, frame, said):
    with pytest.raises(LabError, match=said):
        fit(law, frame)


def test_options_out_of_range_are_refused():
    for options, said in (
        ({"delta": 0.0}, "delta > 0"),
        ({"bootstrap": -1}, "bootstrap >= 0"),
        ({"level": 1.0}, "a level between 0 and 1"),
        ({"penalty": "hubert"}, "did you mean 'huber'"),
        ({"penalty": "asymmetric:2"}, "no quantile between 0 and 1"),
        ({"space": "linear"}, "unknown loss space 'linear'"),
        ({"drop_worst": 12}, "cannot leave out the 12 highest of 12 rows"),
        ({"tie": {"alpha": "beta"}}, "unknown parameter 'beta'"),
        ({"tie": {"alpha": "A"}}, "different kinds"),
        ({"bounds": {"alpha": (1, 0.5)}}, "give low <= high"),
        ({"bounds": {"alpha": 1}}, "give \\(low, high\\)"),
        ({"bounds": {"alpha": (-2, -1)}}, "but it is positive in"),
        ({"holdout": "D > 1"}, "nothing left to fit"),
        ({"holdout": "E > 1"}, "unknown column 'E'"),
    ):
        with pytest.raises(LabError, match=said):
            fit("power_law", curve(), **options)


def test_rows_left_out_are_in_the_fit_and_in_its_warnings():
    frame = curve()
    frame.loc[[2, 5], "L"] = np.nan
    found = fit("power_law", frame, bootstrap=0)
    assert found.n == 10
    assert found.left_out["row"].tolist() == [3, 6]
    assert "left out: rows 3, 6 (L is missing)" in found.warnings


def test_a_card_gives_the_fit_back():
    found = analysis.fit("power_law_floor", curve(), bootstrap=30)
    card = json.loads(json.dumps(found.card(), allow_nan=False))
    again = Fit.from_card(card)
    assert again.params == found.params
    assert again.card() == found.card()
    assert again.summary() == found.summary()
    for mine, theirs in zip(found.predict({"D": D}), again.predict({"D": D}), strict=True):
        assert (mine == theirs).all()
    assert card["versions"]["jax"] == jax.__version__
    without = Fit.from_card(json.loads(json.dumps(fit("power_law", curve(), bootstrap=0).card())))
    assert np.isnan(without.params["A"].se)


def test_a_summary_shows_the_digits_that_are_known():
    text = fit("power_law_floor", curve(x=np.repeat(D, 3)), bootstrap=50).summary()
    assert text.splitlines()[0] == "power_law_floor   L = E + A D^-alpha"
    assert "36 points: D 100 to 1e+06 (12 scales)" in text
    row = next(line.split() for line in text.splitlines() if line.startswith("alpha"))
    value, low, _, high, se = row[1:]
    assert float(low) < float(value) < float(high)
    assert len(value) == len(se) == 6  # such as 0.4012 with a standard error of 0.0061


def test_a_prediction_needs_its_variable():
    with pytest.raises(LabError, match="needs D to predict; D is not given"):
        fit("power_law", curve(), bootstrap=0).predict({"N": 1e6})


def test_a_plot_shows_points_curve_and_band():
    found = fit("power_law_floor", curve(), bootstrap=30)
    ax = found.plot()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert len(ax.lines) == 2
    assert len(ax.collections) == 1
    assert ax.lines[1].get_xdata() == pytest.approx(D)
    mpl.pyplot.close(ax.figure)
    n, d = np.geomspace(1e7, 1e9, 9), np.geomspace(1e9, 1e10, 9) ** 0.5
    with pytest.raises(LabError, match="has 2 variables"):
        fit("chinchilla", surface(n, d), bootstrap=0).plot(ax)


def test_the_next_process_compiles_nothing(tmp_path, root):
    program = (
        "import numpy as np, pandas as pd;"
        "from scaling_lab.analysis import fit;"
        "from scaling_lab.engine import compilation_cache;"
        "D = np.geomspace(1e2, 1e6, 9);"
        "fit('broken_power_law', pd.DataFrame({'D': D, 'L': 0.1 + 3 * D**-0.4}), bootstrap=0);"
        "print(*(compilation_cache.counts()[name] for name in ('hits', 'misses')))"
    )
    place = {"SCALING_LAB_CACHE": str(tmp_path), "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    without = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    counts = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=without | place,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    made = counts[0][1]
    assert int(made) > 0
    assert counts == [["0", made], [made, "0"]]


def test_a_law_of_operators_is_fitted_without_jax(root):
    program = (
        "import sys, numpy as np, pandas as pd;"
        "from scaling_lab.analysis import fit;"
        "D = np.geomspace(1e2, 1e6, 9);"
        "fit('power_law_floor', pd.DataFrame({'D': D, 'L': 0.1 + 3 * D**-0.4}), bootstrap=40);"
        "print('jax' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "False"


def test_a_fit_needs_no_place_for_programs(root):
    program = (
        "import numpy as np, pandas as pd;"
        "from scaling_lab.analysis import fit;"
        "D = np.geomspace(1e2, 1e6, 9);"
        "print(fit('broken_power_law', pd.DataFrame({'D': D, 'L': 3 * D**-0.4}), bootstrap=0).n)"
    )
    nowhere = {"SCALING_LAB_CACHE": os.devnull + "/cache", "PYTHONPATH": str(root)}
    said = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (said.stdout.strip(), said.stderr) == ("9", "")
