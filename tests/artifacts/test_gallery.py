"""Pictures of trained generative models, from kept parameters to a report's figures."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from scaling_lab import LabError, Supervised, registry
from scaling_lab.analysis.experiment_tables import Tables
from scaling_lab.analysis.figures import latent_map, pictures
from scaling_lab.analysis.report import read as report
from scaling_lab.artifacts import gallery
from scaling_lab.engine import runner
from scaling_lab.errors import NotApplicable
from scaling_lab.experiment import Experiment
from scaling_lab.images import latent_paths

SIDES = {"vae": (8, 8), "flow": (8, 8), "gan": (8, 8), "pixels": (4, 4, 1)}


def experiment(base, folder):
    return Experiment(
        name="tiny_pictures",
        file=folder / "tiny_pictures.py",
        text={"title": "t", "question": "q", "prediction": "p", "cost": "c", "command": "x"},
        base=base,
        grid=({"steps": 3},),
        keep=lambda point: True,
    )


@pytest.mark.parametrize("name", SIDES)
def test_every_generative_learner_makes_pictures(name, tmp_path):
    base = registry.get("learner", name).example()
    made = experiment(base, tmp_path)
    runner.run(made, tmp_path, width=1)
    with np.load(gallery.make(made, tmp_path, count=3)) as file:
        found = {key: file[key] for key in file.files}
    kinds = {key.split("|")[0]: array for key, array in found.items()}
    assert kinds["samples"].shape == (1, 3, *SIDES[name])
    assert kinds["samples"].dtype == np.uint8
    assert kinds["samples"].std() > 0
    if name != "pixels":
        assert kinds["interpolations"].shape == (latent_paths.ROWS, 3, *SIDES[name])
        paths = kinds["interpolations"].astype(float)
        assert np.abs(paths[:, 0] - paths[:, 1]).mean() > 0
    tables = report.read(tmp_path / made.name).tables
    figure = pictures.draw(tables, {}, {})
    assert len(figure.axes) == len({*kinds} - {"map", "classes"})
    if name != "vae":
        with pytest.raises(NotApplicable, match="a model that has a latent space"):
            latent_map.draw(tables, {}, {})
        return
    assert kinds["reconstructions"].shape == (2, 3, 8, 8)
    (axes,) = latent_map.draw(tables, {}, {}).axes
    assert sum(len(line.get_xdata()) for line in axes.lines) == len(kinds["map"])


def test_pictures_stay_square_for_any_number_a_row():
    many = {f"samples|vae|{n}": np.zeros((1, n, 8, 8), np.uint8) for n in (3, 10, 40)}
    runs = pd.DataFrame({"model": ["vae"]})
    made = pictures.draw(Tables(runs, runs, runs, auxiliary={"pictures": many}), {}, {})
    inches = made.get_size_inches()
    for axes, count in zip(made.axes, (3, 10, 40), strict=True):
        _, _, wide, tall = axes.get_position().bounds * np.tile(inches, 2)
        assert wide / tall == pytest.approx(count)
        assert axes.get_position().x1 <= 1


def test_the_components_of_one_latent_are_a_line():
    points = np.linspace(-1, 1, 5)[:, None]
    found = latent_paths.principal_components(points)
    assert found.shape == (5, 2)
    np.testing.assert_allclose(np.abs(found), np.abs(np.hstack([points, 0 * points])), atol=1e-12)


def test_interpolations_are_straight_and_repeat_their_ends():
    ends = jnp.asarray([[0.0, 0.0], [2.0, 4.0], [5.0, 5.0]])
    found = latent_paths.interpolate(ends, 3).reshape(latent_paths.ROWS, 3, 2)
    np.testing.assert_allclose(found[0], [[0, 0], [1, 2], [2, 4]])
    np.testing.assert_allclose(found[1], [[5, 5], [2.5, 2.5], [0, 0]])


def test_of_several_runs_of_one_size_the_best_is_shown(tmp_path):
    base = registry.get("learner", "pixels").example()
    made = dataclasses.replace(
        experiment(base, tmp_path), grid=({"steps": 1}, {"steps": 30}, {"steps": 2})
    )
    runner.run(made, tmp_path, width=1)
    shown = []
    gallery.make(made, tmp_path, count=2, say=shown.append)
    assert shown == ["steps=30"]


def test_a_learner_without_pictures_is_an_error(small, tmp_path):
    made = experiment(dataclasses.replace(small, learner=Supervised()), tmp_path)
    with pytest.raises(LabError, match="learner supervised of tiny_pictures makes no pictures"):
        gallery.make(made, tmp_path)
    with pytest.raises(LabError, match="count is 1"):
        gallery.make(made, tmp_path, count=1)
    made = experiment(registry.get("learner", "vae").example(), tmp_path)
    with pytest.raises(LabError, match="holds no finished run"):
        gallery.make(made, tmp_path)
