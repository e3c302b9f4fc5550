"""Every figure on tables of a known law: whole, small, large, with parts missing."""

import itertools
import re
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from scaling_lab.analysis import experiment_tables, figures, style
from scaling_lab.analysis.checks import Finding, Severity
from scaling_lab.analysis.numbers import human
from scaling_lab.analysis.report import dark_mode
from scaling_lab.errors import LabError

SMALL = {"sizes": (1_000, 8_000, 64_000), "data": (300, 3_000, 30_000), "rates": (0.003,)}


class FakeFit:
    """What a figure asks of a fit: a curve, its band, what the checks found."""

    findings = ()

    def predict(self, at, level=0.95):
        (x,) = at.values()
        curve = 0.2 + 5 * x**-0.4
        return SimpleNamespace(center=curve, low=0.95 * curve, high=1.05 * curve)


@pytest.fixture(scope="module")
def make(make_tables):
    def made(choose=("learning_rate",), **grid):
        runs, curves = make_tables(**{**SMALL, **grid})
        return experiment_tables.tables(pd.DataFrame(runs), pd.DataFrame(curves), choose)

    return made


@pytest.fixture(scope="module")
def small(make):
    return make()


def fits_of(tables):
    names = [experiment_tables.slice_name("N", "D", d) for d in tables.values("D")]
    names += [experiment_tables.slice_name("D", "N", n) for n in tables.values("N")]
    return {name: FakeFit() for name in names}


def found_in(tables):
    """Fits and studies of the tables, made up."""
    return fits_of(tables), {"frontier": FakeFit()}


# These draw any grid of N and D. What all figures have in common: tests/contract/test_figures.py.
OF_A_GRID = ("compute_frontier", "learning_curves", "loss_against_data", "loss_against_parameters")
every_figure = pytest.mark.parametrize("name", OF_A_GRID)


def test_figures_are_found_by_file_name():
    assert {"compute_frontier", "learning_curves"} <= set(figures.names())
    assert not any(name.startswith("_") for name in figures.names())
    with pytest.raises(LabError, match="did you mean 'learning_curves'"):
        figures.get("learning_curve")


def test_finding_figures_imports_no_matplotlib():
    code = "import sys; import scaling_lab.analysis.figures as f; f.names();"
    code += "print('matplotlib' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@every_figure
@pytest.mark.parametrize("known", [True, False], ids=["fits", "no fits"])
def test_axes_are_named_and_the_legend_covers_no_data(name, known, small):
    made = figures.get(name).draw(small, *(found_in(small) if known else ({}, {})))
    made.draw_without_rendering()
    for axes in made.axes:
        assert axes.get_xlabel()
        (legend,) = made.legends
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())
        assert legend.get_window_extent().y0 >= 0
    assert made.axes[0].get_ylabel().endswith("(nats)")
    assert made.get_figwidth() in (style.COLUMN, style.DOUBLE)


@every_figure
@pytest.mark.parametrize("count", [1, 2, 12])
def test_any_number_of_scales(name, count, make):
    sizes = tuple(int(x) for x in np.geomspace(1e3, 5e7, count))
    data = tuple(int(x) for x in np.geomspace(100, 1e6, count))
    tables = make(sizes=sizes, data=data, seeds=(0, 1, 2))
    made = figures.get(name).draw(tables, {}, {})
    made.draw_without_rendering()
    extent = made.legends[0].get_window_extent()
    assert extent.y0 >= 0
    assert extent.x1 <= made.bbox.x1


@every_figure
def test_ticks_are_few_and_do_not_touch(name, small):
    made = figures.get(name).draw(small, {}, {})
    made.draw_without_rendering()
    for axes in made.axes:
        low, high = axes.get_xlim()
        boxes = [
            label.get_window_extent()
            for label, at in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
            if low <= at <= high
        ]
        assert 2 <= len(boxes) <= 6
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


@every_figure
def test_a_missing_axis_is_said_or_done_without(name, make_tables):
    runs, curves = (pd.DataFrame(rows) for rows in make_tables(**SMALL))
    tables = experiment_tables.tables(runs.drop(columns="D"), curves)
    if name == "loss_against_data":
        with pytest.raises(LabError, match="needs the column D"):
            figures.get(name).draw(tables, {}, {})
    else:
        figures.get(name).draw(tables, {}, {}).draw_without_rendering()


@every_figure
def test_nothing_to_draw_is_said(name, make_tables):
    runs, curves = (pd.DataFrame(rows) for rows in make_tables(**SMALL))
    runs["status"] = "diverged"
    runs["best_valid_loss"] = np.nan
    with pytest.raises(LabError, match="missing or empty"):
        figures.get(name).draw(experiment_tables.tables(runs, curves), {}, {})


@every_figure
def test_a_loss_below_zero_takes_a_linear_axis(name, make_tables):
    runs, curves = (pd.DataFrame(rows) for rows in make_tables(**SMALL))
    for frame in (runs, curves):
        losses = [column for column in frame if column.endswith("_loss")]
        frame[losses] = frame[losses] - 5
    tables = experiment_tables.tables(runs, curves)
    if name == "compute_frontier":
        with pytest.raises(LabError, match="negative"):
            figures.get(name).draw(tables, {}, {})
    else:
        made = figures.get(name).draw(tables, {}, {})
        made.draw_without_rendering()
        assert made.axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(("severity", "dashed"), [(Severity.DOUBT, 1), (Severity.NOTE, 0)])
