"""The grammar of conditions: the permitted nodes of a syntax tree, and the meaning of each.

Each node becomes a reader, a function from the table's columns to a value. Any node that is not
permitted is an error.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import LabError
from .source import Source
from .values import constant, equal, flags, is_number, is_text, missing

Columns = dict[str, np.ndarray]
Reader = Callable[[Columns], np.ndarray]

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
JOINS: dict[type[ast.AST], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.And: ("and", np.logical_and),
    ast.Or: ("or", np.logical_or),
    ast.BitAnd: ("&", np.logical_and),
    ast.BitOr: ("|", np.logical_or),
}
OVER_ROWS = {"max": np.max, "min": np.min, "median": np.median}
EACH = {"abs": np.abs, "exp": np.exp, "log": np.log, "sqrt": np.sqrt}
FUNCTIONS = (*OVER_ROWS, "quantile", *EACH)
METHODS = (*OVER_ROWS, "quantile", "isin")  # N.max() is max(N), N.isin([1, 2]) is N in [1, 2]


class Grammar:
    """Builds readers for the nodes of one source; `names` are the columns they read."""

    def __init__(self, source: Source):
        self.source = source
        self.names: dict[str, None] = {}

    def reader(self, node: ast.expr) -> Reader:
        """The reader of a node. Raises LabError for a node outside the grammar."""
        match node:
            case ast.Name():
                name = self.source.name(node)
                self.names[name] = None
                return lambda columns: columns[name]
            case ast.Constant():
                return self._constant(node)
            case ast.UnaryOp(op=ast.Not() | ast.Invert() as op, operand=operand):
                flag = self._condition(operand, "not" if isinstance(op, ast.Not) else "~")
                return lambda columns: ~flag(columns)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                number, sign = self._number(operand), -1 if isinstance(op, ast.USub) else 1
                return lambda columns: sign * number(columns)
            case ast.BoolOp(op=op, values=operands):
                return self._joined(op, operands)
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op, left=left, right=right):
                return self._joined(op, [left, right])
            case ast.BinOp(op=op, left=left, right=right) if type(op) in ARITHMETIC:
                apply, a, b = ARITHMETIC[type(op)], self._number(left), self._number(right)
                return lambda columns: apply(a(columns), b(columns))
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(keywords=[]):
                return self._call(node)
        raise self._refused(node)

    def above(self, node: ast.expr) -> str:
        """C in "C > 1e21" or "C >= quantile(C, 0.8)": a column above one number; else empty."""
        match node:
            case ast.Compare(
                left=ast.Name() as left, ops=[ast.Gt() | ast.GtE()], comparators=[cut]
            ):
                return "" if self._varies(cut) else self.source.name(left)
        return ""

    def _varies(self, node: ast.expr) -> bool:
        """Whether the node's value differs from row to row."""
        if isinstance(node, ast.Call) and self._function(node)[0] in (*OVER_ROWS, "quantile"):
            return False
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return isinstance(node, ast.Name) or any(map(self._varies, children))

    def _constant(self, node: ast.Constant) -> Reader:
        if type(node.value) not in (bool, int, float, str, type(None)):
            raise self._refused(node)
        try:
            value = constant(node.value)  # type: ignore[arg-type]
        except OverflowError:
            raise self.source.wrong(f"{self.source.piece(node)} is too large") from None
        return lambda columns: value

    def _joined(self, op: ast.AST, operands: list[ast.expr]) -> Reader:
        sign, join = JOINS[type(op)]
        first, *rest = [self._condition(operand, sign) for operand in operands]

        def read(columns: Columns) -> np.ndarray:
            found = first(columns)
            for condition in rest:
                found = join(found, condition(columns))
            return found

        return read

    def _comparison(self, node: ast.Compare) -> Reader:
        operands = [node.left, *node.comparators]
        first, *rest = [
            self._compared(node, left, op, right)
            for left, op, right in zip(operands, node.ops, operands[1:], strict=False)
        ]

        def read(columns: Columns) -> np.ndarray:
            found = first(columns)
            for pair in rest:
                found = found & pair(columns)
            return found

        return read

    def _compared(self, node: ast.expr, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Reader:
        if isinstance(op, ast.In):
            return self._inside(left, right)
        if isinstance(op, ast.NotIn):
            inside = self._inside(left, right)
            return lambda columns: ~inside(columns)
        if type(op) not in COMPARISONS:
            raise self._refused(node)
        compare, piece = COMPARISONS[type(op)], self.source.piece(node)
        equality = isinstance(op, ast.Eq | ast.NotEq)
        for side, other in ((left, right), (right, left)):
            if isinstance(side, ast.Constant) and side.value is None:
                if not equality:
                    raise self.source.wrong(f"'{piece}' orders None", "write == None or != None")
                tested = self.reader(other)
                return lambda columns: compare(missing(tested(columns)), True)
        one, two = self.reader(left), self.reader(right)

        def read(columns: Columns) -> np.ndarray:
            a, b = one(columns), two(columns)
            if is_number(a) and is_number(b):
                return np.asarray(compare(a, b))
            if (is_text(a) and is_number(b)) or (is_number(a) and is_text(b)):
                raise self.source.wrong(
                    f"'{piece}' compares text with numbers",
                    "compare a column with values of its own kind",
                )
            if equality:  # != is true where a value is missing, as in pandas
                return compare(equal(a, b), True)
            a, b = np.broadcast_arrays(a, b)
            found, there = np.zeros(a.shape, bool), ~(missing(a) | missing(b))
            try:
                found[there] = compare(a[there], b[there])
            except TypeError:
                raise self.source.wrong(
                    f"'{piece}' orders values of different kinds", "compare with == or !="
                ) from None
            return found

        return read

    def _inside(self, left: ast.expr, right: ast.expr) -> Reader:
        if not isinstance(right, ast.List | ast.Tuple):
            why = f"'{self.source.piece(right)}' is not a list"
            raise self.source.wrong(why, "write one: N in [1e3, 1e4]")
        value, items = self.reader(left), [self.reader(item) for item in right.elts]

        def read(columns: Columns) -> np.ndarray:
            a = value(columns)
            found = np.zeros(a.shape, bool)
            for item in items:
                b = item(columns)
                found = found | equal(a, b) | (missing(a) & missing(b))
            return found

        return read

    def _function(self, node: ast.Call) -> tuple[str, list[ast.expr]]:
        """The name and the arguments of N.max() or max(N). Raises LabError for any other call."""
        match node.func:
            case ast.Attribute(value=value, attr=name) if name in METHODS:
                return name, [value, *node.args]
            case ast.Name(id=name) if name in FUNCTIONS and not self.source.is_quoted(node.func):
                return name, list(node.args)
        raise self._refused(node.func)

    def _call(self, node: ast.Call) -> Reader:
        name, given = self._function(node)
        piece = self.source.piece(node)
        if len(given) != 1 + (name in ("quantile", "isin")):
            example = {"quantile": "quantile(N, 0.8)", "isin": "N in [1e3, 1e4]"}
            wanted = example.get(name, f"{name}(N)")
            raise self.source.wrong(
                f"'{piece}' gives {name} {len(given)} values", f"write {wanted}"
            )
        if name == "isin":
            return self._inside(given[0], given[1])
        value = self._number(given[0])
        if name in EACH:
            apply = EACH[name]
            return lambda columns: apply(value(columns))
        if name in OVER_ROWS:
            over = OVER_ROWS[name]
            return lambda columns: _over(value(columns), over)
        fraction = self._number(given[1])

        def read(columns: Columns) -> np.ndarray:
            q = fraction(columns)
            if q.ndim or not 0 <= q <= 1:
                why = f"'{piece}' needs a fraction from 0 to 1"
                raise self.source.wrong(why, "write quantile(N, 0.8)")
            return _over(value(columns), lambda there: np.quantile(there, q))

        return read

    def _number(self, node: ast.expr) -> Reader:
        """The node's reader, as float64. Raises LabError if the value is text."""
        value, piece = self.reader(node), self.source.piece(node)

        def read(columns: Columns) -> np.ndarray:
            found = value(columns)
            if not is_number(found) and not missing(found).all():
                raise self.source.wrong(f"'{piece}' is not a number", "use columns of numbers")
            return found.astype("float64")

        return read

    def _condition(self, node: ast.expr, sign: str) -> Reader:
        """The node's reader, as bools. Raises LabError if the value is anything else."""
        value, piece = self.reader(node), self.source.piece(node)

        def read(columns: Columns) -> np.ndarray:
            if (found := flags(value(columns))) is None:
                example = f"(N > 1e6) {sign} (D > 1e5)"
                example = f"{sign} (N > 1e6)" if sign in ("not", "~") else example
                raise self.source.wrong(
                    f"'{sign}' takes conditions and '{piece}' is not one", f"write {example}"
                )
            return found

        return read

    def _refused(self, node: ast.AST) -> LabError:
        piece = self.source.piece(node) if isinstance(node, ast.expr) else type(node).__name__
        return self.source.wrong(
            f"it may not hold '{piece}'",
            "write columns, numbers, strings, lists, comparisons, and, or, not, in, + - * / **, "
            f"{', '.join(FUNCTIONS)}",
        )


def _over(value: np.ndarray, reduce: Callable[[np.ndarray], Any]) -> np.ndarray:
    """Reduce the values that are not missing to one number; NaN if all are missing."""
    there = np.atleast_1d(value)[~np.isnan(np.atleast_1d(value))]
    return np.asarray(reduce(there) if there.size else np.nan)
