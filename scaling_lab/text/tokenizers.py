"""Text to token ids and back: bytes, characters, byte-level byte-pair encoding.

A tokeniser is trained on training text only. Each id has a spelling, a few bytes of UTF-8, so all
three kinds decode by look-up, and their losses compare when converted from nats a token to bits a
byte of text.

    byte       256 ids; nothing to train
    character  the characters of the training text in code-point order; the last id stands for all
               others and decodes to U+FFFD
    bpe        byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019) by the
               `tokenizers` library; it can encode any text
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import LabError, unknown

END = "\f"  # ends a document; has an id of its own in every tokeniser
KINDS = ("byte", "character", "bpe")
SAMPLE = 200_000_000  # most characters of training text used to train BPE
UNKNOWN = "\ufffd"


@dataclass(frozen=True)
class Tokenizer:
    """Ids from 0 to size - 1, each with its spelling in bytes.

    encode_all: texts -> an array of ids for each. state: what `load` needs besides the kind.
    """

    kind: str
    spellings: tuple[bytes, ...] = field(repr=False)
    encode_all: Callable[[Sequence[str]], list[np.ndarray]] = field(repr=False)
    state: str = field(default="", repr=False)

    @property
    def size(self) -> int:
        return len(self.spellings)

    @property
    def dtype(self) -> np.dtype:
        """The smallest unsigned integer type that holds every id."""
        return np.min_scalar_type(self.size - 1)

    @cached_property
    def pieces(self) -> list[str]:
        """The text of each id; bytes that are not valid UTF-8 by themselves as \\x escapes."""
        return [spelling.decode("utf-8", "backslashreplace") for spelling in self.spellings]

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text, 1-D. Raises LabError for text that is not Unicode."""
        utf8(text)
        return self.encode_all([text])[0]

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        """The text of ids; invalid UTF-8, which sampling can produce, becomes U+FFFD."""
        flat = np.asarray(ids, np.int64).reshape(-1)
        return b"".join(self.spellings[i] for i in flat).decode("utf-8", "replace")

    def save(self) -> str:
        """JSON from which `load` rebuilds the tokeniser."""
        return json.dumps({"kind": self.kind, "state": self.state})


def train(
    kind: str, vocabulary: int, documents: Iterable[str], marks: Sequence[str] = (END,)
) -> Tokenizer:
    """Train a tokeniser of that kind.

    vocabulary: number of ids, for BPE only. marks: strings that BPE never merges; they get the
    first ids. Raises LabError for an unknown kind or an impossible vocabulary.
    """
    check(kind, vocabulary, marks)
    if kind == "bpe":
        return _bpe(_train_bpe(vocabulary, documents, marks))
    if kind == "character":
        seen: set[str] = set()
        for document in documents:
            seen.update(document)
        return _character("".join(sorted(seen)))
    return BYTE


def load(saved: str) -> Tokenizer:
    """The tokeniser that `Tokenizer.save` wrote."""
    values = json.loads(saved)
    make = {"byte": lambda _: BYTE, "character": _character, "bpe": _bpe}
    return make[values["kind"]](values["state"])


def check(kind: str, vocabulary: int, marks: Sequence[str] = (END,)) -> None:
    """Raise LabError for an unknown kind or an impossible vocabulary."""
    if kind not in KINDS:
        raise unknown("tokenizer", kind, KINDS)
    if kind != "bpe" and vocabulary:
        raise LabError(
            f"vocabulary is {vocabulary}, but a {kind} tokenizer finds its own; "
            "leave it out, or use bpe"
        )
    if kind == "bpe" and vocabulary < 256 + len(marks):
        raise LabError(
            f"vocabulary is {vocabulary}; byte-pair encoding starts with 256 bytes and "
            f"{len(marks)} special ids: give {256 + len(marks)} or more"
        )


def utf8(text: str) -> bytes:
    """The text as UTF-8. Raises LabError for a lone surrogate."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        wrong = text[error.start]
        raise LabError(
            f"the text has a lone surrogate {wrong!r} at character {error.start}; "
            "give valid Unicode"
        ) from error


def _bytes(texts: Sequence[str]) -> list[np.ndarray]:
    return [np.frombuffer(text.encode(), np.uint8) for text in texts]


BYTE = Tokenizer("byte", tuple(bytes([i]) for i in range(256)), _bytes)


def _character(known: str) -> Tokenizer:
    table = np.full(0x110000, len(known), np.min_scalar_type(len(known)))
    table[[ord(character) for character in known]] = np.arange(len(known))

    def encode_all(texts: Sequence[str]) -> list[np.ndarray]:
        return [table[np.frombuffer(text.encode("utf-32-le"), np.uint32)] for text in texts]

    spellings = tuple(character.encode() for character in (*known, UNKNOWN))
    return Tokenizer("character", spellings, encode_all, known)


def _train_bpe(vocabulary: int, documents: Iterable[str], marks: Sequence[str]) -> str:
    """Train a byte-pair encoding with that many ids; returns the library's JSON."""
    from tokenizers import Tokenizer as Library
    from tokenizers import models, pre_tokenizers, trainers

    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(marks),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    library.train_from_iterator(_first(documents, SAMPLE), trainer)
    if library.get_vocab_size() < vocabulary:
        raise LabError(
            f"vocabulary is {vocabulary}, but the training text has pieces for only "
            f"{library.get_vocab_size()}; give that many or fewer, or more text"
        )
    return library.to_str()


def _bpe(state: str) -> Tokenizer:
    from tokenizers import Tokenizer as Library

    library = Library.from_str(state)
    names = {i: name for name, i in library.get_vocab().items()}
    marks, byte_of = library.get_added_tokens_decoder(), _byte_of_letter()
    spellings = [
        names[i].encode() if i in marks else bytes(byte_of[letter] for letter in names[i])
        for i in range(len(names))
    ]
    kind = np.min_scalar_type(len(names) - 1)

    def encode_all(texts: Sequence[str]) -> list[np.ndarray]:
        return [np.array(encoding.ids, kind) for encoding in library.encode_batch_fast(list(texts))]

    return Tokenizer("bpe", tuple(spellings), encode_all, state)


def _byte_of_letter() -> dict[str, int]:
    """The byte that each letter of GPT-2's byte-level alphabet stands for.

    Printable bytes are written as themselves, all others as the letters from U+0100.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + i): byte for i, byte in enumerate(others)
    }


def _first(documents: Iterable[str], characters: int) -> Iterable[str]:
    """The documents, truncated to that many characters in total."""
    for document in documents:
        yield document[:characters]
        characters -= len(document)
        if characters <= 0:
            return
