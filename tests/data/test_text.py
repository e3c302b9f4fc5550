"""The user's own text: each document in one split, bad files named, token files cached."""

import gzip
import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scaling_lab import LabError, Shakespeare, Text, Wikitext2
from scaling_lab.text import documents
from scaling_lab.text.tokenizers import END

pytestmark = pytest.mark.usefixtures("own_cache")


def stream(tokens, source):
    return source.tokenizer().decode(tokens.ids)


@pytest.fixture
def folder(tmp_path):
    """Forty files in four folders, two of them copies of others."""
    for i in range(40):
        place = tmp_path / "texts" / str(i % 4)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i}.txt").write_text(f"number {i % 38}\n" * 20)
    return tmp_path / "texts"


@pytest.mark.parametrize("tokens", ["byte", "character", "bpe"])
def test_each_file_of_a_folder_is_in_one_split_as_a_whole(folder, tokens):
    source = Text(path=str(folder), tokens=tokens, vocabulary=260 if tokens == "bpe" else 0)
    found = [stream(part, source).split(END)[:-1] for part in source.load()]
    assert sorted(itertools.chain(*found)) == sorted(f"number {i}\n" * 20 for i in range(38))
    assert [len(part) for part in found] == [34, 2, 2]
    assert source.spec.examples == len(source.load().train.ids)


def test_one_file_is_cut_in_order_at_ends_of_lines(tmp_path):
    lines = [f"line {i}\n" for i in range(1_000)]
    (tmp_path / "one.txt").write_text("".join(lines))
    source = Text(path=str(tmp_path / "one.txt"))
    parts = [stream(part, source) for part in source.load()]
    assert "".join(parts) == "".join(lines)
    assert all(part.endswith("\n") for part in parts)
    assert [round(len(part) / len("".join(lines)), 2) for part in parts] == [0.9, 0.05, 0.05]


def test_the_fingerprint_follows_the_content_and_not_the_path(folder, tmp_path):
    first = Text(path=str(folder)).numerics
    folder.rename(tmp_path / "elsewhere")
    assert Text(path=str(tmp_path / "elsewhere")).numerics == first
    assert Text(path=str(tmp_path / "elsewhere"), tokens="character").numerics != first
    (tmp_path / "elsewhere" / "0" / "0.txt").write_text("other words\n")
    assert Text(path=str(tmp_path / "elsewhere")).numerics != first


def test_line_endings_byte_order_marks_and_compression_do_not_matter(tmp_path):
    plain, same = tmp_path / "plain.txt", tmp_path / "same.txt.gz"
    plain.write_text("ä\nb\n" * 50, encoding="utf-8")
    same.write_bytes(gzip.compress(("\ufeff" + "ä\r\nb\r\n" * 50).encode()))
    assert documents.read(plain) == documents.read(same)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"text\0text", r"a\.txt is binary \(byte 0 at position 4\)"),
        ("a.txt", "Käse".encode("latin1"), r"not UTF-8 \(byte 0xe4 at position 1\).*iconv"),
        ("a.txt.gz", b"no gzip", r"a\.txt\.gz cannot be read"),
        ("a.txt", b"", "no text for its train split"),
        ("a.txt", b"word", "no text for its (valid|test) split"),
    ],
)
def test_a_file_that_is_not_text_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LabError, match=message) as caught:
        Text(path=str(tmp_path / name)).load()
    assert "\n" not in str(caught.value)


def test_folders_that_cannot_be_split_are_named(tmp_path):
    with pytest.raises(LabError, match="there is no /none"):
        Text(path="/none").load()
    with pytest.raises(LabError, match=r"name it, as in Text\(path='notes/'\)"):
        _ = Text().spec
    with pytest.raises(LabError, match="holds no text"):
        Text(path=str(tmp_path)).load()
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with pytest.raises(LabError, match="2 different documents are too few"):
        Text(path=str(tmp_path)).load()
    (tmp_path / "c").write_text("c")
    assert [part.bytes for part in Text(path=str(tmp_path)).load()] == [2, 2, 2]


def test_the_largest_file_is_for_training(tmp_path):
    for name, size in (("a", 10_000), ("b", 100), ("c", 80)):
        (tmp_path / name).write_text(name * size)
    assert Text(path=str(tmp_path)).load().train.bytes == 10_001


def test_a_changed_file_is_tokenised_again(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one\n" * 100)
    before = Text(path=str(path)).load().train.ids
    path.write_text("two\n" * 100)
    os.utime(path, ns=(1, 1))
    after = Text(path=str(path)).load().train.ids
    assert bytes(before[:3]) == b"one"
    assert bytes(after[:3]) == b"two"


def test_an_interrupted_preparation_leaves_no_cache(folder, own_cache, monkeypatch):
    from scaling_lab.text import corpus

    def dies(*_):
        raise KeyboardInterrupt

    source = Text(path=str(folder), tokens="character")
    before = {*(own_cache / "data").glob("*")}
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "_write", dies)
        with pytest.raises(KeyboardInterrupt):
            source.load()
    assert {*(own_cache / "data").glob("*")} == before
    assert source.load().train.bytes > 0


def test_concurrent_loads_make_one_cache(folder, own_cache):
    source = Text(path=str(folder), tokens="bpe", vocabulary=262)
    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda _: source.load(), range(4))]
    assert len({part.train.ids.filename for part in found}) == 1
    assert not [*(own_cache / "data").glob("*.tmp")]


def test_a_broken_cache_says_what_to_delete(folder, own_cache):
    from scaling_lab.text import corpus

    source = Text(path=str(folder), tokens="byte")
    (corpus.folder(source) / "about.json").unlink()
    with pytest.raises(LabError, match=r"is incomplete .*; delete that folder"):
        source.load()


def test_no_play_is_in_two_splits():
    source = Shakespeare()
    if source.location() is None:
        pytest.skip("tiny Shakespeare is not available: set SCALING_LAB_DATA")
    train, valid, test = (stream(part, source) for part in source.load())
    for name, mine in (("ROMEO:", train), ("PETRUCHIO:", valid), ("CALIBAN:", test)):
        assert [name in text for text in (train, valid, test)].count(True) == 1
        assert name in mine
    assert source.load().train.bytes == 966_133


def test_lines_of_wikitext_are_grouped_into_articles():
    source = Wikitext2()
    if source.location() is None:
        pytest.skip("WikiText-2 is not available: set SCALING_LAB_DATA")
    found = [text.split(END)[:-1] for text in (stream(part, source) for part in source.load())]
    assert sum(map(len, found)) == 120
    assert all(len(part) >= 5 for part in found)
    with pytest.raises(LabError, match="did you mean 'official'"):
        Wikitext2(split="oficial")


def test_split_documents_uses_copies_once():
    splits = documents.split_documents([b"a", b"b", b"a", b"c", b"d"], [1, 1, 1, 1, 1])
    taken = sorted(itertools.chain(*splits))
    assert taken == [0, 1, 3, 4]
    assert min(map(len, splits)) == 1


def test_take_bytes_never_halves_a_character():
    rest = iter(["ab", "cd", "äö"])
    assert documents.take_bytes(rest, 3) == ["ab", "c"]
    assert "".join(documents.take_bytes(rest, 3)) == "ä"
    with pytest.raises(LabError, match="2 bytes short of 2"):
        documents.take_bytes(rest, 2)


def test_ids_are_memory_mapped_small_integers(folder):
    ids = Text(path=str(folder)).load().train.ids
    assert isinstance(ids, np.memmap)
    assert ids.dtype == np.uint8
