"""BLEU by sacrebleu, on text."""

import numpy as np
import pytest

from scaling_lab import LabError
from scaling_lab.data.numerals import Numerals
from scaling_lab.text.bleu import bleu, sentences

REFERENCES = ["A man in an orange hat starring at something.", "Two dogs play in the snow."]


def test_references_score_100_and_others_less():
    assert bleu(REFERENCES, REFERENCES) == pytest.approx(100)
    assert bleu(REFERENCES[::-1], REFERENCES) < 10
    assert 20 < bleu(["A man in a hat starring at something.", REFERENCES[1]], REFERENCES) < 90


def test_padded_targets_decode_to_their_references(own_cache):
    source = Numerals()
    valid = source.load().valid
    found = sentences(source.tokenizer(), valid.target[:50])
    assert found == valid.references[:50]
    assert bleu(found, valid.references[:50]) == pytest.approx(100)


def test_text_ends_at_the_first_end(own_cache):
    tokenizer = Numerals().tokenizer()
    ids = tokenizer.encode("twenty-two")
    row = np.array([*ids, 2, *ids, 0, 0])
    assert sentences(tokenizer, row[None]) == ["twenty-two"]
    assert sentences(tokenizer, np.array([[2, 0, 0], [0, 0, 0]])) == ["", ""]


def test_bad_input_is_a_one_line_error():
    with pytest.raises(LabError, match="1 translations and 2 references"):
        bleu(REFERENCES[:1], REFERENCES)
    with pytest.raises(LabError, match="at least one"):
        bleu([], [])
