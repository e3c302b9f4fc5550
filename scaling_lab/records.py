"""What a run leaves: one row of the run table and its rows of the curve table.

The schema is here and nowhere else: every column has a type, a unit and an origin, and
`results/README.md` is made from it. Tables are kept as immutable Parquet parts,

    results/EXPERIMENT/runs/STEM-DIGEST.parquet      one row a run
    results/EXPERIMENT/curves/STEM-DIGEST.parquet    one row a run and evaluated step

one pair for each finished ensemble. A part is written to a temporary file, flushed to the disk and
renamed, so a reader sees it whole or not at all; its name carries the SHA-256 of its bytes, so a
truncated or altered part is known for what it is. The part of `runs` is written last and commits
the pair: a part of `curves` without its partner is not read. `compact` replaces many parts by one,
which names those it replaces; at no moment is a row lost or doubled.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import LabError

PATIENCE = 10.0  # s for which a reader waits for a moment in which no part comes or goes


class Column(NamedTuple):
    """One column: its Arrow type, unit ("" where it has none), origin and meaning.

    Origin is one of: axis (asked for by the grid), config (fixes the run), counted (analytic),
    measured (by training or by the clock), provenance (versions, device, source).
    """

    name: str
    type: str
    unit: str
    origin: str
    meaning: str


RUN_COLUMNS = (
    Column("experiment", "string", "", "config", "the experiment's name: its file in experiments/"),
    Column("run", "string", "", "axis", "readable identity: the values on the grid's axes"),
    Column("fingerprint", "string", "", "config", "digest of everything that can change a number"),
    Column("status", "string", "", "measured", "done, diverged or failed"),
    Column("reason", "string", "", "measured", "why a run is not done; null for a done run"),
    Column("learner", "string", "", "config", "registered name of the way of learning"),
    Column("data", "string", "", "config", "registered name of the data source"),
    Column("model", "string", "", "config", "registered name of the architecture family"),
    Column("N", "int64", "parameters", "counted", "all trained parameters"),
    Column("N_embedding", "int64", "parameters", "counted", "look-up tables"),
    Column("N_matmul", "int64", "parameters", "counted", "matrices and kernels, head left out"),
    Column("N_head", "int64", "parameters", "counted", "matrix of the last layer"),
    Column("N_other", "int64", "parameters", "counted", "biases, scales and the like"),
    Column("D", "int64", "examples", "config", "distinct training examples: the data size"),
    Column(
        "C", "float64", "FLOP", "counted", "training compute, 3 x forward, counted analytically"
    ),
    Column("C_matmul", "float64", "FLOP", "counted", "part of C in matrices, head left out"),
    Column("C_attention", "float64", "FLOP", "counted", "part of C in attention scores and values"),
    Column("C_head", "float64", "FLOP", "counted", "part of C in the last layer"),
    Column("steps", "int64", "steps", "config", "optimiser steps"),
    Column("examples", "int64", "examples", "counted", "training examples seen, with repetition"),
    Column("epochs", "float64", "passes", "counted", "examples / D"),
    Column("seed", "int64", "", "config", "seed of initialisation and of minibatch order"),
    Column("train_loss", "float64", "nats", "measured", "minibatch loss, mean since the last row"),
    Column("valid_loss", "float64", "nats", "measured", "validation loss at the last step"),
    Column("valid_error", "float64", "fraction", "measured", "validation error at the last step"),
    Column("test_loss", "float64", "nats", "measured", "test loss at the last step"),
    Column("test_error", "float64", "fraction", "measured", "test error at the last step"),
    Column("best_step", "int64", "steps", "measured", "evaluated step of least validation loss"),
    Column("best_valid_loss", "float64", "nats", "measured", "validation loss at best_step"),
    Column("best_valid_error", "float64", "fraction", "measured", "validation error at best_step"),
    Column("best_test_loss", "float64", "nats", "measured", "test loss at best_step"),
    Column("best_test_error", "float64", "fraction", "measured", "test error at best_step"),
    Column("program", "string", "", "provenance", "digest of the static choices: the executable"),
    Column("width", "int64", "runs", "measured", "runs trained together in the ensemble"),
    Column("wall_s", "float64", "s", "measured", "wall time of the ensemble / runs in it"),
    Column("compile_s", "float64", "s", "measured", "wall time of getting the executable"),
    Column("energy_J", "float64", "J", "measured", "device energy / runs in it; null if unknown"),
    Column("started", "string", "UTC, ISO 8601", "measured", "when its ensemble began"),
    Column("finished", "string", "UTC, ISO 8601", "measured", "when its ensemble ended"),
    Column("device", "string", "", "provenance", "platform and kind of device"),
    Column("devices", "int64", "", "provenance", "how many devices the ensemble used"),
    Column("versions", "string", "", "provenance", "JSON: python, jax, flax, optax, numpy, ..."),
    Column("git_commit", "string", "", "provenance", "commit of the source; null outside git"),
    Column("git_dirty", "bool", "", "provenance", "whether the source had uncommitted changes"),
    Column("config", "string", "", "config", "JSON of the whole run; not loaded unless asked for"),
)

CURVE_COLUMNS = (
    Column("experiment", "string", "", "config", "as in the run table"),
    Column("run", "string", "", "axis", "as in the run table"),
    Column("fingerprint", "string", "", "config", "as in the run table"),
    Column("step", "int64", "steps", "measured", "optimiser steps done"),
    Column("examples", "int64", "examples", "counted", "training examples seen by then"),
    Column("C", "float64", "FLOP", "counted", "training compute spent by then"),
    Column("train_loss", "float64", "nats", "measured", "mean minibatch loss since the last row"),
    Column("valid_loss", "float64", "nats", "measured", "validation loss"),
    Column("valid_error", "float64", "fraction", "measured", "validation error"),
    Column("test_loss", "float64", "nats", "measured", "test loss"),
    Column("test_error", "float64", "fraction", "measured", "test error"),
)

# Fields of the run's parts become columns of their own: the recipe's by their bare names, the
# others with the part's name before a dot (model.width). A learner's own metrics keep their names.
OPEN_COLUMNS = (
    ("N_target", "float64", "parameters", "axis", "the N that was asked for"),
    ("C_target", "float64", "FLOP", "axis", "the C that was asked for"),
    ("FIELD", "", "", "config", "field of the recipe: learning_rate, batch_size, ..."),
    ("model.FIELD", "", "", "config", "field of the model: model.width, model.depth, ..."),
    ("data.FIELD", "", "", "config", "field of the data source"),
    ("learner.FIELD", "", "", "config", "field of the learner"),
    ("METRIC, best_METRIC", "float64", "", "measured", "what else the learner evaluates"),
    ("METRIC", "float64", "", "measured", "what the learner finds once, of the trained run"),
)


class Damage(NamedTuple):
    """A part that cannot be trusted, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Store:
    """The tables of one experiment: `Store(Path("results/e01_digits_mlp"))`."""

    folder: Path

    def append(self, runs: Sequence[Mapping], curves: Sequence[Mapping]) -> None:
        """Commit the rows of one finished ensemble. Raises LabError if the disk refuses."""
        stem = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
        self._write("curves", stem, _table(curves, CURVE_COLUMNS))
        self._write("runs", stem, _table(runs, RUN_COLUMNS))

    def runs(self, *, config: bool = False) -> pd.DataFrame:
        """The run table, newest row of each run; the `config` column only if asked for."""
        frame = self._read("runs", config=config)
        return frame.drop_duplicates("run", keep="last").reset_index(drop=True)

    def curves(self) -> pd.DataFrame:
        """The curve table, of the runs as `runs` gives them."""
        current = self.runs()[["run", "fingerprint"]]
        frame = self._read("curves").merge(current, on=["run", "fingerprint"])
        return frame.drop_duplicates(["run", "step"], keep="last").reset_index(drop=True)

    def damaged(self) -> list[Damage]:
        """Parts whose bytes are not those that were written."""
        return self._steady(
            lambda: [
                Damage(path, reason)
                for kind in ("runs", "curves")
                for path in self._paths(kind)
                if (reason := _damage(path))
            ]
        )

    def set_aside(self) -> list[Damage]:
        """Move damaged parts to `damaged/`, where no reader looks; say which.

        With a damaged part of `curves` goes its part of `runs`, so that its runs are missing and
        trained again.
        """
        found = self.damaged()
        for path, reason in list(found):
            partners = [p for p in self._paths("runs") if _stem(p) == _stem(path) and p != path]
            found += [Damage(partner, f"without its curves ({reason})") for partner in partners]
        for path, _ in dict.fromkeys(found):
            (self.folder / "damaged").mkdir(exist_ok=True)
            path.rename(self.folder / "damaged" / f"{path.parent.name}-{path.name}")
        return found

    def compact(self) -> None:
        """Replace all whole parts by one pair. Only who holds the experiment's lock may call it."""
        runs = self._current()
        stem = next(iter(runs), "")
        if len(runs) > 1:
            stem = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
            replaces = {b"replaces": json.dumps(sorted(runs)).encode()}
            for kind, tables in (("curves", self._whole("curves", only=set(runs))), ("runs", runs)):
                table = _concat([tables[key] for key in sorted(tables)])
                self._write(kind, stem, table.replace_schema_metadata(replaces))
        for kind in ("curves", "runs"):
            for path in self._paths(kind):
                if _stem(path) != stem and not _damage(path):
                    path.unlink()

    def _steady(self, read: Callable[[], Any]) -> Any:
        """What `read` gives while no part comes or goes: a writer may compact at any moment."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            before = self._paths("runs"), self._paths("curves")
            try:
                found = read()
            except FileNotFoundError:
                continue
            if before == (self._paths("runs"), self._paths("curves")):
                return found
        raise LabError(f"{self.folder} changes too fast to be read; try again in a moment")

    def _paths(self, kind: str) -> list[Path]:
        return sorted((self.folder / kind).glob("[0-9a-f]*.parquet"))

    def _current(self, *, without: str = "") -> dict[str, pa.Table]:
        """Stem -> table of the whole parts of `runs` that no compacted part replaces."""
        tables = self._whole("runs", without=without)
        replaced = {
            stem
            for table in tables.values()
            for stem in json.loads((table.schema.metadata or {}).get(b"replaces", b"[]"))
        }
        return {stem: table for stem, table in tables.items() if stem not in replaced}

    def _whole(
        self, kind: str, *, only: set[str] | None = None, without: str = ""
    ) -> dict[str, pa.Table]:
        """Stem -> table of the parts that are what was written; `without` a column."""
        tables: dict[str, pa.Table] = {}
        for path in self._paths(kind):
            if only is not None and _stem(path) not in only:
                continue
            data = path.read_bytes()
            if _digest(data) == _named_digest(path):
                file = pq.ParquetFile(pa.BufferReader(data))
                wanted = [name for name in file.schema_arrow.names if name != without]
                tables[_stem(path)] = file.read(columns=wanted)
        return tables

    def _read(self, kind: str, *, config: bool = False) -> Any:
        columns = RUN_COLUMNS if kind == "runs" else CURVE_COLUMNS

        def read() -> dict[str, pa.Table]:
            tables = self._current(without="" if config else "config")
            return self._whole("curves", only=set(tables)) if kind == "curves" else tables

        tables = self._steady(read)
        if not tables:
            names = [c.name for c in columns if config or c.name != "config"]
            return pd.DataFrame({name: pd.Series(dtype=object) for name in names})
        return _concat([tables[stem] for stem in sorted(tables)]).to_pandas()

    def _write(self, kind: str, stem: str, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        folder = self.folder / kind
        write_whole(folder / f"{stem}-{_digest(data)}.parquet", data)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or none: temporary, flushed, renamed."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise LabError(
            f"cannot write {path}: {error.strerror}; give a writable folder with --results"
        ) from error


def dictionary() -> str:
    """The column dictionary in Markdown: the text of results/README.md."""
    lines = [
        "# Results: what is in the tables",
        "",
        "Per experiment: `runs/` (one row a run), `curves/` (one row a run and evaluated step), "
        "`fits/` (fit cards), `figures/`, `report.html`. The tables are Parquet; "
        "`scaling-lab export EXPERIMENT` writes them as CSV. A missing value is null. "
        "This page is made from `scaling_lab/records.py`.",
    ]
    for title, columns in (("Run table", RUN_COLUMNS), ("Curve table", CURVE_COLUMNS)):
        lines += ["", f"## {title}", "", "| column | type | unit | origin | meaning |"]
        lines += ["|---|---|---|---|---|"]
        lines += [f"| `{c[0]}` | {c[1]} | {c[2]} | {c[3]} | {c[4]} |" for c in columns]
    lines += ["", "## Further columns of the run table", ""]
    lines += ["| column | type | unit | origin | meaning |", "|---|---|---|---|---|"]
    lines += [f"| `{c[0]}` | {c[1]} | {c[2]} | {c[3]} | {c[4]} |" for c in OPEN_COLUMNS]
    return "\n".join(lines) + "\n"


_ARROW = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


def _table(rows: Sequence[Mapping], columns: Sequence[Column]) -> pa.Table:
    """Rows as an Arrow table: the schema's columns first and typed, then what else they have."""
    known = {c.name: _ARROW[c.type] for c in columns}
    extra = dict.fromkeys(name for row in rows for name in row if name not in known)
    arrays = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in known.items()}
    for name in extra:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        # A number that is whole in one row and not in another is one column of float64.
        arrow = pa.float64() if kinds == {int, float} else None
        arrays[name] = pa.array(values, arrow)
    return pa.table(arrays)


def _concat(tables: Sequence[pa.Table]) -> pa.Table:
    plain = [table.replace_schema_metadata(None) for table in tables]
    try:
        return pa.concat_tables(plain, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.concat_tables(_agreed(plain), promote_options="permissive")


def _agreed(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """A column whose type changed between parts, as text in all of them: nothing is lost."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for column in table.schema:
            if not pa.types.is_null(column.type):
                kinds.setdefault(column.name, set()).add(column.type)
    numbers = {pa.int64(), pa.float64()}
    text = {name for name, found in kinds.items() if len(found) > 1 and not found <= numbers}
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
