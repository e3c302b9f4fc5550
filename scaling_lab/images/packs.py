"""Packs: folders of square JPEGs in ArrayRecord files, in a fixed shuffled order, read at random.

    PACK/train-00000.array_record   a record is the class (int32, little-endian) and a JPEG
    PACK/train-00000.json           what that file holds; written when it is finished
    PACK/plan.json                  what is being packed; written first
    PACK/about.json                 classes, files, mean and std; written last

`packing` makes them.
"""

from __future__ import annotations

import importlib
import json
import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Splits
from ..errors import LabError
from ..reading import reading, require_unchanged, stamp_of
from .decode import decode_jpeg

FORMAT = 1  # raise it when the same images would be packed differently
READER = "readahead_buffer_size:0,max_parallelism:0"  # for single records


def about(pack: Path) -> dict[str, Any]:
    """What a finished pack says of itself. Raises LabError if it is none, or is damaged.

    Every file must be there and have its size.
    """
    path = pack / "about.json"
    if not path.is_file():
        why = "is unfinished: give the same 'scaling-lab data pack' again"
        if not (pack / "plan.json").is_file():
            why = "is no pack; make one with 'scaling-lab data pack IMAGES --to PACK'"
        raise LabError(f"{pack} {why}")
    found = reading(path, lambda: json.loads(path.read_text()))
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise LabError(f"{path} is not of a pack of format {FORMAT}; pack the images again")
    for shard in (shard for split in Splits._fields for shard in found["shards"][split]):
        file = pack / shard["file"]
        size = reading(file, lambda file=file: file.stat().st_size)
        if size != shard["bytes"]:
            raise LabError(
                f"{file} has {size:,} bytes and should have {shard['bytes']:,}; restore an intact "
                "copy"
            )
    return found


class Pictures:
    """One split of a pack: item i is the picture at place i of the fixed order, and its class.

    Pictures are (size, size, 3), RGB from 0 to 255. Files are opened when first read. Threads may
    share it. Raises LabError, naming the file, for a record that cannot be read, and for a file
    that was changed since.
    """

    def __init__(self, pack: Path, shards: Sequence[Mapping[str, Any]], size: int) -> None:
        self.files = [pack / shard["file"] for shard in shards]
        self.ends = [*accumulate(shard["records"] for shard in shards)]
        self.stamps = [stamp_of(file) for file in self.files]
        self.size = size
        self._readers: dict[int, Any] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.int32]:
        file = bisect_right(self.ends, place)
        at = place - (self.ends[file - 1] if file else 0)
        # A microsecond beside the decoding of a picture. First: a torn file was changed, too.
        require_unchanged(self.files[file], self.stamps[file])
        return reading(self.files[file], lambda: self._picture(file, at))

    def _picture(self, file: int, at: int) -> tuple[np.ndarray, np.int32]:
        record = self._reader(file).read([at])[0]
        if len(record) <= 4:  # what the reader returns at the end of a torn file
            raise ValueError(f"record {at} is missing")
        label = np.frombuffer(record, "<i4", 1)[0]
        return decode_jpeg(record[4:], self.size), np.int32(label)

    def _reader(self, file: int) -> Any:
        if file not in self._readers:
            with self._lock:
                if file not in self._readers:
                    path = str(self.files[file])
                    self._readers[file] = array_record().ArrayRecordReader(path, READER)
        return self._readers[file]


def array_record() -> Any:
    """The library's module of readers and writers. Raises LabError if it is not installed."""
    try:
        return importlib.import_module("array_record.python.array_record_module")
    except ImportError as error:
        raise LabError(
            "the library `array_record` is not installed; pip install 'scaling-lab[stream]'"
        ) from error
