"""An experiment's texts from the source of its file, without running it.

Question and prediction are in the docstring. Claims are read if they are written out, as
`claims = (Claim(name="...", low=0.3, ...), ...)`; those that code makes are not. Two versions of a
file whose `source_of_claims` is equal make equal claims.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..experiment import headings


class Source(NamedTuple):
    """What the source says. claims: None if code makes them. made_by: the code that does."""

    question: str
    prediction: str
    claims: list[dict[str, Any]] | None
    made_by: str


def read(source: str) -> Source | None:
    """The texts of a version of an experiment's file; None if it is not valid Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    found = headings(ast.get_docstring(tree) or "")
    definitions = dict(_definitions(tree))
    return Source(
        found.get("question", ""),
        found.get("prediction", ""),
        _claims(definitions.get("claims")),
        source_of_claims(definitions),
    )


def source_of_claims(definitions: dict[str, ast.stmt]) -> str:
    """The statements that make `claims`, with all that they refer to in the file."""
    waiting, found = ["claims"], {}
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in found:
            found[name] = ast.unparse(definitions[name])
            waiting += [n.id for n in ast.walk(definitions[name]) if isinstance(n, ast.Name)]
    return "\n".join(found[name] for name in sorted(found))


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """The names that a module sets or defines at its top, with the statement."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement.name, statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                yield from ((n.id, statement) for n in ast.walk(target) if isinstance(n, ast.Name))


def _claims(statement: ast.stmt | None) -> list[dict[str, Any]] | None:
    if statement is None:
        return []
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    if not isinstance(value, ast.Tuple | ast.List):
        return None
    found = [_claim(one) for one in value.elts]
    return None if None in found else [claim for claim in found if claim is not None]


def _claim(node: ast.expr) -> dict[str, Any] | None:
    if not isinstance(node, ast.Call) or node.args or not ast.unparse(node.func).endswith("Claim"):
        return None
    try:
        return {str(word.arg): ast.literal_eval(word.value) for word in node.keywords if word.arg}
    except ValueError:
        return None