def test_a_fit_that_is_doubted_is_dashed_and_one_with_a_note_is_not(small, severity, dashed):
    fits = fits_of(small)
    warned = experiment_tables.slice_name("N", "D", 300)
    fits[warned] = FakeFit()
    fits[warned].findings = [Finding("intervals", severity, "they rest on few clusters")]
    made = figures.get("loss_against_parameters").draw(small, fits, {})
    laws = [line for line in made.axes[0].lines if len(line.get_xdata()) == 60]
    assert sum(line.is_dashed() for line in laws) == dashed


def test_the_curves_are_those_of_the_chosen_runs(make):
    tables = make(rates=(0.001, 0.003, 0.01), noise=0.001)
    assert set(tables.chosen["learning_rate"]) == {0.003}
    assert set(tables.curves["run"]) == set(tables.chosen["run"])


def test_a_mean_curve_covers_the_same_seeds_at_every_step(small):
    run = small.curves["run"].iloc[0]
    cut = small.curves[(small.curves["run"] != run) | (small.curves["step"] <= 55)]
    means = experiment_tables.Tables(small.runs, small.chosen, cut).mean_curves()
    first = small.curves[small.curves["run"] == run].iloc[0]
    mine = means[(means["N"] == first["N"]) & (means["D"] == first["D"])]
    assert mine["step"].max() == 55


def test_the_frontier_leaves_out_the_ends_of_the_grid(small):
    edge = small.frontier()
    inner = edge[edge["inner"]]
    assert edge["L"].is_monotonic_decreasing
    assert inner.iloc[0]["N"] == inner.iloc[-1]["N"] == 8_000


def test_identical_runs_write_identical_files(small, tmp_path):
    for folder in ("a", "b"):
        made = figures.get("loss_against_data").draw(small, fits_of(small), {})
        style.save(made, tmp_path / folder, "figure")
    for suffix in ("png", "svg"):
        one, other = ((tmp_path / f / f"figure.{suffix}").read_bytes() for f in ("a", "b"))
        assert one == other
    svg = one.decode()
    assert "<text" in svg
    assert "training examples D" in svg
    assert "dc:date" not in svg
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["figure.png", "figure.svg"]


def test_every_colour_of_a_picture_has_one_for_a_dark_page(small, tmp_path):
    made = figures.get("loss_against_data").draw(small, {}, {})
    svg = style.save(made, tmp_path, "figure")[1].read_text()
    dark_of = dark_mode.colours(svg)
    assert dark_of["#ffffff"] == style.INK
    assert dark_of[style.INK] == dark_mode.DARK[style.INK]
    assert set(dark_of) == set(re.findall(r"(?<=: )#[0-9a-f]{6}\b", svg))
    for day, dark in dark_of.items():
        assert day in dark_mode.DARK or sum(to_rgb(dark)) >= sum(to_rgb(day))


def test_drawing_leaves_no_trace_in_matplotlib(small, tmp_path):
    before = dict(mpl.rcParams)
    style.save(figures.get("compute_frontier").draw(small, *found_in(small)), tmp_path, "figure")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("variable", ["N", "D"])
def test_colours_run_evenly_from_dark_to_light(variable):
    def luminance(colour):
        return np.array(mpl.colors.to_rgb(colour)) @ (0.2126, 0.7152, 0.0722)

    light = [luminance(colour) for colour in style.colours(12, variable)]
    assert all(a < b for a, b in itertools.pairwise(light))
    assert light[-1] < 0.75  # seen on white paper
    assert len(style.colours(1, variable)) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (0.25, "0.25"), (950, "950"), (1000, "1k"), (999_999, "1M"), (1.5e6, "1.5M")],
)
def test_counts_are_written_as_people_do(value, text):
    assert human(value) == text


def labelled(low, high, plain=True):
    """The labelled ticks of a logarithmic axis of those limits."""
    axes = style.figure().subplots()
    axes.set(xscale="log", xlim=(low, high))
    style.log_ticks(axes.xaxis, plain=plain)
    return axes.get_xticks()


RANGES = [(1, 1.2), (0.08, 0.5), (2.1, 3.6), (2.1, 2.9), (95, 145), (1, 1e3), (1e3, 1e20)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_a_few_labelled_ticks_lie_in_the_axis_and_apart(low, high):
    ticks = labelled(low, high)
    assert 2 <= len(ticks) <= 6
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)
    assert (np.diff(np.log(ticks)) >= style.ACROSS * np.log(high / low) * 0.999).all()


@pytest.mark.parametrize(("low", "high"), [*RANGES, (2.1e13, 2.9e13), (1.1e15, 1.9e15)])
def test_powers_of_ten_are_labelled_on_a_short_axis_too(low, high):
    """They are wide, so that there is room for few."""
    ticks = labelled(low, high, plain=False)
    assert 1 <= len(ticks) <= 6
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(95, 145), (4e4, 6e5), (0.8, 1.3)])
def test_round_ticks_are_labelled_first(low, high):
    ticks = labelled(low, high)
    assert any(np.log10(tick) == pytest.approx(round(np.log10(tick))) for tick in ticks)
