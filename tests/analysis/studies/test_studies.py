"""Studies of an experiment and their figures: budgets, parts and curves of a known surface."""

import json

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import experiment_tables, figures, studies, style
from scaling_lab.analysis.fitting.fit import fit as fitted
from scaling_lab.analysis.studies import Refusal, conventions
from scaling_lab.analysis.tables import checked
from scaling_lab.errors import LabError, NotApplicable

BUDGETS = np.geomspace(1e15, 1e18, 6)
LAW = {"E": 1.7, "A": 60.0, "alpha": 0.35, "B": 400.0, "beta": 0.35}  # the best N goes as C^0.5


def surface(N, D):
    return LAW["E"] + LAW["A"] * N ** -LAW["alpha"] + LAW["B"] * D ** -LAW["beta"]


def runs_and_curves(noise=0.002):
    """Runs at six budgets, seven sizes about the best of each; their curves, a point a factor 2."""
    random = np.random.default_rng(0)
    ratio = (LAW["A"] / LAW["B"]) ** (1 / (LAW["alpha"] + LAW["beta"]))
    runs, curves = [], []
    for C in BUDGETS:
        for N in ratio * np.sqrt(C / 6) * np.geomspace(1 / 6, 6, 7):
            name, D = f"C={C:.3g},N={N:.3g}", C / N / 6
            loss = surface(N, D) * np.exp(noise * random.standard_normal())
            embedding, head = 300 * N ** (1 / 3), 200 * N ** (1 / 3)
            runs.append(
                {"run": name, "status": "done", "seed": 0, "learning_rate": 1e-3}
                | {"N": N, "N_embedding": embedding, "N_head": head}
                | {"D": D, "examples": D, "C": C, "C_head": 6 * head * D, "C_attention": 0.1 * C}
                | {"best_valid_loss": loss, "best_test_loss": loss, "best_step": 512}
            )
            for step in 2 ** np.arange(4, 10):
                here = surface(N, D * step / 512) * np.exp(noise * random.standard_normal())
                point = {"run": name, "step": step, "C": C * step / 512, "test_loss": here}
                curves.append({**point, "valid_loss": here, "train_loss": here})
    return pd.DataFrame(runs), pd.DataFrame(curves)


@pytest.fixture(scope="module")
def tables():
    return experiment_tables.tables(*runs_and_curves())


@pytest.fixture(scope="module")
def made(tables):
    with pytest.MonkeyPatch.context() as patch:
        for study in studies.found().values():
            if hasattr(study, "BOOTSTRAP"):
                patch.setattr(study, "BOOTSTRAP", 40)
        return studies.attempt_all(tables)


def test_the_frontier_of_a_known_surface_is_recovered_by_every_approach(made):
    found = made["best_n"]
    assert set(found.approaches) == {"envelope", "parabola", "cubic", "akima", "parametric"}
    assert not found.refused
    for name, tolerance in (("envelope", 0.05), ("parabola", 0.02), ("parametric", 0.02)):
        a = found.params[f"a_{name}"]
        assert a.value == pytest.approx(0.5, abs=tolerance)
        assert a.low < a.value < a.high
    assert found.bias["a"].abs().max() < 0.02
    json.dumps(found.card(), allow_nan=False)


def test_a_forecast_is_judged_on_the_runs_of_most_compute(made, tables):
    found = made["forecast"]
    assert found.best.held == 7
    assert found.top == pytest.approx(BUDGETS[-1])
    assert found.best.error < 0.01
    assert set(found.ladder["law"]) == {found.law for found in found.ranked}
    json.dumps(found.card(), allow_nan=False)


def test_conventions_move_exponents(made):
    rows = made["counting"].exponents
    alpha = rows[rows["name"] == "alpha"].set_index("convention")["value"]
    assert alpha["all of N, all of C"] == pytest.approx(0.35, abs=0.03)
    assert alpha["N without embedding, all of C"] < alpha["all of N, all of C"]
    json.dumps(made["counting"].card(), allow_nan=False)


@pytest.mark.parametrize("name", ["isoflops", "optimal_size", "forecasts", "counting"])
def test_their_figures_are_whole_and_the_key_covers_no_data(name, made, tables):
    drawing = figures.get(name)
    assert len(drawing.TITLE) < 40
    assert len(drawing.CAPTION) > 100
    picture = drawing.draw(tables, {}, made)
    picture.draw_without_rendering()
    (legend,) = picture.legends
    for axes in picture.axes:
        assert axes.get_xlabel()
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())
        assert sum(map(bool, (tick.get_text() for tick in axes.get_xticklabels()))) >= 2
    assert legend.get_window_extent().y0 >= 0
    assert picture.get_figwidth() in (style.COLUMN, style.DOUBLE)


