"""Text by the `datasets` library (extra `hub`): Billion Word, WikiText-103, OpenWebText, C4.

    Hub(corpus="c4", tokens="bpe", vocabulary=32_768, size=1_000_000_000)

A corpus is read from $SCALING_LAB_DATA/hub/CORPUS/ if it was saved there in the library's own
format (`save_to_disk`), else streamed from the Hugging Face hub: no more is downloaded than `size`
asks for. A path to any folder saved in that format is a corpus too.

A corpus that has a training, a validation and a test split keeps them. Where one of the last two
is missing, the rows of the other are dealt to both in turn; where both are missing, a row's digest
decides (one in a hundred validates, one tests), so that copies of a row stay together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from ..errors import LabError, unknown
from ..registry import register
from ..storage.cache import given
from ..text import corpus as tokens_of
from ..text.documents import articles, digest, ended
from ..text.tokenizers import Tokenizer
from . import Spec, Splits, Tokens

HELD = 10_000_000  # bytes of validation text, and of test text, at most


@dataclass(frozen=True)
class Corpus:
    """Where a corpus is on the hub. lines: its rows are the lines of longer documents."""

    repository: str
    name: str | None = None
    data_dir: str | None = None
    revision: str | None = None
    lines: bool = False

    @property
    def within(self) -> dict[str, str | None]:
        """Where in the repository it is, in the library's words."""
        return {"data_dir": self.data_dir, "revision": self.revision}


CORPORA = {
    # Chelba et al. 2013. The library no longer runs the script of this one; the hub's conversion
    # of it to Parquet lies under another revision.
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
    """A corpus of the hub, or of a folder in the library's format.

    corpus: a name in CORPORA or a folder. column: the text's. size: bytes of training text at most,
    from the front.
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
        """Tokenise it into the cache, from the disk or from the hub."""
        tokens_of.folder(self)

    def load(self) -> Splits[Tokens]:
        return tokens_of.load(self)

    def tokenizer(self) -> Tokenizer:
        return tokens_of.tokenizer(self)

    def files(self) -> list[Path]:
        place = self.location()
        return sorted(place.rglob("*.arrow")) if place else []

    def documents(self) -> Splits[Iterable[str]]:
        there = known(self.corpus)
        found = splits(self.corpus, there)

        def texts(split: str) -> Iterable[str]:
            each = (text_of(row, self.column, self.corpus) for row in found[split]())
            return articles(each) if there and there.lines else each

        def part(split: str, keep: Callable[[int, str], bool], size: int) -> Iterable[str]:
            return _Upto(lambda: (t for i, t in enumerate(texts(split)) if keep(i, t)), size)

        held = [name for name in ("validation", "test") if name in found]
        if "train" not in found:
            raise LabError(f"{self.corpus} has no split 'train'; it has: {', '.join(found)}")
        train = part("train", lambda *_: True, self.size)
        if len(held) == 2:
            valid, test = (part(name, lambda *_: True, HELD) for name in held)
        elif held:
            valid = part(held[0], lambda i, _: i % 2 == 0, HELD)
            test = part(held[0], lambda i, _: i % 2 == 1, HELD)
        else:
            held_out = min(HELD, self.size // 100)  # no more is read for it than for training
            train = part("train", lambda _, text: _lot(text) > 1, self.size)
            valid = part("train", lambda _, text: _lot(text) == 0, held_out)
            test = part("train", lambda _, text: _lot(text) == 1, held_out)
        return Splits(train, valid, test)


def known(corpus: str) -> Corpus | None:
    """Where a named corpus is on the hub; None for a folder. Raises LabError for neither."""
    if corpus in CORPORA or saved(corpus):
        return CORPORA.get(corpus)
    if not corpus:
        raise LabError(
            f"hub reads a corpus; name one, as in Hub(corpus='c4'); there are: {', '.join(CORPORA)}"
        )
    if "/" in corpus or "." in corpus:
        raise LabError(f"there is no folder {corpus}; save one there with datasets' save_to_disk")
    raise unknown("corpus", corpus, CORPORA)


def saved(corpus: str) -> Path | None:
    """The folder in which a corpus lies in the library's own format, if there is one."""
    for place in (given("hub", corpus), Path(corpus).expanduser()) if corpus else ():
        if place and any((place / name).exists() for name in ("dataset_dict.json", "state.json")):
            return place
    return None


def splits(corpus: str, there: Corpus | None) -> Mapping[str, Callable[[], Iterable[Any]]]:
    """Name of a split -> its rows, anew at each call, from the disk or from the hub."""
    library = _library()
    if place := saved(corpus):
        try:
            found = library.load_from_disk(str(place))
        except Exception as error:
            raise LabError(
                f"{place} cannot be read by `datasets`: {error}; save it anew"
            ) from error
        named = found if isinstance(found, library.DatasetDict) else {"train": found}
        return {str(name): named[name].__iter__ for name in named}
    assert there is not None
    try:
        names = library.get_dataset_split_names(there.repository, there.name, **there.within)
    except Exception as error:
        raise _offline(there.repository, error) from error
    return {name: partial(rows, there, name) for name in names}


def rows(there: Corpus, split: str) -> Iterator[Mapping[str, Any]]:
    """Rows of a split, streamed from the hub. Raises LabError with every way to get them."""
    library = _library()
    try:
        yield from library.load_dataset(
            there.repository, there.name, split=split, streaming=True, **there.within
        )
    except Exception as error:
        raise _offline(there.repository, error) from error


def text_of(row: Mapping[str, Any], column: str, corpus: str) -> str:
    """The text in a row. Raises LabError where there is none."""
    if column not in row:
        raise unknown(f"column of {corpus}", column, row)
    if not isinstance(row[column], str):
        raise LabError(f"column '{column}' of {corpus} holds {row[column]!r:.40}, which is no text")
    return row[column]


@dataclass(frozen=True)
class _Upto:
    """Documents, ended, up to so many bytes; anew at each iteration."""

    make: Callable[[], Iterable[str]]
    size: int

    def __iter__(self) -> Iterator[str]:
        left = self.size
        for document in ended(self.make()):
            yield document
            left -= len(document.encode())
            if left <= 0:
                return


def _lot(text: str) -> int:
    """A number from 0 to 99 that equal texts share."""
    return int.from_bytes(digest(text)[:4], "big") % 100


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise LabError(
            "this needs the `datasets` library: pip install 'scaling-lab[hub]'"
        ) from error
    datasets.disable_progress_bars()
    return datasets


def _offline(repository: str, error: Exception) -> LabError:
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return LabError(
        f"{repository} cannot be had from the Hugging Face hub ({why}); go online, or save it "
        "with datasets' save_to_disk into $SCALING_LAB_DATA/hub/"
    )
