"""Parts: the immutable Parquet files of a table, each named by its place and its content.

    KIND/SEQUENCE-RANDOM-DIGEST.parquet      KIND: runs or curves

SEQUENCE orders the parts of a store: 16 hexadecimal digits, one more than the largest before it.
The clock has no say. (Parts of schema 1 have the time in ns in its place, so the numbers go on from
there.) DIGEST begins the SHA-256 of the file's bytes, which reveals truncation and alteration.
A merged part keeps the sequence of each of its rows in a column.
The Parquet metadata hold the version of the schema, and the parts that a merged part replaces.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import LabError
from . import tables
from .atomic import write_whole
from .schema import COLUMNS, SCHEMA

NAME = re.compile(r"(?P<sequence>[0-9a-f]{16,})-[0-9a-f]+-(?P<digest>[0-9a-f]{16})\.parquet")
NEEDED = {  # without these a row cannot be told apart from another's
    "runs": ("experiment", "run", "fingerprint", "status"),
    "curves": ("experiment", "run", "fingerprint", "step"),
}
SEQUENCE = "sequence"  # column of merged parts: the sequence of the part that a row comes from
SHOWN = 60  # characters of a foreign name in a message


@dataclass(frozen=True)
class Part:
    """A part as read.

    table     its rows of this experiment; None if it is damaged or has none
    replaces  stems of the parts whose rows it holds
    damage    why it cannot be read; "" if it can
    ignored   which of its rows are not this experiment's; "" if all are
    """

    path: Path
    table: pa.Table | None = None
    replaces: frozenset[str] = frozenset()
    damage: str = ""
    ignored: str = ""


def listed(folder: Path, kind: str) -> list[Path]:
    """The files of a table in order of sequence, also those that are not named as parts are.

    Raises LabError if the folder cannot be read.
    """
    try:
        names = os.listdir(folder / kind)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise LabError(
            f"cannot read {folder / kind}: {error.strerror}; make it readable, or move it elsewhere"
        ) from error
    shown = [name for name in names if name.endswith(".parquet") and not name.startswith(".")]
    paths = [folder / kind / name for name in shown]
    return sorted(paths, key=lambda path: (sequence(path), path.name))


def stem(path: Path) -> str:
    """What the two parts of an ensemble have in common: SEQUENCE-RANDOM."""
    return path.stem.rsplit("-", 1)[0]


def sequence(path: Path) -> int:
    """The number of a part in its store; 0 for a file that is not named as parts are."""
    named = NAME.fullmatch(path.name)
    return int(named["sequence"], 16) if named else 0


def next_stem(folder: Path) -> str:
    """A stem that comes after those of all parts in a results folder."""
    last = max((sequence(p) for kind in NEEDED for p in listed(folder, kind)), default=0)
    return f"{last + 1:016x}-{secrets.token_hex(4)}"


def write(folder: Path, kind: str, stem: str, table: pa.Table, replaces: Iterable[str] = ()):
    """Write a table as a part. Raises LabError if it cannot be written."""
    metadata = {"scaling_lab.schema": str(SCHEMA)}
    if replaces:
        metadata["replaces"] = json.dumps(sorted(replaces))
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    write_whole(folder / kind / f"{stem}-{_digest(data)}.parquet", data)


def read(path: Path, experiment: str, wanted: Callable[[str], bool]) -> Part:
    """The rows of an experiment in a part, with the wanted columns.

    Raises FileNotFoundError if the part has just been removed, and LabError if permissions or the
    disk forbid reading it or if a newer version of the schema wrote it.
    """
    named = NAME.fullmatch(path.name)
    if not named:
        return Part(path, ignored="its name is not that of a part")
    try:
        if not path.is_file() and os.path.lexists(path):
            return Part(path, damage="not a file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LabError(
            f"cannot read {path}: {error.strerror}; make it readable, or move it elsewhere"
        ) from error
    if _digest(data) != named["digest"]:
        cut = not data.endswith(b"PAR1")
        altered = "altered: its bytes do not match the digest in its name"
        return Part(path, damage=f"truncated ({len(data)} bytes)" if cut else altered)
    try:
        return _content(path, data, experiment, wanted)
    except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        why = str(error).strip().partition("\n")[0][:100]
        return Part(path, damage=f"not a Parquet file of this laboratory ({why})")


def _content(path: Path, data: bytes, experiment: str, wanted: Callable[[str], bool]) -> Part:
    """The part in the bytes of a file. Raises what Arrow raises if they are not a Parquet file."""
    file = pq.ParquetFile(pa.BufferReader(data))
    version, replaces = _told(file.schema_arrow.metadata or {})
    if version > SCHEMA:
        raise LabError(
            f"{path} was written by a newer scaling_lab (schema {version}; this one reads up to "
            f"{SCHEMA}); install that version, or give another --results"
        )
    if reason := _foreign(file.schema_arrow, path.parent.name):
        return Part(path, ignored=reason)
    columns = file.schema_arrow.names
    # Arrow's threads may still run when the interpreter ends, which aborts the process.
    table = file.read(
        columns=[name for name in columns if wanted(name) or name in ("experiment", "run")],
        use_threads=False,
    )
    table.validate(full=True)
    if wanted(SEQUENCE):
        table = _numbered(table, sequence(path))
    table, ignored = _own(table, experiment)
    if ignored and not table.num_rows:
        return Part(path, ignored=ignored)
    table = table.select([name for name in table.column_names if wanted(name)])
    # Rows that are not ours may not say which parts of ours are replaced.
    return Part(path, table, frozenset() if ignored else replaces, ignored=ignored)


def _told(metadata: dict[bytes, bytes]) -> tuple[int, frozenset[str]]:
    """Version of the schema and stems of the replaced parts. Raises ValueError, TypeError."""
    version = int(metadata.get(b"scaling_lab.schema", b"1"))
    replaces = json.loads(metadata.get(b"replaces", b"[]"))
    if not isinstance(replaces, list) or not all(isinstance(one, str) for one in replaces):
        raise ValueError("its metadata name no parts")
    return version, frozenset(replaces)


def _foreign(schema: pa.Schema, kind: str) -> str:
    """Why a schema is not that of a table of this kind; "" if it is."""
    names = schema.names
    if missing := [name for name in NEEDED[kind] if name not in names]:
        return f"it has no column {', '.join(missing)}"
    if len(set(names)) < len(names):
        return "it has two columns of one name"
    types = {column.name: tables.ARROW[column.type] for column in COLUMNS[kind]}
    for name, asked in {**types, SEQUENCE: pa.int64()}.items():
        if name in names:
            found = schema.field(name).type
            if not pa.types.is_null(found) and tables.family(found) != tables.family(asked):
                return f"its column {name} is {found}, not {asked}"
    return ""


def _numbered(table: pa.Table, number: int) -> pa.Table:
    """The table with each row's sequence; where it has none, the number of its part."""
    number = min(number, 2**63 - 1)
    if SEQUENCE not in table.column_names:
        return table.append_column(SEQUENCE, pa.array(np.full(table.num_rows, number, np.int64)))
    column = table[SEQUENCE]
    if not column.null_count:
        return table
    rows = [number if row is None else row for row in column.to_pylist()]
    return table.drop_columns(SEQUENCE).append_column(SEQUENCE, pa.array(rows, pa.int64()))


