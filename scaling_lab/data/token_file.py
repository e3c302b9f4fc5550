"""Token ids in binary files, such as nanoGPT's, read while a run trains: text larger than memory.

    FOLDER/train.bin, val.bin (or valid.bin), test.bin    unsigned integers, little-endian

Without test.bin, the second half of the validation file is the test split. FOLDER/about.json may
say what the files do not: {"vocabulary": 50257, "dtype": "uint16"}, and the length of a split's
text for losses in bits a byte: {"valid": {"bytes": 19182344}}. The folders of tokenised text in the
user's cache are of this form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..config import digest
from ..errors import LabError
from ..reading import reading
from ..recipe import place
from ..registry import register
from ..storage.cache import file_stamps, prepare_once
from . import Spec, Splits, Tokens, own_folder

DTYPES = {"uint8": "u1", "uint16": "<u2", "uint32": "<u4"}
NAMES = {"train": ("train",), "valid": ("valid", "val"), "test": ("test",)}
BLOCK = 1 << 24  # tokens read at a time


@register("data", "token_file")
@dataclass(frozen=True, kw_only=True)
class TokenFile:
    """TokenFile(path="openwebtext/", vocabulary=50_257): train.bin and val.bin of uint16.

    vocabulary: number of ids; 0 for that of about.json. dtype: uint8, uint16 or uint32; "" for that
    of about.json, or uint16.
    """

    path: str = place()
    vocabulary: int = 0
    dtype: str = ""

    streams: ClassVar[bool] = True
    origin: ClassVar[str] = "your own: TokenFile(path=...) reads a folder with train.bin, val.bin"
    licence: ClassVar[str] = "its own"

    def __post_init__(self):
        if self.dtype not in ("", *DTYPES):
            raise LabError(f"dtype is '{self.dtype}'; give one of {', '.join(DTYPES)}")
        if self.vocabulary < 0:
            raise LabError(f"vocabulary is {self.vocabulary}; it counts ids, give 1 or more")

    @cached_property
    def spec(self) -> Spec:
        examples = len(self._ids("train"))
        return Spec(shape=(), outputs=self._vocabulary, examples=examples, unit="tokens")

    @property
    def numerics(self) -> str:
        """A digest of the files and of what about.json says, for a run's fingerprint."""
        lengths = [self._bytes(split) for split in self._files]
        parts = {**self._content, "vocabulary": self._vocabulary, "bytes": lengths}
        return digest(parts)

    def location(self) -> Path | None:
        return own_folder.found(self.path)

    def fetch(self) -> None:
        """Raises LabError unless the folder exists."""
        own_folder.require(
            self.path, "TokenFile(path='openwebtext/')", "give one with train.bin and val.bin"
        )

    def load(self) -> Splits[Tokens]:
        """The three splits, as memory maps. Raises LabError for ids beyond the vocabulary."""
        if self._content["largest"] >= self._vocabulary:
            raise LabError(
                f"{self.path} has the id {self._content['largest']} and a vocabulary of "
                f"{self._vocabulary}; give the vocabulary and the dtype of its tokeniser"
            )
        train, valid = (Tokens(self._ids(name), self._bytes(name)) for name in ("train", "valid"))
        if "test" in self._files:
            return Splits(train, valid, Tokens(self._ids("test"), self._bytes("test")))
        half = len(valid.ids) // 2
        return Splits(train, Tokens(valid.ids[:half], None), Tokens(valid.ids[half:], None))

    def tokenizer(self) -> Any:
        """The tokeniser beside the files, if there is one of ours. Raises LabError otherwise."""
        from ..text import tokenizers

        self.fetch()
        path = Path(self.path).expanduser() / "tokenizer.json"
        if not path.is_file():
            raise LabError(
                f"{self.path} has no tokenizer.json, so its ids cannot be turned into text; only "
                "folders of text that was tokenised here have one"
            )
        return reading(path, lambda: tokenizers.load(path.read_text()))

    @cached_property
    def _files(self) -> dict[str, Path]:
        self.fetch()
        home = Path(self.path).expanduser()
        found: dict[str, Path] = {}
        for split, names in NAMES.items():
            for path in (home / f"{name}.bin" for name in names):
                if path.is_file():
                    found.setdefault(split, path)
        for split in ("train", "valid"):
            if split not in found:
                name = NAMES[split][-1]
                raise LabError(f"{self.path} has no {name}.bin; put the ids of that split there")
        return found

    @cached_property
    def _about(self) -> Mapping[str, Any]:
        path = Path(self.path).expanduser() / "about.json"
        if not path.is_file():
            return {}
        found = reading(path, lambda: json.loads(path.read_text()))
        if not isinstance(found, dict):
            raise LabError(f'{path} is no JSON object; write it as {{"vocabulary": 50257}}')
        return found

    @property
    def _vocabulary(self) -> int:
        found = self.vocabulary or self._about.get("vocabulary")
        if type(found) is not int or found < 1:
            raise LabError(
                f"{self.path} does not say its vocabulary; give TokenFile(vocabulary=...), or "
                'write {"vocabulary": ...} into its about.json'
            )
        return found

    def _ids(self, split: str) -> np.ndarray:
        path = self._files[split]
        dtype = self.dtype or self._about.get("dtype", "uint16")
        if dtype not in DTYPES:
            raise LabError(f"{self.path} has the dtype '{dtype}'; use one of {', '.join(DTYPES)}")
        size = reading(path, lambda: path.stat().st_size)
        if size == 0 or size % np.dtype(DTYPES[dtype]).itemsize:
            raise LabError(
                f"{path} has {size:,} bytes, which is no number of {dtype}; restore an intact copy"
            )
        return reading(path, lambda: np.memmap(path, DTYPES[dtype], "r"))

    def _bytes(self, split: str) -> int | None:
        given = self._about.get(split)
        found = given.get("bytes") if isinstance(given, dict) else None
        return found if type(found) is int and found > 0 else None

    @cached_property
    def _content(self) -> dict[str, Any]:
        """A digest of the files and the largest id; they are read whole once, and it is cached."""
        dtypes = [self._ids(split).dtype.name for split in self._files]
        key = {"files": file_stamps(self._files.values()), "dtypes": dtypes}

        def make(folder: Path) -> None:
            content, largest = hashlib.sha256(), 0
            for split in self._files:
                ids = self._ids(split)
                content.update(f"{split} {len(ids)} {ids.dtype.name}".encode())
                for start in range(0, len(ids), BLOCK):
                    block = ids[start : start + BLOCK]
                    content.update(np.ascontiguousarray(block).data)
                    largest = max(largest, int(block.max()))
            found = {"digest": content.hexdigest()[:12], "largest": largest}
            (folder / "content.json").write_text(json.dumps(found))

        path = prepare_once("token_file", key, make) / "content.json"
        return reading(path, lambda: json.loads(path.read_text()))
