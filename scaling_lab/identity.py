"""What a run is today: what its record is compared with."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import config, recorded_config, source_digest
from .config import Run
from .errors import LabError
from .grid import GridPoint
from .storage import file_digests, parameters

COLUMNS = (
    "config",
    "data_digest",
    "parent_content",
    "code",
    "git_dirty",
)  # of a record, beside its state


class Identity(NamedTuple):
    """A run, as far as it decides whether a record is still the record of it.

    fingerprint, defaults: as `config` gives them. data: digest of the files of its data, None if
    they are not known. code: digest of the source code of its parts; a record of other code is
    counted, and stays valid. parent: experiment, fingerprint and step of the run that it starts
    from, if there is one.
    """

    fingerprint: str
    defaults: Mapping[str, Mapping[str, Any]]
    data: str | None
    code: str | None
    parent: Sequence[Any] | None = None

    def describes(self, recorded: Mapping[str, Any], results: Path) -> bool:
        """Whether a record of the same fingerprint had the same defaults, data and parent.

        recorded: its COLUMNS. results: the folder of all experiments' results.
        """
        old = recorded_config.parsed(recorded["config"])
        if not recorded_config.had_defaults(old, self.defaults) or self.other_data(recorded):
            return False
        return not self.other_parent(recorded, results)

    def other_data(self, recorded: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        """(what, old, new) if the record saw other data; nothing if either is not known."""
        then = recorded["data_digest"]
        if then is None or self.data is None or then == self.data:
            return []
        return [("content of the data", then, self.data)]

    def other_parent(
        self, recorded: Mapping[str, Any], results: Path
    ) -> list[tuple[str, Any, Any]]:
        """(what, old, new) if its parent was trained again since, and other parameters kept.

        Nothing if the record does not tell, or if no parameters are kept now.
        """
        then = recorded["parent_content"]
        if then is None or self.parent is None:
            return []
        experiment, fingerprint, step = self.parent
        now = parameters.content(results / experiment, fingerprint, step)
        if now is None or now == then:
            return []
        return [(f"parameters kept by its parent in {experiment}", then, now)]


def of(run: Run) -> Identity:
    """The identity of one run."""
    return _known(run, data_digest(run.data))


def identities(cells: Iterable[GridPoint]) -> dict[str, Identity]:
    """Run -> its identity. What runs share is computed once."""
    data: dict[Any, str | None] = {}
    found = {}
    for cell in cells:
        run = cell.run
        if run.data not in data:
            data[run.data] = data_digest(run.data)
        found[cell.name] = _known(run, data[run.data])
    return found


def _known(run: Run, data: str | None) -> Identity:
    parent = run.parent and (run.parent.experiment, run.parent.fingerprint, run.parent.step)
    return Identity(config.fingerprint(run), config.defaults(run), data, code(run), parent)


def doubts(rows: Collection[tuple[Mapping[str, Any], Identity]]) -> list[str]:
    """Lines on records of other code than today's and of uncommitted code, which stay valid.

    rows: records with their COLUMNS, and what their runs are today.
    """
    other = sum(row["code"] is not None and row["code"] != now.code for row, now in rows)
    dirty = sum(bool(row["git_dirty"]) for row, _ in rows)
    unknown = sum(row["code"] is None for row, _ in rows)
    lines = []
    if other:
        lines.append(f"{other} of {len(rows)} runs were trained by other code than today's")
    if dirty:
        lines.append(f"{dirty} of {len(rows)} runs were trained by code that was not committed")
    if unknown and lines:
        lines.append(f"{unknown} of {len(rows)} runs do not say by which code they were trained")
    return lines


def code(run: Run) -> str | None:
    """Digest of the source code of a run's learner, data and model; None in notebooks."""
    return source_digest.digest(
        *(type(part) for part in (run.learner, run.data, run.model) if part is not None)
    )


def data_digest(source: Any) -> str | None:
    """Digest of the files that a data source reads.

    None if it reads none, if they are not on this machine, and for a source with a `place`, whose
    content is in the fingerprint. A source that is known by another digest than that of its files'
    bytes has it as `content`.
    """
    if source is None or any(field.metadata.get("place") for field in dataclasses.fields(source)):
        return None
    if hasattr(source, "content"):
        return source.content
    found = data_files(source)
    return file_digests.digest(found) if found else None


def data_files(source: Any) -> list[Path]:
    """The files that a data source reads, without the module that defines it."""
    files: list[Path] = []
    with contextlib.suppress(LabError, OSError):
        home = source.location() if hasattr(source, "location") else None
        if home is None:
            return []
        if hasattr(source, "files"):
            files = [*source.files()]
        else:
            files = sorted(Path(home).rglob("*")) if Path(home).is_dir() else [Path(home)]
    own = source_digest.file_of(type(source))
    return [file for file in files if file.is_file() and file.resolve() != own]
