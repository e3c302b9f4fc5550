"""One question, one file.

An experiment is a Python file whose docstring holds, under these headings, the question, the
prediction made before running, the expected cost and the command,

    \"\"\"Does the loss of an MLP fall as a power of its training data?

    Question: ...
    Prediction: ...
    Cost: ...
    Command: scaling-lab run e01_digits_mlp
    \"\"\"

and which sets `base` (a Run), `grid` (points) and `claims` (the predictions as ranges, so that
verdicts are computed). It may set `choose`, the swept columns whose best value is chosen on
validation data, `keep`, a condition on the axes or a function of a point that selects the runs
whose parameters are kept, and `snapshots`, when these are kept before the end as well. The file can
import the modules beside it.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from . import opened_files
from .claim import Claim
from .config import Run
from .errors import LabError, unknown
from .grid import GridPoint, Points, cells
from .looks import Looks
from .selection import matching
from .snapshots import Snapshots

__all__ = ["Experiment"]

FOLDER = Path("experiments")
HEADINGS = ("Question", "Prediction", "Cost", "Command")
OPTIONAL = ("claims", "choose", "keep", "looks", "snapshots")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A loaded experiment file.

    choose: the swept columns whose best value is chosen on validation data. keep: selects the runs
    whose parameters are kept, by a function point -> bool or by a condition on the axes
    ("D == max(D)"). snapshots: when their parameters are kept before the end as well. behind: the
    files that it opens, and those beside it that it imports. overrides: texts "D=100,1000" of the
    axes that are set in place of the file's grid; in_file: the experiment without them. added:
    points beyond the grid that its sweeps ask for (see `sweeps`). looks: when a sequential
    experiment may look at its claims.
    """

    name: str
    file: Path
    text: Mapping[str, str]
    base: Run
    grid: Points
    claims: Sequence[Claim] = ()
    choose: Sequence[str] = ("learning_rate",)
    keep: Callable[[Mapping[str, Any]], bool] | str = lambda point: False
    snapshots: Snapshots | None = None
    behind: Sequence[Path] = ()
    overrides: Sequence[str] = ()
    in_file: Experiment | None = None
    added: Points = ()
    looks: Looks | None = None

    def __post_init__(self):
        check_name(self.name)

    @cached_property
    def cells(self) -> tuple[GridPoint, ...]:
        """The runs of the grid, and those that its sweeps added."""
        return cells(self.base, (*self.grid, *self.added))

    @cached_property
    def added_names(self) -> frozenset[str]:
        """The names of the runs that sweeps added to the grid."""
        return (
            frozenset(cell.name for cell in cells(self.base, self.added))
            if self.added
            else frozenset()
        )

    def kept(self, cells: Sequence[GridPoint]) -> set[Run]:
        """The runs whose parameters are kept. Raises LabError if `keep` fails on one.

        In a condition, max(D) and the like are over these runs, and an axis that a run does not
        have is missing there.
        """
        if isinstance(self.keep, str):
            try:
                return {cell.run for cell in matching(cells, self.keep)}
            except LabError as error:
                raise LabError(f"'keep' in {self.file}: {error}") from error
        return {cell.run for cell in cells if self._keeps(cell, self.keep)}

    def snapshots_of(self, cells: Sequence[GridPoint]) -> dict[Run, tuple[int, ...]]:
        """Kept run -> after which steps its parameters are kept before the end."""
        taken = self.snapshots
        return {run: taken.steps(run) for run in self.kept(cells)} if taken else {}

    def _keeps(self, cell: GridPoint, keep: Callable[[Mapping[str, Any]], bool]) -> bool:
        try:
            return bool(keep(cell.axes))
        except Exception as error:
            raise LabError(
                f"'keep' in {self.file} fails for {cell.name}: {type(error).__name__}: {error}; "
                "make it return True or False for every point"
            ) from error

    def overridden(self, grid: Points, overrides: Sequence[str]) -> Experiment:
        """The experiment with another grid, which these overrides give."""
        return replace(self, grid=grid, overrides=tuple(overrides), in_file=self.in_file or self)


def find(name: str) -> Path:
    """The file of an experiment given by path, or by bare name in ./experiments or below it."""
    given = Path(name)
    is_path = bool(given.suffix) or given.parent != Path()
    if is_path and given.is_file() and given.suffix != ".py":
        raise LabError(f"{name} is not a .py file; give the file of an experiment")
    if given.suffix == ".py" or given.parent != Path():
        if given.is_file():
            check_name(given.stem)
            return given
        raise LabError(
            f"no experiment file {name}; give an existing .py file or a name in ./{FOLDER}"
        )
    here = {path.stem: path for path in sorted(FOLDER.rglob("*.py"))}
    if name in here:
        return here[name]
    top = {stem for stem, path in here.items() if path.parent == FOLDER}
    if stem := abbreviated(name, top) or abbreviated(name, here):
        return here[stem]
    if not here:
        raise LabError(
            f"no experiment '{name}': there is no ./{FOLDER} here; give the path of a file"
        )
    raise unknown("experiment", name, here)


def check_name(name: str) -> None:
    """Raise LabError unless the name can be that of a folder: its results go into one."""
    if not re.fullmatch(r"\w[^/\\\x00-\x1f]*", name):
        raise LabError(f"an experiment cannot be named {name!r}; rename it, e.g. e01_digits_mlp")


def abbreviated(name: str, stems: Iterable[str]) -> str | None:
    """The only stem whose part before the first underscore is `name`: e10 is e10_language."""
    meant = [stem for stem in stems if stem.split("_")[0] == name]
    return meant[0] if len(meant) == 1 else None


