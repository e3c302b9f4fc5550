"""Numbers spelled out in German and English."""

import pytest

from scaling_lab.data.numerals import english, german


@pytest.mark.parametrize(
    ("number", "de", "en"),
    [
        (0, "null", "zero"),
        (21, "einundzwanzig", "twenty-one"),
        (101, "einhunderteins", "one hundred and one"),
        (1_001, "eintausendeins", "one thousand and one"),
        (
            42_107,
            "zweiundvierzigtausendeinhundertsieben",
            "forty-two thousand one hundred and seven",
        ),
        (201_000, "zweihunderteintausend", "two hundred and one thousand"),
    ],
)
def test_both_languages(number, de, en):
    assert (german(number), english(number)) == (de, en)
