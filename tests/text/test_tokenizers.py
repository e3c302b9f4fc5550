"""Tokenisers: round trips, and one-line errors for bad input."""

import numpy as np
import pytest

from scaling_lab import LabError
from scaling_lab.text import tokenizers

TEXT = "It was the best of times, it was the worst of times.\n" * 40
STRANGE = "naïve 日本 🙂 \t\r\n\x00 end\fnext"


def made(kind, text=TEXT):
    return tokenizers.train(kind, 270 if kind == "bpe" else 0, [text, "\f"])


@pytest.mark.parametrize("kind", tokenizers.KINDS)
def test_decoding_inverts_encoding(kind):
    tokenizer = made(kind)
    ids = tokenizer.encode(TEXT)
    assert tokenizer.decode(ids) == TEXT
    assert "".join(tokenizer.pieces[i] for i in ids) == TEXT
    assert ids.ndim == 1
    assert ids.dtype == tokenizer.dtype
    assert ids.max() < tokenizer.size == len(tokenizer.pieces)


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_byte_level_tokenizers_encode_any_text(kind):
    tokenizer = made(kind)
    assert tokenizer.decode(tokenizer.encode(STRANGE)) == STRANGE


def test_a_character_missing_from_training_is_unknown():
    tokenizer = made("character")
    assert tokenizer.size == len({*TEXT, "\f"}) + 1
    assert tokenizer.decode(tokenizer.encode("was 日")) == "was \ufffd"
    assert tokenizer.encode("日") == tokenizer.size - 1


@pytest.mark.parametrize("kind", tokenizers.KINDS)
def test_saving_and_loading_changes_nothing(kind):
    tokenizer = made(kind)
    again = tokenizers.load(tokenizer.save())
    assert again.spellings == tokenizer.spellings
    np.testing.assert_array_equal(again.encode(TEXT), tokenizer.encode(TEXT))


@pytest.mark.parametrize("kind", tokenizers.KINDS)
def test_the_end_mark_is_a_token_of_its_own(kind):
    tokenizer = made(kind, " \f  \f\n\f" * 50 + TEXT)
    ids = tokenizer.encode("one\ftwo \f three")
    (end,) = tokenizer.encode(tokenizers.END)
    assert (ids == end).sum() == 2


def test_merges_take_the_most_frequent_pair_first():
    tokenizer = tokenizers.train("bpe", 259, ["abab abab cd"])
    assert tokenizer.pieces[257:] == ["ab", "abab"]
    assert len(tokenizer.encode("abab")) == 1


def test_encode_all_matches_encode():
    tokenizer = made("bpe")
    texts = [TEXT, STRANGE, ""]
    for ids, text in zip(tokenizer.encode_all(texts), texts, strict=True):
        np.testing.assert_array_equal(ids, tokenizer.encode(text))


def test_half_a_character_decodes_to_the_replacement_character():
    assert made("byte").decode([0xE6, 0x97]) == "\ufffd"
    assert made("byte").pieces[0xE6] == "\\xe6"


@pytest.mark.parametrize(
    ("kind", "vocabulary", "message"),
    [
        ("charcter", 0, "did you mean 'character'"),
        ("bpe", 0, "give 257 or more"),
        ("bpe", 256, "give 257 or more"),
        ("byte", 300, "finds its own"),
        ("bpe", 5_000, "has pieces for only .*; give that many or fewer, or more text"),
    ],
)
def test_bad_input_is_a_one_line_error(kind, vocabulary, message):
    with pytest.raises(LabError, match=message) as caught:
        tokenizers.train(kind, vocabulary, [TEXT])
    assert "\n" not in str(caught.value)


def test_text_that_is_not_unicode_is_named():
    with pytest.raises(LabError, match="at character 1"):
        made("byte").encode("a\ud800")