def load(name: str) -> Experiment:
    """Load an experiment's file. Raises LabError that says what is missing or wrong in it.

    While one is loaded, the files beside it come first.
    """
    loading = _loading.get()
    beside = loading[-1].file.parent / f"{name}.py" if loading else None
    file = beside if beside is not None and beside.is_file() else find(name)
    if file.resolve() in [one.file for one in loading]:
        raise LabError(
            f"{file.stem} starts from runs of its own, directly or by way of others; put the runs "
            "to start from into an experiment of their own"
        )
    one = _Loading(file.resolve(), [])
    token = _loading.set((*loading, one))
    try:
        found = _load(file, one.behind)
    finally:
        _loading.reset(token)
    if loading:
        loading[-1].behind.extend([found.file, *found.behind])
    return found


class _Loading(NamedTuple):
    """An experiment's file that is being loaded, and the files of the experiments that it loads."""

    file: Path
    behind: list[Path]


_loading: ContextVar[tuple[_Loading, ...]] = ContextVar("experiments in loading", default=())


def _load(file: Path, others: Sequence[Path]) -> Experiment:
    text = _docstring(file)
    spec = importlib.util.spec_from_file_location(f"experiment_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        with opened_files.watched() as opened, _importing_from(file.resolve().parent) as imported:
            spec.loader.exec_module(module)
    except LabError:
        raise
    except (Exception, SystemExit) as error:
        raise LabError(
            f"{file} raises {type(error).__name__} when loaded: {error}; correct the file"
        ) from error
    for needed in ("base", "grid"):
        if not hasattr(module, needed):
            raise LabError(f"{file} does not set '{needed}'; see docs/add-an-experiment.md")
    if not isinstance(module.base, Run):
        raise LabError(f"'base' in {file} is {module.base!r}; give a Run")
    if not isinstance(module.grid, tuple | list) or not all(
        isinstance(point, Mapping) for point in module.grid
    ):
        raise LabError(f"'grid' in {file} holds no points; make it with axis, product, ...")
    optional = {name: getattr(module, name) for name in OPTIONAL if hasattr(module, name)}
    for name, kind, what in (("claims", Claim, "Claim(...)"), ("choose", str, "names of columns")):
        _check_list(file, name, optional.get(name, ()), kind, what)
    if not isinstance(looks := optional.get("looks"), Looks | None):
        raise LabError(f"'looks' in {file} is {looks!r}; give Looks(...)")
    if (snapshots := optional.get("snapshots")) is not None:
        if not isinstance(snapshots, Snapshots):
            raise LabError(f"'snapshots' in {file} is {snapshots!r}; give Snapshots(...)")
        if "keep" not in optional:
            raise LabError(f"{file} sets 'snapshots' and no 'keep'; select their runs with 'keep'")
    return Experiment(
        name=file.stem,
        file=file,
        text=text,
        base=module.base,
        grid=tuple(module.grid),
        behind=tuple(dict.fromkeys([*others, *imported, *opened])),
        **optional,
    )


def _check_list(file: Path, name: str, value: object, kind: type, what: str) -> None:
    if not isinstance(value, tuple | list):
        raise LabError(f"'{name}' in {file} is {value!r}; give a list of {what}")
    for one in value:
        if not isinstance(one, kind):
            raise LabError(f"'{name}' in {file} holds {one!r}; give a list of {what}")


@contextmanager
def _importing_from(folder: Path) -> Iterator[list[Path]]:
    """Let imports find modules in `folder`; on exit, fill the yielded list with the files imported.

    On exit, the modules are also removed from sys.modules, since another folder may have a module
    of the same name. Modules that imported from them keep what they imported.
    """
    before, files = set(sys.modules), []
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    try:
        yield files
    finally:
        sys.path.remove(str(folder))
        new = {name.partition(".")[0] for name in sys.modules} - before
        beside = {name for name in new if _is_in(sys.modules.get(name), folder)}
        for name in list(sys.modules):
            if name.partition(".")[0] in beside:
                file = getattr(sys.modules.pop(name), "__file__", None)
                files += [Path(file)] if file else []


def _is_in(module: ModuleType | None, folder: Path) -> bool:
    """Whether a top-level module is a file or a package of `folder` itself."""
    origin, places = getattr(module, "__file__", None), getattr(module, "__path__", ())
    return folder in [Path(place).parent for place in [*places, *([origin] if origin else [])]]


def _docstring(file: Path) -> dict[str, str]:
    """Title and headings of the file's docstring, without running it."""
    try:
        doc = ast.get_docstring(ast.parse(file.read_text())) or ""
    except (SyntaxError, UnicodeDecodeError) as error:
        raise LabError(f"{file} is not valid Python: {error}; correct it") from error
    found = headings(doc)
    missing = [heading for heading in HEADINGS if not found.get(heading.lower())]
    if missing or not found["title"]:
        raise LabError(
            f"the docstring of {file} lacks {', '.join(missing) or 'a title'}; "
            f"it begins with a title and holds {', '.join(HEADINGS)}, each before a colon"
        )
    return found


def headings(docstring: str) -> dict[str, str]:
    """The title of an experiment's docstring, and the text under each heading that it has."""
    parts = re.split(rf"^({'|'.join(HEADINGS)}):", docstring, flags=re.MULTILINE)
    found = {"title": parts[0].strip()}
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        found[heading.lower()] = " ".join(body.split())
    return found
