"""Names of cards: files in fits/, whatever the title of a claim."""

import pytest

from scaling_lab.analysis.report.findings import card_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("L(N) at D = 1000", "l_n_at_d_1000.json"),
        ("alpha of 0.34", "alpha_of_0.34.json"),
        ("../../etc/passwd", "etc_passwd.json"),
        ("", "e3b0c442.json"),
        ("..", "5ec1f7e7.json"),
    ],
)
def test_a_card_lies_in_its_folder(title, name):
    assert card_name(title) == name


def test_titles_that_differ_have_cards_that_differ():
    titles = ["α", "β", "α of N", "β of N", "x" * 400, "x" * 401]
    names = {card_name(title) for title in titles}
    assert len(names) == len(titles)
    assert all(len(name) < 130 and name.isascii() and name[0] != "." for name in names)
