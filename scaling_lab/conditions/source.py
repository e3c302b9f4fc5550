"""The text of a condition: its syntax tree, its names in backticks, and errors that quote it."""

from __future__ import annotations

import ast
import re
import warnings

from ..errors import LabError, shown

LONGEST = 4000  # characters in a text
DEEPEST = 80  # levels in its syntax tree

TOKEN = re.compile(
    r"""`[^`]*`|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\W\d]\w*|==|&&|\|\||[<>!]=|."""
)
SIGNS = frozenset("+-*/<>!&|~()[],. ")
INSTEAD = {"=": "==", "&&": "and", "||": "or"}


class Source:
    """A text and its syntax tree, which is Python's and may hold any expression."""

    def __init__(self, text: str, noun: str):
        self.text = re.sub(r"\s", " ", str(text)).strip()
        self.noun = noun
        if not self.text:
            raise self.wrong("it is empty")
        if len(self.text) > LONGEST:
            raise self.wrong(f"it has {len(self.text)} characters; at most {LONGEST} are read")
        if not self.text.isprintable():
            raise self.wrong("it has a character that cannot be printed", "leave it out")
        self._quoted: dict[int, str] = {}
        self._bytes = self._plain().encode()
        self.tree = self._parsed()
        self._bounded()

    def wrong(self, why: str, what_to_do: str = "") -> LabError:
        """The error about this text: `why` it is wrong and `what_to_do`."""
        example = "N > 1e6 and model == 'mlp'" if self.noun == "condition" else "C / (6 * N)"
        what_to_do = what_to_do or f"write e.g. {example}"
        return LabError(f'cannot read the {self.noun} "{shown(self.text)}": {why}; {what_to_do}')

    def piece(self, node: ast.expr) -> str:
        """The part of the text that a node was read from, shortened if it is long."""
        return shown(self._part(node))

    @property
    def clauses(self) -> tuple[str, ...]:
        """The conditions that `and` joins, or the whole text."""
        tree = self.tree
        if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
            return tuple(self._part(one) for one in tree.values)
        return (self.text,)

    def _part(self, node: ast.expr) -> str:
        start, end = node.col_offset, node.end_col_offset
        first, last = (len(self._bytes[:place].decode()) for place in (start, end))
        return self.text[first:last]

    def name(self, node: ast.Name) -> str:
        """The column that a name refers to."""
        if node.col_offset in self._quoted:
            return self._quoted[node.col_offset]
        # Python normalises identifiers (a full-width N is N); two columns may differ in just that.
        if (piece := self.piece(node)) != shown(node.id):
            raise self.wrong(f"'{piece}' would be read as '{node.id}'", "write it in backticks")
        return node.id

    def is_quoted(self, node: ast.expr) -> bool:
        """Whether the node is a name in backticks."""
        return node.col_offset in self._quoted

    def _plain(self) -> str:
        """The text with each name in backticks replaced by an identifier of the same length."""
        parts, place, before = [], 0, ""
        for token in TOKEN.findall(self.text):
            sign = token[0]
            if sign == "`" and len(token) > 2:
                self._quoted[place] = token[1:-1]
                token = "x" * len(token)
            elif sign in "`'\"":
                if len(token) == 1:
                    raise self.wrong(f"a quotation mark {sign} is never closed", "close it")
                if sign == "`":
                    raise self.wrong("a name in backticks is empty", "name a column")
                if before.isidentifier() and before not in ("and", "or", "not", "in"):
                    raise self.wrong(
                        f"{before}{shown(token)} is not a plain string", "write it without a prefix"
                    )
            elif token in INSTEAD:
                raise self.wrong(f"it has '{token}'", f"write '{INSTEAD[token]}'")
            elif token == "@":
                raise self.wrong("it has an @", "write the column alone")
            elif len(token) == 1 and not (token in SIGNS or token.isalnum() or token == "_"):
                raise self.wrong(f"'{shown(token)}' has no meaning here")
            parts.append(token)
            place += len(token.encode())
            before = token
        return "".join(parts)

    def _parsed(self) -> ast.expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns about "\d"
                return ast.parse(self._bytes.decode(), mode="eval").body
        except SyntaxError as error:
            at = (error.offset or len(self.text) + 1) - 1  # 0 is the end
            rest = shown(self.text[at:], 20)
            if "never closed" in error.msg:
                raise self.wrong(f"a bracket is never closed, at '{rest}'", "close it") from None
            place = f"'{rest}' cannot stand where it does" if rest else "it ends too early"
            raise self.wrong(place) from None
        except (ValueError, MemoryError, RecursionError):
            raise self.wrong(
                "it is nested too deeply, or has characters that Python refuses", "write it simpler"
            ) from None

    def _bounded(self) -> None:
        nodes = [(self.tree, 1)]
        while nodes:
            node, depth = nodes.pop()
            if depth > DEEPEST:
                raise self.wrong(
                    f"it is nested more than {DEEPEST} levels deep", "write it simpler"
                )
            nodes += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
