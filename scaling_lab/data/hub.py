"""Text from the `datasets` library (extra `hub`): Billion Word, WikiText-103, OpenWebText, C4.

    Hub(corpus="c4", tokens="bpe", vocabulary=32_768, size=1_000_000_000)

A corpus is read from $SCALING_LAB_DATA/hub/CORPUS/ if it was saved there by the library's
`save_to_disk`, else streamed from the Hugging Face hub, downloading no more than `size` needs. The
path of any folder saved by `save_to_disk` is a corpus too.

A corpus's own training, validation and test splits are kept. If validation or test is missing, the
other's rows alternate between the two; if both are, a row's digest decides (1% validation, 1%
test), so that copies of a row stay together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from ..errors import LabError, unknown
from ..registry import register
from ..storage.cache import provided_file
from ..text import corpus as tokens_of
from ..text.documents import articles, digest, with_end_marks
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

HELD = 10_000_000  # most bytes of validation text, and of test text


@dataclass(frozen=True)
class Corpus:
    """A corpus on the hub. lines: whether its rows are lines of longer documents."""

    repository: str
    name: str | None = None
    data_dir: str | None = None
    revision: str | None = None
    lines: bool = False

    @property
    def options(self) -> dict[str, str | None]:
        """Its place in the repository, as keyword arguments of the library."""
        return {"data_dir": self.data_dir, "revision": self.revision}


CORPORA = {
    # Chelba et al. 2013. The library no longer runs its loading script; the hub's conversion to
    # Parquet has a revision of its own.
    "billion_word": Corpus(
        "billion-word-benchmark/lm1b", data_dir="plain_text", revision="refs/convert/parquet"
    ),
    "wikitext103": Corpus("Salesforce/wikitext", "wikitext-103-raw-v1", lines=True),  # Merity 2016
    "openwebtext": Corpus("Skylion007/openwebtext"),  # Gokaslan & Cohen 2019
    "c4": Corpus("allenai/c4", "en"),  # Raffel et al. 2019
}


@register("data", "hub")
@dataclass(frozen=True, kw_only=True)
class Hub:
    """A corpus from the hub, or from a folder in the library's format.

    corpus: a name in CORPORA, or a folder. column: the one of the text. size: most bytes of
    training text, from the start of the split.
    """

    corpus: str = ""
    column: str = "text"
    size: int = 1_000_000_000
    tokens: str = "bpe"
    vocabulary: int = 32_768

    origin: ClassVar[str] = f"the `datasets` library: {', '.join(CORPORA)}, or a folder it saved"
    licence: ClassVar[str] = "the corpus's own"

    def __post_init__(self):
        if self.size < 1:
            raise LabError(f"size is {self.size}; it counts bytes of training text, give 1 or more")

    @cached_property
    def spec(self) -> Spec:
        return tokens_of.spec(self)

    def location(self) -> Path | None:
        return saved(self.corpus)

    def fetch(self) -> None:
        """Tokenise it into the cache, from disk or from the hub."""
        tokens_of.folder(self)

    def load(self) -> Splits[Tokens]:
        return tokens_of.load(self)

    def tokenizer(self) -> Tokenizer:
        return tokens_of.tokenizer(self)

    def files(self) -> list[Path]:
        folder = self.location()
        return sorted(folder.rglob("*.arrow")) if folder else []

    def documents(self) -> Splits[Iterable[str]]:
        hub_corpus = find_corpus(self.corpus)
        available = splits(self.corpus, hub_corpus)

        def texts(split: str) -> Iterable[str]:
            each = (text_of(row, self.column, self.corpus) for row in available[split]())
            return articles(each) if hub_corpus and hub_corpus.lines else each

        def part(split: str, keep: Callable[[int, str], bool], size: int) -> Iterable[str]:
            return _FirstBytes(lambda: (t for i, t in enumerate(texts(split)) if keep(i, t)), size)

        held = [name for name in ("validation", "test") if name in available]
        if "train" not in available:
            names = ", ".join(available)
            raise LabError(
                f"{self.corpus} has no split 'train'; save one of its splits as that: {names}"
            )
        train = part("train", lambda *_: True, self.size)
        if len(held) == 2:
            valid, test = (part(name, lambda *_: True, HELD) for name in held)
        elif held:
            valid = part(held[0], lambda i, _: i % 2 == 0, HELD)
            test = part(held[0], lambda i, _: i % 2 == 1, HELD)
        else:
            held_out = min(HELD, self.size // 100)  # never reads more rows than training does
            train = part("train", lambda _, text: _percentile(text) > 1, self.size)
            valid = part("train", lambda _, text: _percentile(text) == 0, held_out)
            test = part("train", lambda _, text: _percentile(text) == 1, held_out)
        return Splits(train, valid, test)


def find_corpus(corpus: str) -> Corpus | None:
    """The named corpus on the hub; None for a folder. Raises LabError if it is neither."""
    if corpus in CORPORA or saved(corpus):
        return CORPORA.get(corpus)
    if not corpus:
        raise LabError(
            f"hub reads a corpus; name one, as in Hub(corpus='c4'), of: {', '.join(CORPORA)}"
        )
    if "/" in corpus or "." in corpus:
        raise LabError(f"there is no folder {corpus}; save one there with datasets' save_to_disk")
    raise unknown("corpus", corpus, CORPORA)


def saved(corpus: str) -> Path | None:
    """The folder that holds a corpus in the library's own format, if there is one."""
    for folder in (provided_file("hub", corpus), Path(corpus).expanduser()) if corpus else ():
        if folder and any((folder / name).exists() for name in ("dataset_dict.json", "state.json")):
            return folder
    return None


