"""Results are kept by what they follow from, and equal results made anew."""

import numpy as np
import pytest

from scaling_lab.analysis.kept import digest, keeping, kept


@pytest.fixture
def made():
    return []


@pytest.fixture
def maker(made):
    """A result made from a key, whose making is noted."""

    def result(key, valid=lambda found: True):
        def make():
            made.append(key)
            return {"key": key, "third": 1 / 3, "pair": (1, float("inf"))}

        return kept(lambda: key, make, valid)

    return result


def test_a_result_is_made_once_and_equal_when_it_is_taken_again(tmp_path, made, maker):
    with keeping(tmp_path, "v1"):
        first = maker("a")
    with keeping(tmp_path, "v1"):
        second = maker("a")
    assert made == ["a"]
    assert first == second == {"key": "a", "third": 1 / 3, "pair": [1, float("inf")]}


def test_another_key_another_source_and_an_invalid_result_are_made_anew(tmp_path, made, maker):
    with keeping(tmp_path, "v1"):
        maker("a")
        maker("b")
        maker("a", valid=lambda found: found["key"] != "a")
    with keeping(tmp_path, "v2"):
        maker("a")
    assert made == ["a", "b", "a", "a"]


def test_outside_every_result_is_made(made, maker):
    maker("a")
    maker("a")
    assert made == ["a", "a"]


def test_what_was_not_used_again_is_removed_unless_the_work_failed(tmp_path, made, maker):
    with keeping(tmp_path, "v1"):
        maker("a")
        maker("b")
    with pytest.raises(KeyError), keeping(tmp_path, "v1"):
        raise KeyError
    assert len(list(tmp_path.iterdir())) == 2
    with keeping(tmp_path, "v1"):
        maker("b")
    assert len(list(tmp_path.iterdir())) == 1
    assert made == ["a", "b"]


@pytest.mark.parametrize("text", ["", "[1, 2", "\xff", "[]", '{"of": "another", "result": 1}'])
def test_a_damaged_result_is_made_again(tmp_path, made, maker, text):
    with keeping(tmp_path, "v1"):
        first = maker("a")
    (file,) = tmp_path.iterdir()
    file.write_bytes(text.encode("latin1"))
    with keeping(tmp_path, "v1"):
        assert maker("a") == first
    assert made == ["a", "a"]


def test_a_digest_tells_values_types_and_shapes_apart():
    ones = np.ones((2, 3))
    assert digest(["x", ones]) == digest(["x", np.ones((2, 3))])
    others = [ones.T, ones.astype("float32"), ones * (1 + 1e-15), ones.tolist(), None]
    assert len({digest(one) for one in [ones, *others]}) == len(others) + 1
    assert digest(np.array(["a", "b"], object)) != digest(np.array(["a", "c"], object))
