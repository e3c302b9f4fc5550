"""Table files: a results folder, a CSV, a TSV or a Parquet file, read as a frame."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from scaling_lab.errors import LabError
from scaling_lab.storage.objects import mirror, pull
from scaling_lab.storage.records import Store


def load(path: str | Path) -> pd.DataFrame:
    """The run table of a results folder, or the table in a .csv, .tsv or .parquet file.

    Either may be a URL on an object store, s3:// or gs://. Of a results folder, the runs that the
    experiment's grid asks for. `attrs` hold the `source` and a `note` on what was left out, "" if
    nothing was. Raises LabError if the table does not exist or cannot be read as one with a header.
    """
    path = pull.located(path) if mirror.is_url(path) else Path(path)
    if path.is_dir():
        frame, note = _load_results(path)
    elif path.is_file():
        frame, note = _load_file(path), ""
    else:
        raise LabError(f"no file or folder {path}; give a results folder or a .csv, .tsv, .parquet")
    if frame.empty:
        raise LabError(f"{path} has no rows; give a table with a header and one row per run")
    frame.attrs |= {"source": str(path), "note": note}
    return frame


def asked(runs: pd.DataFrame, store: Store) -> tuple[pd.DataFrame, int]:
    """The rows of a run table that the experiment's grid asks for, and how many others there are.

    All of them, if an earlier version wrote the experiment's definition.
    """
    cells = store.cells()
    if cells is None:
        return runs, 0
    kept = runs[runs["run"].isin(cells)].reset_index(drop=True)
    return kept, len(runs) - len(kept)


def unusable(store: Store) -> str:
    """The first file whose rows are not read, and why, in brackets; "" if all are."""
    found = store.survey()
    first = [f" ({path}: {reason})" for path, reason in (*found.damaged, *found.ignored)][:1]
    return "".join(first)


def _load_results(folder: Path) -> tuple[pd.DataFrame, str]:
    if not (folder / "runs").is_dir():
        raise LabError(f"{folder} is not a results folder: it has no runs/; give results/NAME")
    store = Store(folder)
    frame, others = asked(store.runs(), store)
    if frame.empty:
        raise LabError(f"{folder} has no run that can be used{unusable(store)}; train some first")
    note = f"{others} recorded runs that are not in the grid of {folder} are left out"
    return frame, note if others else ""


def _load_file(path: Path) -> pd.DataFrame:
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".parquet"):
        raise LabError(f"{path} is not a .csv, .tsv or .parquet; save the table as one of them")
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        if b"\0" in _head(path):
            raise LabError(f"{path} is not text; save the table as {kind[1:]} in UTF-8")
        separator = "\t" if kind == ".tsv" else ","
        # pandas renames duplicate columns, so the header is read as data to find them.
        header = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str)
        with warnings.catch_warnings():
            # pandas drops the extra fields of rows longer than the header with only a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, sep=separator, index_col=False, low_memory=False)
    except pd.errors.EmptyDataError as error:
        raise LabError(
            f"{path} is empty; give a table with a header and one row per run"
        ) from error
    except UnicodeDecodeError as error:
        raise LabError(f"{path} is not text in UTF-8; save it as {kind[1:]} in UTF-8") from error
    except (ValueError, OSError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        why = str(error).strip().splitlines()[0]
        raise LabError(f"{path} cannot be read as {kind[1:]}: {why}") from error
    names = [str(name).strip() for name in header.iloc[0].dropna()]
    if twice := [name for name in names if names.count(name) > 1]:
        raise LabError(f"{path} has the column '{twice[0]}' twice; rename one of them")
    if len(names) == 1 and (found := next((s for s in ";\t|" if s in names[0]), "")):
        shown = "tabs" if found == "\t" else f"'{found}'"
        raise LabError(f"{path} is separated by {shown}; save it with commas (.csv) or tabs (.tsv)")
    if names and all(_is_number(name) for name in names):
        raise LabError(f"{path} has no header: its first row is numbers; add a row of names")
    # Spaces around names are never intended.
    return frame.rename(columns=str.strip)


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(1 << 16)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
