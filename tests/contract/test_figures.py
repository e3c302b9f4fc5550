"""The contract of every figure: what its file holds; it draws and changes none of its inputs."""

import copy

import pandas as pd
import pytest
from matplotlib.figure import Figure

from scaling_lab.analysis import experiment_tables, figures, style
from scaling_lab.errors import LabError, NotApplicable

every = pytest.mark.parametrize("name", figures.names())


@every
def test_its_file_says_how_to_read_it(name):
    drawing = figures.get(name)
    assert 5 < len(drawing.TITLE) < 40
    assert len(drawing.CAPTION) > 100
    assert drawing.CAPTION.endswith(".")
    assert isinstance(drawing.PLACE, int | float)


@every
def test_it_draws_a_standard_experiment(name, standard_tables, standard_studies):
    made = figures.get(name).draw(standard_tables, {}, standard_studies)
    assert isinstance(made, Figure)
    made.draw_without_rendering()
    assert made.axes
    assert made.get_figwidth() in (style.COLUMN, style.DOUBLE)


@every
def test_it_changes_none_of_its_inputs(name, standard_tables, standard_studies):
    before = copy.deepcopy(standard_tables)
    fits, studies = {}, dict(standard_studies)
    figures.get(name).draw(standard_tables, fits, studies)
    assert fits == {}
    assert studies == standard_studies
    for table in ("runs", "chosen", "curves", "families"):
        after = getattr(standard_tables, table)
        pd.testing.assert_frame_equal(getattr(before, table), after)
    assert before.auxiliary.keys() == standard_tables.auxiliary.keys()


@every
def test_what_is_missing_is_said_in_one_line(name):
    runs = pd.DataFrame({"run": ["a"], "status": ["failed"], "seed": [0], "learning_rate": [1.0]})
    runs = runs.assign(N=1.0, D=1.0, C=1.0, model="mlp", best_valid_loss=float("nan"))
    curves = pd.DataFrame({"run": [], "step": [], "C": [], "test_loss": []})
    tables = experiment_tables.tables(runs, curves)
    with pytest.raises((LabError, NotApplicable)) as error:
        figures.get(name).draw(tables, {}, {})
    assert len(str(error.value)) > 15
    assert "\n" not in str(error.value)
