"""What a source file declares, read from its syntax tree: the file is neither imported nor run.

Names, laws and registered classes are listed this way, so that listing them imports no jax.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .storage.remembered import remembered


class Registered(NamedTuple):
    """A class under `@register(kind, name)`."""

    kind: str
    name: str
    cls: str


class Declared(NamedTuple):
    """doc: the module's docstring. exports: its `__all__`. registered: its registered classes."""

    doc: str = ""
    exports: tuple[str, ...] = ()
    registered: tuple[Registered, ...] = ()


def declared(file: Path) -> Declared:
    """What the file declares; nothing if it is not Python, since importing it will say why.

    A compiled extension has no source file, and declares nothing either. What a file declares is
    kept in the user's cache by the file's bytes.
    """
    try:
        status = file.stat()
    except OSError:
        return Declared()
    return _declared(file, status.st_mtime_ns, status.st_size)


@cache
def _declared(file: Path, modified: int, size: int) -> Declared:
    text = file.read_bytes()
    doc, exports, registered = remembered("declared", (_version(), text), lambda: _parsed(text))
    return Declared(doc, tuple(exports), tuple(Registered(*one) for one in registered))


@cache
def _version() -> tuple[str, bytes]:
    """What decides how a source file is read: Python's grammar, and this file."""
    return sys.version, Path(__file__).read_bytes()


def _parsed(text: bytes) -> Declared:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Declared()
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return Declared(
        ast.get_docstring(tree) or "",
        tuple(name for node in tree.body for name in _exports(node)),
        tuple(
            Registered(kind, name, node.name)
            for node in classes
            for decorator in node.decorator_list
            for kind, name in _registered(decorator)
        ),
    )


def _exports(node: ast.stmt) -> list[str]:
    """The names in a statement `__all__ = [...]`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.List | ast.Tuple):
        return []
    if [ast.unparse(target) for target in node.targets] != ["__all__"]:
        return []
    return _strings(node.value.elts)


def _registered(decorator: ast.expr) -> list[tuple[str, str]]:
    """Kind and name in a decorator `@register("model", "mlp")`, however `register` is imported."""
    if not isinstance(decorator, ast.Call):
        return []
    words = _strings(decorator.args)
    called = ast.unparse(decorator.func).rpartition(".")[2]
    return [(words[0], words[1])] if called == "register" and len(words) == 2 else []


def _strings(nodes: list[ast.expr]) -> list[str]:
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [value for value in values if isinstance(value, str)]