def splits(corpus: str, hub_corpus: Corpus | None) -> Mapping[str, Callable[[], Iterable[Any]]]:
    """Name of a split -> function that iterates its rows, from disk or from the hub."""
    library = _library()
    if folder := saved(corpus):
        try:
            dataset = library.load_from_disk(str(folder))
        except Exception as error:
            raise LabError(
                f"{folder} cannot be read by `datasets`: {error}; save it again"
            ) from error
        named = dataset if isinstance(dataset, library.DatasetDict) else {"train": dataset}
        return {str(name): named[name].__iter__ for name in named}
    assert hub_corpus is not None
    try:
        names = library.get_dataset_split_names(
            hub_corpus.repository, hub_corpus.name, **hub_corpus.options
        )
    except Exception as error:
        raise _offline(hub_corpus.repository, error) from error
    return {name: partial(rows, hub_corpus, name) for name in names}


def rows(hub_corpus: Corpus, split: str) -> Iterator[Mapping[str, Any]]:
    """Stream the rows of a split from the hub. Raises LabError, saying how else to get them."""
    library = _library()
    try:
        yield from library.load_dataset(
            hub_corpus.repository,
            hub_corpus.name,
            split=split,
            streaming=True,
            **hub_corpus.options,
        )
    except Exception as error:
        raise _offline(hub_corpus.repository, error) from error


def text_of(row: Mapping[str, Any], column: str, corpus: str) -> str:
    """The text of a row. Raises LabError if there is none."""
    if column not in row:
        raise unknown(f"column of {corpus}", column, row)
    if not isinstance(row[column], str):
        raise LabError(
            f"column '{column}' of {corpus} holds {row[column]!r:.40}, not text; "
            "name a column of text"
        )
    return row[column]


@dataclass(frozen=True)
class _FirstBytes:
    """Documents with end marks until `size` bytes, the last one whole; re-iterable."""

    make: Callable[[], Iterable[str]]
    size: int

    def __iter__(self) -> Iterator[str]:
        left = self.size
        for document in with_end_marks(self.make()):
            yield document
            left -= len(document.encode())
            if left <= 0:
                return


def _percentile(text: str) -> int:
    """A hash of the text from 0 to 99."""
    return int.from_bytes(digest(text)[:4], "big") % 100


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise LabError(
            "the `datasets` library is not installed; pip install 'scaling-lab[hub]'"
        ) from error
    datasets.disable_progress_bars()
    return datasets


def _offline(repository: str, error: Exception) -> LabError:
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return LabError(
        f"{repository} cannot be read from the Hugging Face hub ({why}); go online, or save it "
        "with datasets' save_to_disk into $SCALING_LAB_DATA/hub/"
    )