def _own(table: pa.Table, experiment: str) -> tuple[pa.Table, str]:
    """The rows of an experiment, and which others there are; "" if there are none."""
    if _lengths(table["run"]).all() and _are_all(table["experiment"], experiment):
        return table, ""
    named, runs = (table[key].cast(pa.string()).to_pylist() for key in ("experiment", "run"))
    others = {*named} - {experiment, None}
    if not others and all(runs):
        return table, ""
    kept, counts, nameless = [], Counter(), 0
    for name, run in zip(named, runs, strict=True):
        kept.append(name not in others and bool(run))
        if name in others:
            counts[name] += 1
        elif not run:
            nameless += 1
    reasons = [f"{_rows(nameless)} without a run"] if nameless else []
    reasons += [f"{_rows(count)} of experiment {_shown(name)}" for name, count in counts.items()]
    more = [f"and of {len(reasons) - 3} more experiments"] if len(reasons) > 3 else []
    return table.filter(pa.array(kept)), ", ".join([*reasons[:3], *more])


def _lengths(column: pa.ChunkedArray) -> np.ndarray:
    """Bytes in each text of a column, 0 for null. Millions of rows are never Python objects."""
    if column.type != pa.string():
        return np.zeros(1)
    found = [np.empty(0, np.int32)]
    for chunk in column.chunks:
        if not len(chunk):
            continue
        offsets = np.frombuffer(chunk.buffers()[1], np.int32)
        found.append(np.diff(offsets[chunk.offset : chunk.offset + len(chunk) + 1]))
    return np.concatenate(found)


def _are_all(column: pa.ChunkedArray, text: str) -> bool:
    """Whether all texts of a column are this one."""
    data = text.encode()
    if not (_lengths(column) == len(data)).all():
        return False
    for chunk in column.chunks:
        if not len(chunk):
            continue
        _, starts, letters = chunk.buffers()
        first = np.frombuffer(starts, np.int32)[chunk.offset]
        if bytes(letters[first : first + len(chunk) * len(data)]) != data * len(chunk):
            return False
    return True


def _rows(count: int) -> str:
    return f"{count} row{'s' if count != 1 else ''}"


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= SHOWN else repr(name)[:SHOWN]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
