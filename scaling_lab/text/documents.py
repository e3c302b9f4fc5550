"""Documents: reading them from files and splitting them so that no document is in two splits."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data import Splits
from ..errors import LabError
from .tokenizers import END

HELD_OUT = 0.05  # share of the bytes each for validation and test, without given splits
OPEN = {".xz": lzma.open, ".gz": gzip.open}


def read(path: Path) -> str:
    """The text of a UTF-8 file, plain, .gz or .xz, with line endings as \\n.

    Raises LabError for a file that is missing, binary or in another encoding.
    """
    try:
        with OPEN.get(path.suffix, open)(path, "rb") as file:
            raw = file.read()
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise LabError(f"{path} cannot be read: {error}; give an intact text file") from error
    return decode_utf8(raw, str(path))


def decode_utf8(raw: bytes, where: str) -> str:
    """Decode UTF-8, drop a byte order mark, and turn line endings into \\n.

    Raises LabError, naming `where`, for bytes that are not UTF-8 text.
    """
    if b"\0" in raw:
        at = raw.index(b"\0")
        raise LabError(f"{where} is binary (byte 0 at position {at}); give text files only")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabError(
            f"{where} is not UTF-8 (byte {raw[error.start]:#04x} at position {error.start}); "
            "convert it, for instance with iconv -f latin1 -t utf-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_end_marks(documents: Iterable[str]) -> Iterator[str]:
    """Each document followed by END; blank documents are left out."""
    return (document + END for document in documents if not document.isspace() and document)


@dataclass(frozen=True)
class Files:
    """Documents that are files, read one by one on each iteration."""

    paths: Sequence[Path]

    def __iter__(self) -> Iterator[str]:
        return with_end_marks(read(path) for path in self.paths)


def take_bytes(documents: Iterator[str], size: int) -> list[str]:
    """The next `size` bytes of documents. The last is truncated; its remainder is discarded.

    Raises LabError if the documents are shorter.
    """
    taken = []
    missing = size
    while missing > 0:
        raw = next(documents, "").encode()[:missing]
        if not raw:
            raise LabError(f"the text ends {missing:,} bytes short of {size:,}")
        taken.append(raw.decode("utf-8", "ignore"))
        missing -= len(raw)
    return taken


def digest(document: str) -> bytes:
    """A 16-byte hash of the text: equal documents have equal digests."""
    return hashlib.blake2b(document.encode(), digest_size=16).digest()


def split_documents(digests: Sequence[bytes], sizes: Sequence[int]) -> Splits[list[int]]:
    """The indices of the documents in each split, in the order of their digests (a shuffled one).

    The largest document goes to training. Each other goes to the smaller of validation and test
    until both have HELD_OUT of all bytes, and to training after that. Copies are used once. Raises
    LabError for fewer than three different documents.
    """
    unique = sorted({digest: i for i, digest in reversed(list(enumerate(digests)))}.values())
    unique = sorted(unique, key=lambda i: digests[i])
    if len(unique) < 3:
        raise LabError(
            f"{len(unique)} different documents are too few for training, validation and test; "
            "give three or more, or a single file to be cut in three"
        )
    enough = HELD_OUT * sum(sizes[i] for i in unique)
    largest = max(unique, key=lambda i: sizes[i])
    splits: Splits[list[int]] = Splits([], [], [])
    held = {"valid": 0, "test": 0}
    for i in unique:
        smaller = "valid" if held["valid"] < held["test"] else "test"
        if i == largest or held[smaller] >= enough:
            splits.train.append(i)
        else:
            getattr(splits, smaller).append(i)
            held[smaller] += sizes[i]
    return splits


def split_text(text: str) -> Splits[list[str]]:
    """One text cut in three at line ends: its first 90%, the next 5% and the last 5%."""
    ends = []
    for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT):
        near = int(share * len(text))
        ends.append(text.find("\n", near) + 1 or near)
    first, second = ends
    return Splits([text[:first]], [text[first:second]], [text[second:]])


# An article's title follows an empty line; section titles have more than one equals sign.
TITLE = re.compile(r"^ = [^=\n]+ = \n$")


def articles(lines: Iterable[str]) -> Iterator[str]:
    """Group WikiText's lines into articles."""
    article: list[str] = []
    for line in lines:
        if (
            TITLE.match(line)
            and (not article or not article[-1].strip())
            and any(map(str.strip, article))
        ):
            yield "".join(article)
            article = []
        article.append(line)
    if article:
        yield "".join(article)
