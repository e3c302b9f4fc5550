"""Plotting: a result's plot() reaches its figure through one module alone."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

from scaling_lab.analysis import figures, plotting

mpl.use("agg")

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"
BY_NAME = re.compile(r"\bimport_module\(|\b__import__\(")


def test_only_plotting_imports_a_module_by_name():
    """Imports by name escape the test of layers. An __init__ may find its own room's modules."""
    files = [path for path in ANALYSIS.rglob("*.py") if path.name != "__init__.py"]
    assert [f.name for f in files if BY_NAME.search(f.read_text())] == ["plotting.py"]


def test_every_figure_that_a_result_names_can_plot():
    texts = [path.read_text() for path in ANALYSIS.rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'plotting\.draw\("(\w+)"', text)}
    assert {"_fit", "optimal_size", "counting", "forecasts"} <= named
    for name in named:
        module = __import__(f"{figures.__name__}.{name}", fromlist=["plot"])
        assert callable(module.plot)


def test_a_figure_is_drawn_on_given_axes_or_on_new_ones(monkeypatch):
    from scaling_lab.analysis.figures import _fit

    monkeypatch.setattr(_fit, "plot", lambda axes, result, label: axes.plot(result, label=label))
    axes = plotting.draw("_fit", [1.0, 2.0], label="curve")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["curve"]
    assert plotting.draw("_fit", [3.0, 4.0], axes, label="second") is axes
    assert len(axes.lines) == 2
    mpl.pyplot.close(axes.figure)


def test_a_figure_that_is_not_there_cannot_be_named():
    with pytest.raises(ModuleNotFoundError):
        plotting.draw("no_such_figure", [1.0])
