"""The record of a run: one row of the run table and its rows of the curve table.

The columns are those of `schema`. Tables are stored as immutable Parquet parts (`parts`),

    results/EXPERIMENT/runs/SEQUENCE-RANDOM-DIGEST.parquet      one row a run
    results/EXPERIMENT/curves/SEQUENCE-RANDOM-DIGEST.parquet    one row a run and evaluated step

one pair for each finished ensemble, written atomically. The `runs` part is written last and commits
the pair: a `curves` part without its partner is ignored, and a `runs` part without its partner is
damaged. `compact` merges all parts into one pair whose metadata list the parts it replaces, so that
no row is ever lost or read twice. Rows of another experiment are not read, and their files are left
alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from ..errors import LabError
from . import parts, tables
from .atomic import remove, rename
from .contents import Contents, Damage
from .schema import COLUMNS, CURVE_COLUMNS, RUN_COLUMNS

if TYPE_CHECKING:  # `status` reads the states of the runs without pandas
    import pandas as pd

__all__ = ["Store"]

Wanted = Callable[[str], bool]  # whether a column is to be read

DEFINITION = "experiment.json"
PATIENCE = 10.0  # s that a reader retries while parts appear or disappear
KEYS = ("run", "fingerprint", parts.SEQUENCE)  # what ties curves to a row of the run table
STATE = ("run", "fingerprint", "status", "reason")  # columns of a survey; the run comes first


class Survey(NamedTuple):
    """One reading of a store: the newest row of each run, and what is wrong with the files.

    damaged: parts that the next run sets aside. ignored: files with rows of others, left alone.
    """

    rows: dict[str, dict[str, Any]]
    damaged: list[Damage]
    ignored: list[Damage]


@dataclass(frozen=True)
class Store:
    """The tables of one experiment: `Store(Path("results/e01_digits_mlp"))`.

    experiment: its name, by default that in experiment.json, else the folder's. Reading raises
    LabError if a file cannot be read or was written by a newer version of the schema.
    """

    folder: Path
    experiment: str = ""

    def append(self, runs: Sequence[Mapping], curves: Sequence[Mapping]) -> None:
        """Commit the rows of one finished ensemble. Raises LabError if they cannot be written."""
        stem = parts.next_stem(self.folder)
        parts.write(self.folder, "curves", stem, tables.from_rows(curves, CURVE_COLUMNS))
        parts.write(self.folder, "runs", stem, tables.from_rows(runs, RUN_COLUMNS))

    def runs(self, *, config: bool = False) -> pd.DataFrame:
        """The run table, newest row of each run. config: include that column, which is large."""
        left_out = (parts.SEQUENCE,) if config else (parts.SEQUENCE, "config")
        found = self._read(lambda name: name not in left_out, _nothing)
        return _newest(found, [c.name for c in RUN_COLUMNS if c.name not in left_out])

    def curves(self) -> pd.DataFrame:
        """The curve table of the rows that `runs` returns."""
        found = self._read(lambda name: name in KEYS, _every)
        return _curves_of(_newest(found, KEYS), found)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The run table and the curve table, from one reading."""
        found = self._read(lambda name: name != "config", _every)
        names = [column.name for column in RUN_COLUMNS if column.name != "config"]
        runs = _newest(found, [*names, parts.SEQUENCE])
        return runs.drop(columns=parts.SEQUENCE), _curves_of(runs, found)

    def survey(self, *columns: str) -> Survey:
        """The newest row of each run (its STATE and `columns`), and what is wrong with the files.

        Rows whose curves cannot be read do not count: their runs are trained again.
        """
        wanted = tuple(dict.fromkeys((*STATE, *columns)))
        found = self._read(lambda name: name in wanted, _nothing)
        rows: dict[str, dict[str, Any]] = {}
        for table in found.complete.values():
            absent = [None] * table.num_rows
            there = {*table.column_names}
            values = [table[name].to_pylist() if name in there else absent for name in wanted]
            for row in zip(*values, strict=True):
                rows[row[0]] = dict(zip(wanted, row, strict=True))
        return Survey(rows, found.damaged(), found.ignored())

    def damaged(self) -> list[Damage]:
        """Parts that cannot be read, and `runs` parts without readable curves."""
        return self.survey().damaged

    def set_aside(self) -> Survey:
        """Move damaged parts to `damaged/`, where no reader looks; their runs are trained again.

        Returns what was found before.
        """
        found = self.survey()
        for path, _ in found.damaged:
            rename(path, _free(self.folder / "damaged" / f"{path.parent.name}-{path.name}"))
        return found

    def cells(self) -> frozenset[str] | None:
        """Names of the runs that the experiment's grid asks for; None if experiment.json has none.

        It is rewritten by each `run`; those of earlier versions do not list the runs.
        """
        cells = self._definition().get("cells")
        return frozenset(map(str, cells)) if isinstance(cells, list) else None

    def compact(self) -> None:
        """Merge all readable pairs into one pair. The caller must hold the experiment's lock."""
        found = self._scan(_every, _every)
        replaces = found.replaced & {parts.stem(part.path) for part in found.runs}
        if len(found.complete) > 1:
            stem = parts.next_stem(self.folder)
            replaces |= found.complete.keys()
            for kind in ("curves", "runs"):
                merged = found.complete if kind == "runs" else found.partners
                table = tables.joined([merged[key] for key in found.complete])
                parts.write(self.folder, kind, stem, table, replaces)
        for path in found.superseded(replaces):
            remove(path)

    def _definition(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / DEFINITION).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _scan(self, runs: Wanted, curves: Wanted) -> Contents:
        """Read the wanted columns of all parts, now."""
        name = self.experiment or self._definition().get("name") or self.folder.resolve().name
        read = [
            tuple(parts.read(path, str(name), wanted) for path in parts.listed(self.folder, kind))
            for kind, wanted in (("runs", runs), ("curves", curves))
        ]
        return Contents(*read)

    def _read(self, runs: Wanted, curves: Wanted) -> Contents:
        """Scan until no part appears or disappears meanwhile: a writer may be compacting."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            before = self._listed()
            try:
                found = self._scan(runs, curves)
            except FileNotFoundError:
                continue
            if before == self._listed():
                return found
        raise LabError(f"{self.folder} keeps changing while it is read; try again in a moment")

    def _listed(self) -> list[Path]:
        return [path for kind in COLUMNS for path in parts.listed(self.folder, kind)]


def _every(column: str) -> bool:
    return True


def _nothing(column: str) -> bool:
    return False


def _newest(found: Contents, columns: Sequence[str]) -> pd.DataFrame:
    """The newest row of each run; without any, the columns alone."""
    frame = _frame(found.complete, columns)
    return frame.drop_duplicates("run", keep="last").reset_index(drop=True)


def _curves_of(runs: pd.DataFrame, found: Contents) -> pd.DataFrame:
    """The curve rows that belong to these rows of the run table."""
    frame = _frame(found.partners, [*(column.name for column in CURVE_COLUMNS), parts.SEQUENCE])
    frame = frame.merge(runs[[*KEYS]], on=[*KEYS]).drop(columns=parts.SEQUENCE)
    return frame.drop_duplicates(["run", "step"], keep="last").reset_index(drop=True)


def _frame(found: Mapping[str, pa.Table], columns: Sequence[str]) -> pd.DataFrame:
    """The rows of all tables; without any, the columns alone."""
    import pandas as pd

    if not found:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    return tables.joined([*found.values()]).to_pandas(use_threads=False)


def _free(path: Path) -> Path:
    """The path, or one with a number before it if there is such a file already."""
    names = [path, *(path.with_name(f"{at}-{path.name}") for at in range(1, 1000))]
    return next(name for name in names if not os.path.lexists(name))