def test_no_label_of_a_convention_is_cut():
    """A browser sets the text of an SVG up to 3% wider than matplotlib does."""
    rows = [
        (convention.name, by, name, 0.5, 0.4, 0.6)
        for convention in conventions.CONVENTIONS
        for by, name in (("chinchilla", "alpha"), ("chinchilla", "beta"), ("envelope", "a"))
    ]
    names = ["convention", "by", "name", "value", "low", "high"]
    found = conventions.Counted(pd.DataFrame(rows, columns=names), {})
    picture = figures.get("counting").drawn(found)
    with style.theme():
        picture.draw_without_rendering()
    for tick in picture.axes[0].get_yticklabels():
        place = tick.get_window_extent()
        assert place.x0 >= 0.03 * place.width, tick.get_text()


@pytest.mark.parametrize(
    ("name", "slug", "missing", "said"),
    [
        ("isoflops", "best_n", "best_test_loss", "needs the column best_test_loss"),
        ("optimal_size", "best_n", "N", "needs the column N"),
        ("forecasts", "forecast", "D", "needs the column D"),
        ("counting", "counting", "best_test_loss", "needs the column best_test_loss"),
    ],
)
def test_a_refused_study_is_kept_with_its_reason_and_its_figure_says_it(
    name, slug, missing, said, tables
):
    bare = tables.chosen.drop(columns=missing)
    lacking = experiment_tables.Tables(tables.runs, bare, tables.curves)
    refused = studies.attempt(studies.get(slug), lacking)
    assert isinstance(refused, Refusal)
    assert refused.applicable
    assert said in refused.reason
    with pytest.raises(LabError, match=said):
        figures.get(name).draw(lacking, {}, {slug: refused})


def test_runs_without_budgets_have_no_isoflop_curves(make_tables):
    runs, curves = make_tables(sizes=(1_000, 8_000, 64_000), data=(300, 3_000), rates=(0.003,))
    grid = experiment_tables.tables(pd.DataFrame(runs), pd.DataFrame(curves))
    with pytest.raises(NotApplicable, match="share no budgets of equal compute"):
        figures.get("isoflops").draw(grid, {}, {})


def test_parts_that_change_nothing_give_no_convention(tables):
    plain = tables.chosen.drop(columns=["N_embedding", "N_head", "C_head", "C_attention"])
    lacking = experiment_tables.Tables(tables.runs, plain, tables.curves)
    assert "only one way to count" in studies.attempt(studies.get("counting"), lacking).reason


def test_the_frontier_law_is_of_the_interior_and_has_none_without_curves(made, tables):
    fit = made["frontier"]
    inner = tables.frontier()
    assert fit.n == inner["inner"].sum()
    assert fit.law.name == "power_law_floor"
    no_curves = experiment_tables.Tables(tables.runs, tables.chosen, tables.curves.iloc[:0])
    assert not studies.attempt(studies.get("frontier"), no_curves).applicable


def test_a_learners_nats_stay_a_loss_in_the_frames_made_from_its_curves(tables):
    """A hundred nats a picture are no perplexity, with the learner's column or without."""
    nats = tables.curves.assign(test_loss=100 * tables.curves["test_loss"])
    picture = experiment_tables.Tables(tables.runs, tables.chosen, nats)
    for found in (picture.mean_curves(), picture.frontier()):
        fit = fitted("power_law_floor", checked(found, {"C": "C", "L": "L"}), bootstrap=0)
        assert "units" not in {one.check for one in fit.findings}
        found.attrs.clear()
        fit = fitted("power_law_floor", checked(found, {"C": "C", "L": "L"}), bootstrap=0)
        assert "units" in {one.check for one in fit.findings}


def test_a_study_is_found_by_slug_and_by_title():
    usual = {"architectures", "best_n", "counting", "forecast", "frontier"}
    assert set(studies.found()) == usual | {"calibration", "critical_batch", "mup_optimum"}
    for slug, title in (
        ("best_n", "Best N for each C"),
        ("frontier", "L(C) on the frontier"),
        ("counting", "Conventions of counting"),
    ):
        assert studies.get(title) is studies.get(slug)
        assert studies.slug_of(title) == slug
    assert studies.slug_of("power_law") is None
    with pytest.raises(LabError, match="unknown study 'best_m'; did you mean 'best_n'"):
        studies.get("best_m")


def test_what_was_not_made_or_was_refused_is_not_given():
    with pytest.raises(LabError, match="best_n was not made"):
        studies.require({}, "best_n")
    with pytest.raises(LabError, match="no N"):
        studies.require({"best_n": Refusal("no N")}, "best_n")
    with pytest.raises(NotApplicable, match="one family"):
        studies.require({"architectures": Refusal("one family", applicable=False)}, "architectures")
