"""The source code behind a run: the files of its parts, with all that they import and compute with.

Imports are read from the syntax trees and followed inside this package's rooms that compute, inside
other packages that hold a part, and among the files beside an experiment. The digest leaves out
docstrings, blank lines and lines of comment, so that words can be changed and numbers cannot.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from . import registry
from .storage.remembered import remembered

PACKAGE = Path(__file__).resolve().parent
# Where this package computes. The rest finds, checks and stores.
ROOMS = ("models", "layers", "learners", "data", "environments", "images", "text")
FILES = ("optim.py", "parametrization.py", "shuffle.py", "stream.py", "counting.py")


@cache
def digest(*classes: type) -> str | None:
    """Digest of the code of classes, as it was when this process first asked; None in notebooks."""
    found = files(classes)
    if found is None:
        return None
    both = sorted((_relative(file), source(file).code) for file in found)
    return hashlib.sha256(repr(both).encode()).hexdigest()[:12]


def files(classes: Iterable[type]) -> set[Path] | None:
    """The files of classes and what these import; None if a class has no file."""
    waiting = [file_of(cls) for cls in classes]
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file is None:
            return None
        if file not in found:
            found.add(file)
            waiting += (other for other in _imported(file) if _computes(other))
    return found


def file_of(cls: type) -> Path | None:
    """The file that defines a class; a module that an experiment imported may be gone."""
    places = [registry.file_of(cls), getattr(sys.modules.get(cls.__module__), "__file__", None)]
    places += [
        value.__code__.co_filename for value in vars(cls).values() if hasattr(value, "__code__")
    ]
    for place in places:
        if place and Path(place).is_file():
            return Path(place).resolve()
    return None


def _computes(file: Path) -> bool:
    if PACKAGE not in file.parents:
        return True
    parts = file.relative_to(PACKAGE).parts
    return parts[0] in ROOMS or parts[0] in FILES


def _relative(file: Path) -> str:
    """A file's name, which must not depend on where the packages are installed."""
    return str(file.relative_to(_top(file).parent))


def _top(file: Path) -> Path:
    """The topmost package around a file, or the file itself if there is none."""
    top = file
    while (top.parent / "__init__.py").is_file():
        top = top.parent
    return top


def _imported(file: Path) -> Iterator[Path]:
    """The files that a file imports, from its own package, this one, or its own folder."""
    top = _top(file)
    for name, level, names in source(file).imports:
        if level:
            folder = file.parents[level - 1]
        elif name.partition(".")[0] == PACKAGE.name:
            folder = PACKAGE.parent
        elif top == file or name.partition(".")[0] == top.name:
            folder = top.parent
        else:
            continue
        home = folder.joinpath(*name.split(".")) if name else folder
        if home == PACKAGE:
            yield from (PACKAGE / place for place in _offered(names))
        # `from .room import thing`: a module of the room, or something in its __init__.
        for path in (home, *(home / name for name in names)):
            yield from (
                place.resolve()
                for place in (path.with_suffix(".py"), path / "__init__.py")
                if place.is_file()
            )


def _offered(names: Iterable[str]) -> Iterator[str]:
    """The files of names that are imported from the top of this package."""
    homes = importlib.import_module(PACKAGE.name).EXPORTS.homes
    return (f"{homes[name].replace('.', '/')}.py" for name in names if name in homes)


class Source(NamedTuple):
    """What counts of a source file.

    code: digest of its lines without docstrings, blank lines and lines of comment. imports: module,
    level and names of each import statement, wherever it stands.
    """

    code: str
    imports: list[tuple[str, int, list[str]]]


def source(file: Path) -> Source:
    """What counts of a file as it is now; kept in the user's cache by the file's bytes."""
    try:
        return _source(file.read_bytes())
    except OSError:  # importing it says why
        return _source(b"")


@cache
def _source(text: bytes) -> Source:
    return Source(*remembered("sources", (_version(), text), lambda: _parsed(text)))


@cache
def _version() -> tuple[str, bytes]:
    """What decides how a source file is read: Python's grammar, and this file."""
    return sys.version, Path(__file__).read_bytes()


def _parsed(text: bytes) -> Source:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # importing it says why
        tree = ast.Module([], [])
    return Source(hashlib.sha256(_code(text, tree)).hexdigest(), _imports(tree))


def _imports(tree: ast.Module) -> list[tuple[str, int, list[str]]]:
    found = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, 0, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            found.append((node.module or "", node.level, names))
    return found


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements within a node. (`ast.walk` also goes through expressions, many times more.)"""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, name, ()):
            yield inner
            yield from _statements(inner)


def _code(text: bytes, tree: ast.Module) -> bytes:
    """The lines of a file without docstrings, blank lines and lines of comment."""
    words: set[int] = set()  # lines of docstrings
    kept: set[int] = set()  # lines within other texts, whatever they look like
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno:
            kept |= {*range(node.lineno, node.end_lineno)}
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = body[0] if body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                words |= {*range(first.lineno, (first.end_lineno or first.lineno) + 1)}
    return b"\n".join(
        line.rstrip()
        for number, line in enumerate(text.splitlines(), 1)
        if number not in words
        # A text of several lines begins before its last: the next line is inside it.
        if number - 1 in kept or (line.strip() and not line.lstrip().startswith(b"#"))
    )
