"""Sources that use the `datasets` library: splits, limits, and errors that name the problem."""

import sys

import pytest

from scaling_lab import Hub, LabError, Wmt
from scaling_lab.text.tokenizers import END

datasets = pytest.importorskip("datasets", reason="needs the extra `hub`")
pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def save(tmp_path):
    """Save rows of each split in the library's own format; returns the folder."""

    def save(column="text", name="saved", **splits):
        made = {name: datasets.Dataset.from_dict({column: rows}) for name, rows in splits.items()}
        datasets.DatasetDict(made).save_to_disk(tmp_path / name)
        return str(tmp_path / name)

    return save


def rows(name, count=40):
    return [f"{name} row {i} of some text" for i in range(count)]


def documents(source):
    return [source.tokenizer().decode(part.ids).split(END)[:-1] for part in source.load()]


def small(corpus, **fields):
    return Hub(corpus=corpus, vocabulary=270, **fields)


def test_given_splits_are_kept(save):
    folder = save(train=rows("train"), validation=rows("valid"), test=rows("test"))
    assert documents(small(folder)) == [rows("train"), rows("valid"), rows("test")]


def test_a_single_held_out_split_is_divided_in_two(save):
    folder = save(train=rows("train"), test=rows("test"))
    train, valid, test = documents(small(folder))
    assert train == rows("train")
    assert (valid, test) == (rows("test")[::2], rows("test")[1::2])


def test_without_held_out_splits_digests_decide_and_copies_stay_together(save):
    train, valid, test = documents(small(save(train=rows("any", 400) * 2)))
    assert sorted(train + valid + test) == sorted(rows("any", 400) * 2)
    assert {*train} | {*valid} | {*test} == {*rows("any", 400)}
    assert not ({*valid} | {*test}) & {*train}
    assert not {*valid} & {*test}
    assert len(valid) < 20
    assert len(test) < 20


def test_size_limits_training_text_from_the_front(save):
    folder = save(train=rows("train"), validation=rows("valid"), test=rows("test"))
    train, valid, _ = documents(Hub(corpus=folder, size=100, tokens="byte", vocabulary=0))
    assert train == rows("train")[:4]
    assert valid == rows("valid")


def test_a_named_corpus_is_found_in_the_data_folder_and_grouped_into_articles(
    save, tmp_path, monkeypatch
):
    lines = [" \n", " = One = \n", " \n", "Text .\n", " = = Part = = \n", " \n", "More .\n"]
    other = [line.replace("One", "Two") for line in lines]
    save(name="hub/wikitext103", train=lines + other, validation=lines, test=other)
    monkeypatch.setenv("SCALING_LAB_DATA", str(tmp_path))
    source = Hub(corpus="wikitext103", tokens="byte", vocabulary=0)
    assert source.location() == tmp_path / "hub" / "wikitext103"
    assert [len(part) for part in documents(source)] == [2, 1, 1]
    assert documents(source)[0][0].startswith(" \n = One = \n")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda save: Hub(), r"name one, as in Hub\(corpus='c4'\)"),
        (lambda save: Hub(corpus="wikitxt103"), "did you mean 'wikitext103'"),
        (lambda save: Hub(corpus="/none/here"), "there is no folder /none/here"),
        (lambda save: small(save(validation=rows("a"))), "no split 'train'"),
        (lambda save: small(save("txt", train=rows("a"))), "did you mean 'txt'"),
        (lambda save: small(save(train=[1, 2, 3])), "holds 1, not text"),
        (lambda save: small(save(train=rows("a", 3))), "no text for its (valid|test) split"),
        (lambda save: Wmt(), r"name one, as in Wmt\(corpus='wmt14'\)"),
        (lambda save: Wmt(corpus="wmt14x"), "did you mean 'wmt14'"),
        (lambda save: Wmt(corpus=save(train=rows("a"))), "no split 'validation'"),
        (
            lambda save: Wmt(corpus=save(train=rows("a"), validation=rows("b"), test=rows("c"))),
            "has no 'translation'",
        ),
    ],
)
def test_bad_input_is_a_one_line_error(save, make, message):
    source = make(save)
    with pytest.raises(LabError, match=message) as caught:
        source.load()
    assert "\n" not in str(caught.value)


def test_offline_the_error_gives_both_ways(monkeypatch):
    def offline(*_, **__):
        raise ConnectionError("Couldn't reach the Hub\nmore")

    monkeypatch.setattr(datasets, "get_dataset_split_names", offline)
    monkeypatch.delenv("SCALING_LAB_DATA", raising=False)
    with pytest.raises(LabError, match=r"go online, or save it .* \$SCALING_LAB_DATA/hub/"):
        Hub(corpus="openwebtext").load()


@pytest.mark.slow  # the library imports torch, where that is installed
def test_from_the_hub_rows_are_streamed(tmp_path, monkeypatch):
    """Billion Word in its layout on the hub, with a folder standing in for the hub."""
    asked = []
    for split in ("train", "test"):
        folder = tmp_path / "lm1b" / "plain_text" / split
        folder.mkdir(parents=True)
        datasets.Dataset.from_dict({"text": rows(split)}).to_parquet(folder / "0000.parquet")

    def here(call):
        def asking(repository, *given, **named):
            asked.append((repository, named.get("streaming"), named["revision"]))
            return call(str(tmp_path / "lm1b"), *given, **named)

        return asking

    for name in ("get_dataset_split_names", "load_dataset"):
        monkeypatch.setattr(datasets, name, here(getattr(datasets, name)))
    monkeypatch.delenv("SCALING_LAB_DATA", raising=False)
    found = documents(small("billion_word"))
    assert found == [rows("train"), rows("test")[::2], rows("test")[1::2]]
    assert {*asked} == {
        ("billion-word-benchmark/lm1b", streaming, "refs/convert/parquet")
        for streaming in (None, True)
    }


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(LabError, match=r"pip install 'scaling-lab\[hub\]'"):
        Hub(corpus="c4").load()


def test_wmt_reverses_the_direction_and_keeps_held_out_pairs_apart(save):
    def both(name, count=30):
        return [{"de": f"{name} {i} Satz", "en": f"{name} {i} sentence"} for i in range(count)]

    folder = save(
        "translation",
        train=both("train", 100) + both("valid"),
        validation=both("valid"),
        test=both("test"),
    )
    source = Wmt(corpus=folder, source="en", target="de", vocabulary=300, longest=40, pairs=100)
    splits = source.load()
    assert sorted(splits.train.references) == sorted(row["de"] for row in both("train", 100))
    assert splits.valid.references == [row["de"] for row in both("valid")]
    more = Wmt(corpus=folder, source="en", target="de", vocabulary=300, longest=40, pairs=110)
    assert len(more.load().train.source) == 100
    with pytest.raises(LabError, match="language of"):
        Wmt(corpus=folder, source="fr", vocabulary=300).load()
