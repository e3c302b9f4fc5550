"""Imperfect tables give the right answer, a warning that names the cause, or a one-line error."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import laws
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.fitting.parameter import Parameter
from scaling_lab.analysis.fitting.penalty import Penalty
from scaling_lab.analysis.fitting.problem import Problem
from scaling_lab.analysis.fitting.solver import solve
from scaling_lab.analysis.fitting.starts import spread
from scaling_lab.analysis.frontier.frontier import optimal
from scaling_lab.analysis.tables import checked, load
from scaling_lab.errors import LabError

TRUTH = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
COLUMNS = {"N": "params", "D": "tokens", "L": "loss"}
SIDE = 7
NOISE = 0.002 * np.random.default_rng(1).standard_normal(SIDE**2)
# Three times the standard deviation over 40 draws of such noise: .0069, .0055 and .0035.
TOLERANCE = {"alpha": 0.021, "beta": 0.017, "E": 0.011}
ONE_LINE = r"\A[^\n]+\Z"


def surface(n, d, noise=0.0):
    p = TRUTH
    return (p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"]) * np.exp(noise)


def grid(sizes=(1e7, 1e10), data=(1e8, 1e11)):
    axes = np.meshgrid(np.geomspace(*sizes, SIDE), np.geomspace(*data, SIDE))
    n, d = (axis.ravel() for axis in axes)
    return pd.DataFrame({"params": n, "tokens": d, "loss": surface(n, d, NOISE)})


GOOD = grid()


def changed(column, rows, value):
    frame = GOOD.astype({column: object})
    frame.loc[rows, column] = value
    return frame


def csv(frame):
    return frame.to_csv(index=False)


# name -> (file name, its text or a frame): what cannot be fitted, and what the one line says
REFUSED = {
    "an empty file": ("a.csv", "", "is empty"),
    "a header alone": ("a.csv", "params,tokens,loss\n", "has no rows"),
    "semicolons": ("a.csv", csv(GOOD).replace(",", ";"), "separated by ';'"),
    "tabs in a csv": ("a.csv", csv(GOOD).replace(",", "\t"), "separated by tabs"),
    "a column twice": ("a.csv", csv(GOOD).replace("tokens", "loss"), "column 'loss' twice"),
    "a row too long": ("a.csv", csv(GOOD) + "1,2,3,4,5\n", "cannot be read as csv"),
    "a file that is no parquet": ("a.parquet", "params,tokens", "cannot be read as parquet"),
    "bytes that are no text": ("a.csv", bytes(range(256)) * 9, "is not text"),
    "text of two bytes a sign": ("a.csv", csv(GOOD).encode("utf-16"), "is not text"),
    "another alphabet": ("a.csv", b"params,tokens,loss,\xe9\n1,1,1,1\n", "is not text in UTF-8"),
    "no header": ("a.csv", GOOD.to_csv(index=False, header=False), "has no header"),
    "a spreadsheet": ("a.xlsx", "PK", "is not a .csv, .tsv or .parquet"),
    "another column": ("a.csv", csv(GOOD).replace("tokens", "token"), "did you mean 'token'"),
    "text for a number": ("a.csv", csv(changed("loss", [3], "2.1 (rerun)")), "in row 4"),
    "percentages": ("a.csv", csv(changed("loss", range(9), "31%")), "has text where a number"),
    "thousands marked": ("a.csv", csv(changed("params", [0], "10,000,000")), "('10,000,000')"),
    "dates": ("a.csv", csv(changed("loss", [0], "2026-01-02")), "('2026-01-02')"),
    "dates as such": ("a.parquet", GOOD.assign(loss=pd.Timestamp("2026-01-02")), "not numbers"),
    "yes and no": ("a.parquet", GOOD.assign(loss=True), "holds bool"),
    "complex numbers": ("", GOOD.assign(loss=1j), "holds complex128"),
    "lists": ("", GOOD.assign(loss=[[1.0]] * len(GOOD)), "'loss'"),
    "nothing measured": ("a.csv", csv(GOOD.assign(loss=np.nan)), "loss is missing"),
    "all losses negative": ("a.csv", csv(GOOD.assign(loss=-GOOD["loss"])), "loss is negative"),
    "two points": ("a.csv", csv(GOOD.head(2)), "needs 6 points or more; there are 2"),
    "as many points as parameters": ("a.csv", csv(GOOD.head(5)), "needs 6 points or more"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fitted_is_refused_in_one_line(tmp_path, name):
    file, content, said = REFUSED[name]
    with pytest.raises(LabError, match=ONE_LINE) as error:
        fit("chinchilla", checked(read(tmp_path / file, content), COLUMNS), bootstrap=0)
    assert said in str(error.value)


def read(path, content):
    if path.is_dir():
        return content
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content.to_parquet(path)
    return load(path)


def losses(values):
    return GOOD.assign(loss=values)


# name -> (frame, what a warning says): what can be fitted but is doubtful
WARNED = {
    "one size": (GOOD[GOOD["params"] == GOOD["params"].max()], "N has 1 scale"),
    "two sizes": (GOOD[GOOD["params"] >= 3e9], "N has 2 scales"),
    "sizes close together": (grid(sizes=(1e9, 2e9)), "N spans 0.3 decades"),
    "D in proportion to N": (
        GOOD.assign(tokens=20 * GOOD["params"], loss=surface(GOOD["params"], 20 * GOOD["params"])),
        "N and D move together",
    ),
    "every row twice": (pd.concat([GOOD, GOOD]), f"{SIDE**2} rows repeat another exactly"),
    "all losses equal": (losses(2.5), "every loss is 2.5; there is nothing to explain"),
    "a loss that rises with size": (
        losses(2 + 0.1 * np.log10(GOOD["params"]) * np.exp(NOISE)),
        "the residual rises with N",
    ),
    "noise alone": (
        losses(np.exp(0.5 * np.random.default_rng(1).standard_normal(SIDE**2))),
        "poorly determined",
    ),
    "six points": (GOOD.iloc[[0, 3, 17, 24, 40, 48]], "6 points for 5 parameters"),
    "a point far off": (
        losses(np.where(np.arange(SIDE**2) == 20, 9.0, GOOD["loss"])),
        "left out: row 21",
    ),
    "a loss missing here and there": (
        losses(GOOD["loss"].where(GOOD.index % 9 != 1)),
        "left out: rows 2, 11, 20, 29, 38 and 1 more (loss is missing)",
    ),
    "infinite losses": (
        losses(GOOD["loss"].where(GOOD.index != 4, np.inf)),
        "left out: row 5 (loss is infinite)",
    ),
    "a negative loss": (
        losses(GOOD["loss"].where(GOOD.index != 4, -1.0)),
        "left out: row 5 (loss is negative)",
    ),
    "a size of nothing": (
        GOOD.assign(params=GOOD["params"].where(GOOD.index != 0, 0)),
        "left out: row 1 (params is zero)",
    ),
}


@pytest.mark.parametrize("name", WARNED)
def test_a_doubtful_table_is_fitted_with_a_warning(name):
    frame, said = WARNED[name]
    worst = 1 if name == "a point far off" else 0
    found = fit("chinchilla", checked(frame, COLUMNS), bootstrap=100, drop_worst=worst)
    assert any(said in warning for warning in found.warnings), found.warnings
    assert said in found.summary()
    assert np.isfinite([parameter.value for parameter in found.params.values()]).all()


def far_off():
    frame = GOOD.copy()
    frame.loc[20, "loss"] *= 100
    return frame


# name -> frame, and by how much the fit's A and B are then in other units: A N^-alpha
RIGHT = {
    "as it is": GOOD,
    "in another order": GOOD.sample(frac=1, random_state=0),
    "with an index of its own": GOOD.set_index(pd.Index([7] * len(GOOD))),
    "as text": GOOD.map(lambda v: f" {v!r}"),
    "with more columns": GOOD.assign(note="x", N=-1.0, L=np.nan),
    "with a row that diverged": pd.concat([GOOD, GOOD.head(1).assign(loss=np.nan)]),
    "one point a hundred times too high": far_off(),
    "with seeds": pd.concat([GOOD, GOOD.assign(loss=GOOD["loss"] * 1.0001)]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_comes_out(name):
    found = fit("chinchilla", checked(RIGHT[name], COLUMNS), bootstrap=0)
    values = {one: parameter.value for one, parameter in found.params.items()}
    for one, tolerance in TOLERANCE.items():
        assert values[one] == pytest.approx(TRUTH[one], rel=tolerance)


def test_spaces_in_the_header_and_columns_without_a_name_do_no_harm(tmp_path):
    rows = csv(GOOD).replace("params,tokens,loss", " params , tokens,loss,,")
    frame = read(tmp_path / "a.csv", rows.replace("\n", ",,\n").replace(",,,,", ",,"))
    found = fit("chinchilla", checked(frame, COLUMNS), bootstrap=0)
    whole = fit("chinchilla", checked(GOOD, COLUMNS), bootstrap=0)
    assert found.params["alpha"].value == pytest.approx(whole.params["alpha"].value, rel=1e-9)


def test_the_two_of_three_variables_that_move_together_are_named():
    table = checked(GOOD.assign(U=GOOD["tokens"] / 4), COLUMNS | {"U": "U"})
    warnings = fit("data_constrained", table, bootstrap=0).warnings
    assert any(one.startswith("D and U move together") for one in warnings), warnings


def test_few_replicates_give_a_warning():
    found = fit("chinchilla", checked(GOOD, COLUMNS), bootstrap=3)
    assert any("rest on 3 resampled tables" in warning for warning in found.warnings)


def test_exact_points_show_ten_digits_and_a_wide_interval_three():
    one_size = GOOD[GOOD["params"] == GOOD["params"].max()]
    exact = one_size.assign(loss=surface(one_size["params"], one_size["tokens"]))
    said = fit("chinchilla", checked(exact, COLUMNS), bootstrap=100).summary()
    numbers = [word.partition("e")[0] for word in said.split() if word[0].isdigit()]
    assert max(len(number.replace(".", "").lstrip("0")) for number in numbers) <= 10
    assert "N 1e+10 to 1e+10 (1 scale)" in said.replace("params", "N")
    wide = Parameter(3e5, 1.2e3, 1.3e9, 3e8)
    assert wide.as_text() == ("3e+05", "1.2e+03 to 1.3e+09", "3e+08")


def test_descents_go_on_where_a_matrix_is_singular(monkeypatch):
    """One singular matrix of a batch makes numpy refuse them all."""
    x = {name: GOOD[column].to_numpy() for name, column in (("N", "params"), ("D", "tokens"))}
    problem = Problem(laws.get("chinchilla"), x, GOOD["loss"].to_numpy())
    first = spread(problem, 8)
    plain = solve(problem, first, Penalty(1e-3))

    def refuse(matrix, right):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(np.linalg, "solve", refuse)
    found = solve(problem, first, Penalty(1e-3))
    assert found.best()[1] == pytest.approx(plain.best()[1], rel=1e-6)
    assert np.isfinite(found.theta).all()


def test_the_frontier_warns_of_sizes_in_another_unit_than_compute():
    frame = GOOD.assign(flop=6 * GOOD["params"] * GOOD["tokens"], params=GOOD["params"] / 1e6)
    table = checked(frame, COLUMNS | {"C": "flop"})
    assert any("C is 6e+06 N D" in warning for warning in optimal(table, bootstrap=10).warnings)


def test_a_frontier_of_runs_with_one_size_a_compute_says_so():
    frame = WARNED["D in proportion to N"][0].drop_duplicates("params")
    found = fit("chinchilla", checked(frame, COLUMNS), bootstrap=0)
    best = optimal(checked(frame, COLUMNS), found, bootstrap=0)
    assert any("no run shows which is best" in warning for warning in best.warnings)
    assert "nan" not in best.summary()


@pytest.mark.parametrize("unit", [1e-30, 1e-9, 1e9, 1e30])
def test_tiny_and_huge_numbers_give_the_same_exponents(unit):
    plain = fit("chinchilla", checked(GOOD, COLUMNS), bootstrap=0)
    frame = GOOD.assign(params=GOOD["params"] * unit, loss=GOOD["loss"] * unit)
    found = fit("chinchilla", checked(frame, COLUMNS), bootstrap=0)
    for name in ("alpha", "beta"):
        assert found.params[name].value == pytest.approx(plain.params[name].value, rel=1e-6)
    assert found.params["E"].value == pytest.approx(plain.params["E"].value * unit, rel=1e-6)


@pytest.mark.slow
def test_a_million_rows_are_fitted_all_of_them():
    random = np.random.default_rng(0)
    n, d = np.exp(random.uniform(np.log([[1e7], [1e8]]), np.log([[1e10], [1e11]]), (2, 10**6)))
    loss = surface(n, d, 0.01 * random.standard_normal(10**6))
    frame = pd.DataFrame({"params": n, "tokens": d, "loss": loss})
    found = fit("chinchilla", checked(frame, COLUMNS), bootstrap=0)
    assert found.n == 10**6
    for name, value in TRUTH.items():
        assert found.params[name].value == pytest.approx(value, rel=0.01)
