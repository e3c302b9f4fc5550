"""Text to token ids and back: bytes, characters, byte-level byte-pair encoding.

A tokeniser learns from training text alone. Each id stands for a few bytes of UTF-8, its spelling,
so decoding is a look-up for all three kinds, and losses in nats a token of any of them compare as
bits a byte of the text they stand for.

    byte       256 ids; nothing to learn
    character  the characters of the training text in code-point order; the last id is for all
               others and decodes to U+FFFD
    bpe        byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019) by the
               `tokenizers` library; any text at all can be written in it
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import LabError, unknown

END = "\f"  # stands between documents; an id of its own in every tokeniser
KINDS = ("byte", "character", "bpe")
SAMPLE = 200_000_000  # characters of training text that byte-pair encoding learns from, at most
UNKNOWN = "\ufffd"


@dataclass(frozen=True)
class Tokenizer:
    """Ids from 0 to size - 1, each with its spelling in bytes.

    encode_all: texts -> an array of ids for each. state: what `load` needs beside the kind.
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
        """The smallest unsigned integers that hold an id."""
        return np.min_scalar_type(self.size - 1)

    @cached_property
    def pieces(self) -> list[str]:
        """The text of each id; bytes that are no text by themselves as \\x escapes."""
        return [spelling.decode("utf-8", "backslashreplace") for spelling in self.spellings]

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text, 1-D. Raises LabError for text that is not Unicode."""
        utf8(text)
        return self.encode_all([text])[0]

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        """The text of ids; a broken UTF-8 sequence, as sampling may give, becomes U+FFFD."""
        found = np.asarray(ids, np.int64).reshape(-1)
        return b"".join(self.spellings[i] for i in found).decode("utf-8", "replace")

    def save(self) -> str:
        """JSON from which `load` makes the same tokeniser."""
        return json.dumps({"kind": self.kind, "state": self.state})


def train(
    kind: str, vocabulary: int, documents: Iterable[str], marks: Sequence[str] = (END,)
) -> Tokenizer:
    """The tokeniser of that kind for a training text; `vocabulary` counts ids and is BPE's alone.

    marks: strings that BPE never merges with anything; they have its first ids. Raises LabError
    for a kind or a vocabulary that there cannot be.
    """
    check(kind, vocabulary, marks)
    if kind == "bpe":
        return _bpe(_learnt(vocabulary, documents, marks))
    if kind == "character":
        seen: set[str] = set()
        for document in documents:
            seen.update(document)
        return _character("".join(sorted(seen)))
    return BYTE


def load(saved: str) -> Tokenizer:
    """What `Tokenizer.save` wrote."""
    values = json.loads(saved)
    make = {"byte": lambda _: BYTE, "character": _character, "bpe": _bpe}
    return make[values["kind"]](values["state"])


def check(kind: str, vocabulary: int, marks: Sequence[str] = (END,)) -> None:
    """Raise LabError unless there can be such a tokeniser."""
    if kind not in KINDS:
        raise unknown("tokenizer", kind, KINDS)
    if kind != "bpe" and vocabulary:
        raise LabError(
            f"vocabulary is {vocabulary} and a {kind} tokenizer finds its own; "
            "leave it out, or take bpe"
        )
    if kind == "bpe" and vocabulary < 256 + len(marks):
        raise LabError(
            f"vocabulary is {vocabulary}; byte-pair encoding begins with the 256 bytes and "
            f"{len(marks)} of its own: give {256 + len(marks)} or more"
        )


def utf8(text: str) -> bytes:
    """The text as UTF-8. Raises LabError for half a surrogate pair."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        wrong = text[error.start]
        raise LabError(
            f"the text has {wrong!r} at character {error.start}, which is half a character; "
            "give it as valid Unicode"
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


def _learnt(vocabulary: int, documents: Iterable[str], marks: Sequence[str]) -> str:
    """A byte-pair encoding of that size as the library's JSON."""
    from tokenizers import Tokenizer as Library
    from tokenizers import models, pre_tokenizers, trainers

    made = Library(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(marks),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(_first(documents, SAMPLE), trainer)
    if made.get_vocab_size() < vocabulary:
        raise LabError(
            f"vocabulary is {vocabulary} and the training text has pieces for "
            f"{made.get_vocab_size()} only; give that many or fewer, or more text"
        )
    return made.to_str()


def _bpe(learnt: str) -> Tokenizer:
    from tokenizers import Tokenizer as Library

    library = Library.from_str(learnt)
    names = {i: name for name, i in library.get_vocab().items()}
    marks, byte_of = library.get_added_tokens_decoder(), _byte_of_letter()
    spellings = [
        names[i].encode() if i in marks else bytes(byte_of[letter] for letter in names[i])
        for i in range(len(names))
    ]
    kind = np.min_scalar_type(len(names) - 1)

    def encode_all(texts: Sequence[str]) -> list[np.ndarray]:
        return [np.array(found.ids, kind) for found in library.encode_batch_fast(list(texts))]

    return Tokenizer("bpe", tuple(spellings), encode_all, learnt)


def _byte_of_letter() -> dict[str, int]:
    """Byte-level encodings write each byte as a visible letter; the printable ones as themselves.

    The alphabet is GPT-2's, which the library keeps: all other bytes are the letters from U+0100.
    """
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + i): b for i, b in enumerate(hidden)}


def _first(documents: Iterable[str], characters: int) -> Iterable[str]:
    """The first so many characters of the documents."""
    for document in documents:
        yield document[:characters]
        characters -= len(document)
        if characters <= 0:
            return
