"""Neighbours, analogies and the picture, on vectors whose geometry is known."""

import io

import numpy as np
import pytest

from scaling_lab.analysis.figures import _embedding
from scaling_lab.analysis.studies import embedding
from scaling_lab.analysis.studies.embedding import Embedding
from scaling_lab.errors import LabError

COUNTRIES = ("France", "Germany", "Italy", "Spain", "Japan")
CAPITALS = ("Paris", "Berlin", "Rome", "Madrid", "Tokyo")
PAIRS = [*zip(COUNTRIES, CAPITALS, strict=True)]


@pytest.fixture(scope="module")
def space():
    """Each capital is its country and one common step; other words stand anywhere."""
    rng = np.random.default_rng(0)
    countries, step = rng.normal(size=(5, 40)), rng.normal(size=40)
    others = rng.normal(size=(190, 40))
    vectors = np.concatenate([countries, countries + step, others]) + 30.0  # a mean to be taken off
    pieces = [*(f" {word}" for word in (*COUNTRIES, *CAPITALS)), *(f"w{i}" for i in range(190))]
    return Embedding(vectors.astype(np.float32), pieces)


def test_a_country_is_nearest_to_its_capital(space):
    for country, capital in PAIRS:
        (first, likeness), *_ = space.nearest(country)
        assert first == f" {capital}"
        centred = space.vectors - space.vectors.mean(0)
        a, b = centred[space.place(country)], centred[space.place(capital)]
        assert likeness == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)


def test_neighbours_come_in_order_and_leave_the_word_out(space):
    found = space.nearest("Rome", count=7)
    assert len(found) == 7
    assert [cosine for _, cosine in found] == sorted((c for _, c in found), reverse=True)
    assert " Rome" not in dict(found)


def test_capital_less_country_more_country_is_a_capital(space):
    (found, _), *_ = space.analogy("Paris", "France", "Germany")
    assert found == " Berlin"
    table = space.analogies(PAIRS)
    assert len(table) == 20
    assert (table["rank"] == 1).all()
    assert (table["found"] == table["expected"]).all()
    assert table["question"][0] == "Paris - France + Germany"


def test_where_there_is_no_structure_analogies_fail():
    rng = np.random.default_rng(1)
    noise = Embedding(rng.normal(size=(200, 40)), [*COUNTRIES, *CAPITALS, *map(str, range(190))])
    assert noise.analogies(PAIRS)["rank"].median() > 10


def test_components_are_those_of_the_covariance():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(50, 8)) * np.array([9, 4, 1, 1, 1, 1, 1, 1])
    points, shares = embedding.components(rows)
    values = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
    np.testing.assert_allclose(shares, values[:2] / values.sum())
    np.testing.assert_allclose(points.var(0, ddof=1), values[:2])
    assert abs(np.corrcoef(points.T)[0, 1]) < 1e-12


def test_the_picture_names_every_word_once_and_none_upon_another(space):
    made = _embedding.picture(space, {"countries": COUNTRIES, "capitals": CAPITALS}, PAIRS)
    (axes,) = made.axes
    assert sorted(text.get_text() for text in axes.texts) == sorted(COUNTRIES + CAPITALS)
    assert len(axes.lines) == len(PAIRS) + 2
    boxes = [text.get_window_extent() for text in axes.texts]
    for i, box in enumerate(boxes):
        assert box.count_overlaps(boxes[:i]) == 0
    sink = io.BytesIO()
    made.savefig(sink, format="png")
    assert sink.tell() > 10_000


def test_the_picture_shows_the_common_step(space):
    """With one step from each country to its capital the joining lines are parallel."""
    words = [*COUNTRIES, *CAPITALS]
    points, _ = embedding.components(space.vectors[[space.place(w) for w in words]])
    steps = points[5:] - points[:5]
    np.testing.assert_allclose(steps, np.tile(steps[0], (5, 1)), atol=1e-4)


@pytest.fixture
def parameters(space):
    """As a run keeps them: a tree, with an untied head of the same shape as the embedding."""
    return {
        "embed": {"embedding": space.vectors},
        "layer_0": {"kernel": np.zeros((40, 40))},
        "head": {"kernel": np.zeros((200, 40))},
    }


def test_it_is_found_among_parameters(space, parameters, tmp_path):
    assert embedding.of(parameters, space.pieces).vectors is space.vectors
    del parameters["head"]
    renamed = {"tokens": parameters["embed"]["embedding"], "layer": np.zeros(3)}
    assert embedding.of(renamed, space.pieces).vectors is space.vectors
    np.savez(tmp_path / "a.npz", **{"params/embed/embedding": space.vectors, "b": np.zeros(3)})
    found = embedding.load(tmp_path / "a.npz", space.pieces)
    np.testing.assert_array_equal(found.vectors, space.vectors)


def test_anybodys_vectors_and_pieces_are_read(space, tmp_path):
    np.savez(tmp_path / "a.npz", vectors=space.vectors, pieces=np.array(space.pieces))
    assert embedding.load(tmp_path / "a.npz").nearest("Tokyo")[0][0] == " Japan"


def test_what_is_wrong_is_one_line(space, parameters, tmp_path):
    cases = [
        (lambda: space.nearest("Pariss"), "'Pariss' is not one token here; 'Paris' is one"),
        (lambda: space.analogies(PAIRS[:1]), "needs two pairs of words, but there are 1"),
        (lambda: _embedding.picture(space, {"a": ["Rome", "Paris"]}), "three words or more"),
        (lambda: Embedding(np.zeros((3, 2)), ["a"]), "1 pieces and vectors of shape"),
        (lambda: Embedding(np.full((1, 2), np.nan), ["a"]), "not finite"),
        (lambda: embedding.of(parameters, ["a", "b"]), "0 matrices could hold"),
        (
            lambda: embedding.of({"embed_a": parameters["embed"], "embed_b": parameters["embed"]},
                                 space.pieces),
            "2 matrices could hold",
        ),
        (lambda: embedding.load(tmp_path / "none.npz"), "cannot be read as .npz"),
        (lambda: embedding.load(tmp_path / "plain.npz"), "no array 'pieces'"),
    ]  # fmt: skip
    np.savez(tmp_path / "plain.npz", vectors=np.zeros((2, 2)))
    for call, message in cases:
        with pytest.raises(LabError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
