"""Documents: read from files, told apart, dealt to splits so that none is in two of them."""

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

HELD_OUT = 0.05  # of the bytes, for validation and for test, where a source has no split of its own
OPEN = {".xz": lzma.open, ".gz": gzip.open}


def read(path: Path) -> str:
    """The text of a file in UTF-8, plain, .gz or .xz, with line ends as \\n.

    Raises LabError where it is no text: missing, binary, or in another encoding.
    """
    try:
        with OPEN.get(path.suffix, open)(path, "rb") as file:
            raw = file.read()
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise LabError(f"{path} cannot be read: {error}; give a whole file of text") from error
    return decoded(raw, str(path))


def decoded(raw: bytes, where: str) -> str:
    """UTF-8 without a byte order mark, line ends as \\n. Raises LabError for what is none."""
    if b"\0" in raw:
        at = raw.index(b"\0")
        raise LabError(f"{where} is binary (byte 0 at position {at}); give files of text only")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabError(
            f"{where} is not UTF-8 (byte {raw[error.start]:#04x} at position {error.start}); "
            "convert it, for instance with iconv -f latin1 -t utf-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def ended(documents: Iterable[str]) -> Iterator[str]:
    """Each document with the mark that stands between documents; empty ones are left out."""
    return (document + END for document in documents if not document.isspace() and document)


@dataclass(frozen=True)
class Files:
    """Documents that are files, read one by one, each time anew."""

    paths: Sequence[Path]

    def __iter__(self) -> Iterator[str]:
        return ended(read(path) for path in self.paths)


def taken(documents: Iterator[str], size: int) -> list[str]:
    """The next documents up to that many bytes; the last is cut, and its rest is nobody's.

    Raises LabError if there are not so many.
    """
    found = []
    missing = size
    while missing > 0:
        raw = next(documents, "").encode()[:missing]
        if not raw:
            raise LabError(f"the text ends {missing:,} bytes short of {size:,}")
        found.append(raw.decode("utf-8", "ignore"))
        missing -= len(raw)
    return found


def digest(document: str) -> bytes:
    """What two documents share only if they are the same."""
    return hashlib.blake2b(document.encode(), digest_size=16).digest()


def dealt(digests: Sequence[bytes], sizes: Sequence[int]) -> Splits[list[int]]:
    """Which documents, by their place, belong to which split.

    They come in the order of their digests, which is a shuffled one. The largest goes to training;
    of the others each goes to the emptier of validation and test until both have HELD_OUT of all
    bytes. Copies of a document count as one. Raises LabError for fewer than three.
    """
    places = sorted({digest: i for i, digest in reversed(list(enumerate(digests)))}.values())
    places = sorted(places, key=lambda i: digests[i])
    if len(places) < 3:
        raise LabError(
            f"{len(places)} different documents cannot be dealt to training, validation and test; "
            "give three or more, or one file to be cut"
        )
    enough = HELD_OUT * sum(sizes[i] for i in places)
    largest = max(places, key=lambda i: sizes[i])
    splits: Splits[list[int]] = Splits([], [], [])
    held = {"valid": 0, "test": 0}
    for i in places:
        emptier = "valid" if held["valid"] < held["test"] else "test"
        if i == largest or held[emptier] >= enough:
            splits.train.append(i)
        else:
            getattr(splits, emptier).append(i)
            held[emptier] += sizes[i]
    return splits


def cut(text: str) -> Splits[list[str]]:
    """One text as three: its first 90%, the next 5% and the last 5%, cut at ends of lines."""
    ends = []
    for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT):
        near = int(share * len(text))
        ends.append(text.find("\n", near) + 1 or near)
    first, second = ends
    return Splits([text[:first]], [text[first:second]], [text[second:]])


# A title stands between empty lines; titles of sections have more than one equals sign.
TITLE = re.compile(r"^ = [^=\n]+ = \n$")


def articles(lines: Iterable[str]) -> Iterator[str]:
    """The articles that WikiText's lines make up."""
    found: list[str] = []
    for line in lines:
        if (
            TITLE.match(line)
            and (not found or not found[-1].strip())
            and any(map(str.strip, found))
        ):
            yield "".join(found)
            found = []
        found.append(line)
    if found:
        yield "".join(found)
