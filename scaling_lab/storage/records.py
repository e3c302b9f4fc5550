"""The record of a run: one row of the run table and its rows of the curve table.

The columns are those of `schema`. Tables are stored as immutable Parquet parts,

    results/EXPERIMENT/runs/STEM-DIGEST.parquet      one row a run
    results/EXPERIMENT/curves/STEM-DIGEST.parquet    one row a run and evaluated step

one pair for each finished ensemble. Parts are written atomically, and the SHA-256 of its bytes in
a part's name reveals truncation and alteration. The `runs` part is written last and commits the
pair: a `curves` part without its partner is ignored. `compact` merges all parts into one pair whose
metadata lists the parts it replaces, so that no row is ever lost or read twice.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import LabError
from .atomic import write_whole
from .schema import CURVE_COLUMNS, RUN_COLUMNS, Column

if TYPE_CHECKING:  # `status` reads the states of the runs without pandas
    import pandas as pd

__all__ = ["Store"]

T = TypeVar("T")

PATIENCE = 10.0  # s that a reader retries while parts appear or disappear


class Damage(NamedTuple):
    """A damaged part, and what is wrong with it."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Store:
    """The tables of one experiment: `Store(Path("results/e01_digits_mlp"))`."""

    folder: Path

    def append(self, runs: Sequence[Mapping], curves: Sequence[Mapping]) -> None:
        """Commit the rows of one finished ensemble. Raises LabError if they cannot be written."""
        stem = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
        self._write("curves", stem, _table(curves, CURVE_COLUMNS))
        self._write("runs", stem, _table(runs, RUN_COLUMNS))

    def runs(self, *, config: bool = False) -> pd.DataFrame:
        """The run table, newest row of each run. config: include that column, which is large."""
        frame = self._read("runs", config=config)
        return frame.drop_duplicates("run", keep="last").reset_index(drop=True)

    def curves(self) -> pd.DataFrame:
        """The curve table of the rows that `runs` returns."""
        current = self.runs()[["run", "fingerprint"]]
        frame = self._read("curves").merge(current, on=["run", "fingerprint"])
        return frame.drop_duplicates(["run", "step"], keep="last").reset_index(drop=True)

    def states(self) -> dict[str, dict[str, Any]]:
        """Run -> its `run`, `fingerprint`, `status` and `reason`, from its newest row."""
        columns = ["run", "fingerprint", "status", "reason"]
        tables = self._steady(lambda: self._current(without="config"))
        rows = [row for key in sorted(tables) for row in tables[key].select(columns).to_pylist()]
        return {row["run"]: row for row in rows}

    def damaged(self) -> list[Damage]:
        """The truncated and altered parts."""
        return self._steady(
            lambda: [
                Damage(path, reason)
                for kind in ("runs", "curves")
                for path in self._paths(kind)
                if (reason := _damage(path))
            ]
        )

    def set_aside(self) -> list[Damage]:
        """Move damaged parts to `damaged/`, where no reader looks, and return them.

        The `runs` part of a damaged `curves` part is moved too, so that its runs are trained again.
        """
        damages = self.damaged()
        for path, reason in list(damages):
            partners = [p for p in self._paths("runs") if _stem(p) == _stem(path) and p != path]
            damages += [Damage(partner, f"without its curves ({reason})") for partner in partners]
        for path, _ in dict.fromkeys(damages):
            (self.folder / "damaged").mkdir(exist_ok=True)
            path.rename(self.folder / "damaged" / f"{path.parent.name}-{path.name}")
        return damages

    def compact(self) -> None:
        """Merge all undamaged parts into one pair. The caller must hold the experiment's lock."""
        runs = self._current()
        stem = next(iter(runs), "")
        if len(runs) > 1:
            stem = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
            replaces = {b"replaces": json.dumps(sorted(runs)).encode()}
            for kind, tables in (
                ("curves", self._undamaged("curves", only=set(runs))),
                ("runs", runs),
            ):
                table = _concat([tables[key] for key in sorted(tables)])
                self._write(kind, stem, table.replace_schema_metadata(replaces))
        for kind in ("curves", "runs"):
            for path in self._paths(kind):
                if _stem(path) != stem and not _damage(path):
                    path.unlink()

    def _steady(self, read: Callable[[], T]) -> T:
        """Call `read` until no part appears or disappears meanwhile: a writer may be compacting."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            before = self._paths("runs"), self._paths("curves")
            try:
                result = read()
            except FileNotFoundError:
                continue
            if before == (self._paths("runs"), self._paths("curves")):
                return result
        raise LabError(f"{self.folder} keeps changing while it is read; try again in a moment")

    def _paths(self, kind: str) -> list[Path]:
        return sorted((self.folder / kind).glob("[0-9a-f]*.parquet"))

    def _current(self, *, without: str = "") -> dict[str, pa.Table]:
        """Stem -> table of the undamaged `runs` parts that no compacted part replaces."""
        tables = self._undamaged("runs", without=without)
        replaced = {
            stem
            for table in tables.values()
            for stem in json.loads((table.schema.metadata or {}).get(b"replaces", b"[]"))
        }
        return {stem: table for stem, table in tables.items() if stem not in replaced}

    def _undamaged(
        self, kind: str, *, only: set[str] | None = None, without: str = ""
    ) -> dict[str, pa.Table]:
        """Stem -> table of the undamaged parts; `without` names a column to leave out."""
        tables: dict[str, pa.Table] = {}
        for path in self._paths(kind):
            if only is not None and _stem(path) not in only:
                continue
            data = path.read_bytes()
            if _digest(data) == _named_digest(path):
                file = pq.ParquetFile(pa.BufferReader(data))
                wanted = [name for name in file.schema_arrow.names if name != without]
                # Arrow's threads may still run when the interpreter ends, which aborts the process.
                tables[_stem(path)] = file.read(columns=wanted, use_threads=False)
        return tables

    def _read(self, kind: str, *, config: bool = False) -> pd.DataFrame:
        columns = RUN_COLUMNS if kind == "runs" else CURVE_COLUMNS

        def read() -> dict[str, pa.Table]:
            tables = self._current(without="" if config else "config")
            return self._undamaged("curves", only=set(tables)) if kind == "curves" else tables

        tables = self._steady(read)
        if not tables:
            import pandas as pd

            names = [c.name for c in columns if config or c.name != "config"]
            return pd.DataFrame({name: pd.Series(dtype=object) for name in names})
        return _concat([tables[stem] for stem in sorted(tables)]).to_pandas(use_threads=False)

    def _write(self, kind: str, stem: str, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        folder = self.folder / kind
        write_whole(folder / f"{stem}-{_digest(data)}.parquet", data)


_ARROW = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


def _table(rows: Sequence[Mapping], columns: Sequence[Column]) -> pa.Table:
    """Rows as an Arrow table: the schema's typed columns first, then the rows' other keys."""
    known = {c.name: _ARROW[c.type] for c in columns}
    extra = dict.fromkeys(name for row in rows for name in row if name not in known)
    arrays = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in known.items()}
    for name in extra:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        # A column that mixes int and float is float64.
        arrow = pa.float64() if kinds == {int, float} else None
        arrays[name] = pa.array(values, arrow)
    return pa.table(arrays)


def _concat(tables: Sequence[pa.Table]) -> pa.Table:
    plain = [table.replace_schema_metadata(None) for table in tables]
    try:
        return pa.concat_tables(plain, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.concat_tables(_reconciled(plain), promote_options="permissive")


def _reconciled(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Tables in which columns of conflicting types are cast to text, so that no value is lost."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for column in table.schema:
            if not pa.types.is_null(column.type):
                kinds.setdefault(column.name, set()).add(column.type)
    numbers = {pa.int64(), pa.float64()}
    text = {name for name, types in kinds.items() if len(types) > 1 and not types <= numbers}
    return [
        table.cast(
            pa.schema(
                [pa.field(c.name, pa.string() if c.name in text else c.type) for c in table.schema]
            )
        )
        for table in tables
    ]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _named_digest(path: Path) -> str:
    return path.stem.rsplit("-", 1)[-1]


def _stem(path: Path) -> str:
    return path.stem.rsplit("-", 1)[0]


def _damage(path: Path) -> str:
    data = path.read_bytes()
    if _digest(data) == _named_digest(path):
        return ""
    if not data.endswith(b"PAR1"):
        return f"truncated ({len(data)} bytes)"
    return "altered: its bytes do not match the digest in its name"
