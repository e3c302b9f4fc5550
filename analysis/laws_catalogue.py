"""Catalogue: every law with its equation, source, variables and parameters.

`make dictionary` writes it to `docs/laws.md`, and `scaling-lab laws` prints it.
"""

from __future__ import annotations

from . import laws
from .laws import Kind, Law, Level, Place, Real, Scale

HEAD = """\
# Laws

Each law is one file in `analysis/laws/`, from which this page is generated; see
[add-a-law.md](add-a-law.md) for how to write one. L is the response, whatever its name; x is any
one variable. Fit a law with `scaling-lab fit TABLE --law NAME` or `analysis.fit(NAME, table)`.

| law | equation | variables | response |
|---|---|---|---|
"""


def page() -> str:
    """The catalogue in Markdown: the text of docs/laws.md."""
    found = [laws.get(name) for name in laws.names()]
    rows = [
        f"| [{law.name}](#{law.name}) | `{law.equation}` | {', '.join(law.variables)} "
        f"| {law.response} |\n"
        for law in found
    ]
    sections = [f"\n## {law.name}\n\n    {law.equation}\n\n{_body(law)}" for law in found]
    return HEAD + "".join(rows) + "".join(sections)


def listing() -> str:
    """The laws and their equations, one per line."""
    wide = max(map(len, laws.names()))
    return "\n".join(f"{name:<{wide}}  {laws.equation(name)}" for name in laws.names())


def section(name: str) -> str:
    """One law: equation, source and parameters. Raises LabError for an unknown name."""
    law = laws.get(name)
    return f"{law.equation}\n\n{_body(law)}".rstrip()


def _body(law: Law) -> str:
    closed = "\nIts frontier has a closed form.\n" if law.frontier else ""
    rows = "".join(
        f"| {name} | {_meaning(kind)} | {_number(law.example.get(name))} |\n"
        for name, kind in law.parameters.items()
    )
    return f"{law.about}\n{closed}\n| parameter | is | example |\n|---|---|---|\n{rows}"


def _meaning(kind: Kind) -> str:
    match kind:
        case Scale() if kind.variable:
            return f"positive, the coefficient of {kind.variable}^-{kind.exponent}"
        case Scale():
            return "positive; the law is linear in it"
        case Place():
            return f"a value of {kind.variable}"
        case Level():
            return "a value of the response"
        case Real():
            return "of either sign"
    return "positive"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
