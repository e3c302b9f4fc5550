"""Every check finds its own fault, and nothing in clean tables."""

import inspect
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import checks, experiment_tables
from scaling_lab.analysis.checks import Finding, Severity, groups, linear
from scaling_lab.analysis.fitting.fit import fit
from scaling_lab.analysis.tables import checked

ROLES = {"N": "N", "D": "D", "L": "L"}


def clean(make_surface, make_curve):
    return {
        "chinchilla": make_surface(seeds=2),
        "power_law_floor": make_curve(),
    }


def replaced(frame, row, **values):
    frame = frame.copy()
    for name, value in values.items():
        frame.loc[row, name] = value
    return frame


def of_one_run(frame, share=0.02):
    """Rows of one N share an error, as checkpoints of a run do."""
    sizes = np.unique(frame["N"])
    error = dict(
        zip(sizes, share * np.random.default_rng(1).standard_normal(len(sizes)), strict=True)
    )
    return frame.assign(L=frame["L"] * np.exp(frame["N"].map(error)))


def of_two_rates(frame):
    bad = frame.assign(L=frame["L"] * 1.15, lr=1e-2)
    return pd.concat([frame.assign(lr=1e-3), bad], ignore_index=True)


# check -> law, table made from a clean surface and a clean curve, options of the fit
FAULTY = {
    # Breaks that the points do not have: where the search starts decides where they end.
    "convergence": ("broken_power_law:2", lambda s, c: c, {"starts": 16}),
    "copies": ("chinchilla", lambda s, c: pd.concat([s, s.assign(L=s["L"] * 1.00001)]), {}),
    "left_out": ("chinchilla", lambda s, c: replaced(s, 3, L=np.nan), {}),
    "identifiability": ("chinchilla", lambda s, c: s[s["N"] == s["N"].max()], {}),
    "intervals": ("chinchilla", lambda s, c: s, {"bootstrap": 0}),
    "lack_of_fit": ("power_law", lambda s, c: c, {}),
    "correlated_residuals": ("chinchilla", lambda s, c: of_one_run(s), {"cluster": "none"}),
    "influence": (
        "power_law",
        lambda s, c: replaced(c.iloc[::3], 0, L=0.2),
        {"penalty": "squares"},
    ),
    "outliers": ("chinchilla", lambda s, c: replaced(s, 17, L=9.87), {}),
    "units": ("chinchilla", lambda s, c: s.assign(N=s["N"] / 1e9), {}),
    "holdout": (
        "chinchilla",
        lambda s, c: s.assign(L=s["L"] * np.where(s["N"] > 2e9, 1.1, 1)),
        {"holdout": "N > 2e9"},
    ),
    "extrapolation": (
        "power_law_floor",
        lambda s, c: c,
        {"holdout": "D > 2e4"},
    ),
    "tautology": ("power_law_floor", lambda s, c: c.assign(N=c["D"] / 20), {}),
    "pooled": ("chinchilla", lambda s, c: of_two_rates(s), {}),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_check_finds_its_fault(name, make_surface, make_curve):
    law, make, how = FAULTY[name]
    frame = make(make_surface(seeds=2), make_curve())
    frame = frame.reset_index(drop=True)
    roles = {r: r for r in ("N", "D", "L") if r in frame}
    if law != "chinchilla":
        roles.pop("N", None)
    table = checked(
        frame, roles, cluster=how.pop("cluster", "auto") if "cluster" in how else "auto"
    )
    findings = fit(law, table, **{"bootstrap": 0, **how}).findings
    mine = [one for one in findings if one.check == name]
    assert mine, [one.text for one in findings]
    for one in mine:
        assert one.what
        assert "\n" not in one.text
        assert Finding.from_card(one.card()).text == one.text


@pytest.mark.parametrize("law", ["chinchilla", "power_law_floor"])
def test_clean_tables_have_no_finding(law, make_surface, make_curve):
    found = fit(law, clean(make_surface, make_curve)[law], bootstrap=60).findings
    assert [one.text for one in found if one.severity > Severity.NOTE] == []


def experiment(make_tables, definition, **changed):
    """The tables of the known law, with further columns: name -> function of a run's row."""
    runs, curves = (pd.DataFrame(rows) for rows in make_tables())
    for name, value in changed.pop("curves", {}).items():
        curves[name] = curves.apply(value, axis=1)
    for name, value in changed.items():
        runs[name] = runs.apply(value, axis=1)
    return experiment_tables.tables(runs, curves, definition["choose"])


# check -> changed columns: what is wrong with an experiment's tables
WRONG = {
    "sweep_end": {
        "best_valid_loss": lambda r: (
            r["best_valid_loss"] * (0.5 if r["learning_rate"] > 0.005 else 1)
        )
    },
    "undertrained": {
        "steps": lambda r: 30 * r["D"] ** 0.5,
        "best_step": lambda r: 30 * r["D"] ** 0.5,
        "curves": {"valid_loss": lambda r: 3.0 * (r["step"] + 10) ** -0.3},
    },
    "family_changes": {"model.depth": lambda r: 2 if r["N"] > 500_000 else 1},
    "fixed_length": {},
}
RIGHT = {
    "sweep_end": {},
    "undertrained": {},
    "family_changes": {"model.width": lambda r: r["N"] ** 0.5},
    "fixed_length": {"C": lambda r: 6.0 * r["N"] * r["D"]},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_check_of_tables_finds_its_fault(name, make_tables, definition):
    tables = experiment(make_tables, definition, **WRONG[name])
    assert name in [one.check for one in checks.of_tables(tables, definition)]


@pytest.mark.parametrize("name", RIGHT)
def test_a_check_of_tables_passes_clean_ones(name, make_tables, definition):
    tables = experiment(make_tables, definition, **RIGHT[name])
    if name == "fixed_length":
        assert name not in [one.check for one in checks.of_tables(tables, definition)]
    doubts = [one for one in checks.of_tables(tables, definition) if one.severity > Severity.NOTE]
    assert name not in [one.check for one in doubts]


def test_a_choice_that_every_size_has_alike_does_not_change_along_N(make_tables, definition):
    """Whichever of the two comes first at a size; a third that only one size has is a change."""
    for values, found in (((0, 1), False), ((0, 1, 2), True)):
        tables = experiment(make_tables, definition)
        rows = tables.families.reset_index(drop=True)
        draw = (rows["seed"] + rows["N"].rank(method="dense")).to_numpy().astype(int) % 2
        rows["model.draw"] = np.where(rows["N"] == rows["N"].max(), draw + values[-1] - 1, draw)
        some = replace(tables, families=rows)
        said = [one.what for one in checks.of_tables(some, definition) if "draw" in one.what]
        assert bool(said) == found, values


def test_runs_of_one_length_are_doubted_unless_learning_curves_show_more(make_tables, definition):
    runs, curves = (pd.DataFrame(rows) for rows in make_tables())
    for kept, severity in ((curves, Severity.NOTE), (curves.iloc[:0], Severity.DOUBT)):
        tables = experiment_tables.tables(runs, kept, definition["choose"])
        found = {one.check: one.severity for one in checks.of_tables(tables, definition)}
        assert found["fixed_length"] == severity


@pytest.mark.parametrize(
    ("steps", "examples", "doubted"),
    [
        (lambda r: 0.1 * r["D"], None, False),
        (lambda r: 3 * r["D"] ** 0.65, None, True),
        (lambda r: 0.1 * r["D"], lambda r: r["D"], False),
        (lambda r: 0.1 * r["D"], lambda r: 3.0 * r["D"], True),
    ],
)
def test_only_runs_that_read_their_data_once_may_grow_with_it(
    steps, examples, doubted, make_tables, definition
):
    """Steps that grow as D^.65 follow D closely, but are no single pass."""
    changed = WRONG["undertrained"] | {"steps": steps, "best_step": steps}
    changed["examples"] = examples or (lambda r: np.nan)
    tables = experiment(make_tables, definition, **changed)
    (said,) = [one for one in checks.of_tables(tables, definition) if one.check == "undertrained"]
    assert (said.severity == Severity.DOUBT) == doubted
    assert ("single pass" in said.what) == (not doubted)


def test_every_check_is_tried():
    assert set(checks.found()) == {*FAULTY, *WRONG}


@pytest.mark.parametrize("name", checks.found())
def test_a_check_says_what_it_tests(name):
    check = checks.found()[name]
    assert check.of in ("fit", "tables")
    assert len(inspect.getdoc(type(check)) or "") > 40


def test_the_f_test_is_that_of_a_linear_model():
    """Against the sums of squares of two nested least-squares fits."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(20), rng.standard_normal(20)])
    more, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    basis = np.linalg.qr(x)[0]
    model = linear.Linear(basis, y - basis @ (basis.T @ y), np.ones(20))

    def rest(columns):
        return float(np.linalg.lstsq(columns, y, rcond=None)[1][0])

    small, large = rest(x), rest(np.hstack([x, more]))
    found = model.test(more)
    assert pytest.approx((small - large) / 2 / (large / 16)) == found.F
    assert found.df == (2, 16)


def test_pure_error_is_the_scatter_within_cells():
    """Draper & Smith's sums of squares, done by hand: a line through four levels of two runs."""
    x = np.repeat([1.0, 2.0, 3.0, 4.0], 2)
    y = np.array([1.0, 1.2, 3.0, 3.2, 3.0, 3.4, 6.0, 6.0])
    basis = np.linalg.qr(np.column_stack([np.ones(8), x]))[0]
    model = linear.Linear(basis, y - basis @ (basis.T @ y), np.ones(8))
    found = groups.pure_error(model, np.repeat(np.arange(4), 2))
    within = 0.02 + 0.02 + 0.08 + 0.0
    whole = float(np.sum((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2))
    assert found.df == (2, 4)
    assert pytest.approx((whole - within) / 2 / (within / 4)) == found.F
