"""The report that is there already: nothing is fitted or drawn twice from the same tables.

`report` keeps, in the user's cache, a record of each report: a digest of all that went into it (the
tables and the definition, the source of this package and of plugins, the versions of what computes
and draws), and one of each file that came out. If all of them are as they were, the report stands
as it is. Anything else, a changed row, a line of code, a missing or altered figure, makes it again,
from fits and figures that are kept beside the record as far as what they follow from is unchanged:
after an edit of one claim, one law is fitted.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_lab import plugins
from scaling_lab.errors import LabError, Unwritable
from scaling_lab.registration.log import REGISTERED
from scaling_lab.registration.path import LOOKS, ROUNDS
from scaling_lab.storage.atomic import write_whole
from scaling_lab.storage.cache import cache_path

from ..kept import digest, keeping
from .findings import VERDICTS
from .read import TABLES

if TYPE_CHECKING:
    from ..claims.verdict import Verdict

# What a report of a results folder reads, and what it writes.
READ = ("experiment.json", REGISTERED, LOOKS, ROUNDS, *TABLES, "damaged/*")
WRITTEN = ("report.html", VERDICTS, "fits/[!.]*", "figures/[!.]*")
PACKAGES = (
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "pillow",
    "jinja2",
)


@dataclass(frozen=True)
class Report:
    """The page, a verdict (without evidence and gate) a claim, and a closing line a folder.

    headlines: what must be known first: how many runs failed. failed: names of the experiments of
    which most runs failed, or none gave a result.
    """

    page: Path
    verdicts: list[Verdict]
    closings: list[str]
    headlines: list[str]
    failed: list[str]


def report(
    folders: Sequence[Path],
    progress: Callable[[str], None] | None = None,
    to: Path | None = None,
) -> Report:
    """The report of these results folders: as it lies there if nothing changed, else made anew.

    `progress` receives a line for each thing that is done. to: the folder to write into, by default
    the results folder, or the parent of several. Raises LabError for a folder that holds no
    experiment or no runs, and if `to` is needed because the results can only be read.
    """
    folders = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
    to = to and to.resolve()
    made_by = _made_by()
    inputs = _inputs(folders, made_by)
    if there := _standing(folders, to, inputs):
        return there
    from . import magnitudes, write

    try:
        with _keeping(folders, made_by):
            found = write.analyse(folders, progress, to)
            page = write.write_page(found, to)
    except Unwritable as error:
        raise LabError(f"{error}, or write the report elsewhere: --to FOLDER") from error
    made = Report(
        page,
        [verdict for one in found for verdict in one.verdicts],
        [magnitudes.closing(magnitudes.grid(one)) for one in found],
        [f"{one.name}: {one.headline}" for one in found if one.headline],
        [one.name for one in found if one.outcome.is_failure],
    )
    _keep(made, folders, to, inputs)
    return made


def _standing(folders: Sequence[Path], to: Path | None, inputs: str) -> Report | None:
    """The report that was kept, if what went in and what came out are the same."""
    from ..claims.verdict import Verdict
    from ..registration import Standing

    try:
        kept = json.loads(_record(folders, to).read_text())
        page = Path(kept["page"])
        if kept["inputs"] != inputs or kept["outputs"] != _outputs(folders, to, page):
            return None
        verdicts = [
            Verdict(
                **one
                | {
                    "interval": tuple(one["interval"]),
                    "registration": one["registration"] and Standing(*one["registration"]),
                }
            )
            for one in kept["verdicts"]
        ]
        lines = [list(map(str, kept[name])) for name in ("closings", "headlines", "failed")]
        return Report(page, verdicts, *lines)
    except (OSError, LabError, ValueError, TypeError, KeyError):
        return None  # no record, or not one of ours


def _keep(made: Report, folders: Sequence[Path], to: Path | None, inputs: str) -> None:
    verdicts = [
        {
            "claim": dict(one.claim),
            "word": one.word,
            "why": one.why,
            "value": float(one.value),
            "interval": [float(end) for end in one.interval],
            "quantity": one.quantity,
            "prediction": one.prediction,
            "turning": one.turning,
            "registration": one.registration,
        }
        for one in made.verdicts
    ]
    record = {
        "inputs": inputs,
        "outputs": _outputs(folders, to, made.page),
        "page": str(made.page),
        "verdicts": verdicts,
        "closings": made.closings,
        "headlines": made.headlines,
        "failed": made.failed,
    }
    with suppress(LabError):  # a report that cannot be recorded is a report all the same
        write_whole(_record(folders, to), json.dumps(record).encode())


def _record(folders: Sequence[Path], to: Path | None = None) -> Path:
    places = [*folders, *([to] if to else [])]
    named = hashlib.sha256("\n".join(map(str, places)).encode()).hexdigest()[:16]
    return cache_path("reports", f"{named}.json")


def _keeping(folders: Sequence[Path], made_by: str) -> AbstractContextManager[None]:
    """Keep this report's fits and figures, where there is a cache."""
    try:
        return keeping(_record(folders).with_suffix(""), made_by)
    except LabError:
        return nullcontext()


def _inputs(folders: Sequence[Path], made_by: str) -> str:
    """A digest of all that a report follows from."""
    read = _digests(path for folder in folders for name in READ for path in folder.glob(name))
    return digest([[str(folder) for folder in folders], read, made_by])


def _made_by() -> str:
    """A digest of what fits and draws: source, versions, machine."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    machine = [platform.python_version(), platform.machine(), platform.system()]
    return digest([_digests(_sources()), versions, machine])


def _outputs(folders: Sequence[Path], to: Path | None, page: Path) -> dict[str, str]:
    """Digests of the files that reports write, and of all that lies among them."""
    several = [to / folder.name for folder in folders] if to else folders
    homes = {*several, page.parent}
    return _digests(path for home in homes for name in WRITTEN for path in home.glob(name))


def _sources() -> Iterator[Path]:
    """Every file of this package and of plugins."""
    for package in (__name__.partition(".")[0], *plugins.plugins().values()):
        for root in plugins.folders(package):
            # The folder of the analysis may be a link, which a glob would not follow.
            for folder in (Path(root), Path(root, "analysis")):
                yield from (path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def _digests(paths: Iterator[Path]) -> dict[str, str]:
    files = sorted({path for path in paths if path.is_file()})
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
