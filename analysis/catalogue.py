"""Catalogue: every law with its equation, its source, its variables and its parameters.

`docs/laws.md` is made from it (`make dictionary`).
"""

from __future__ import annotations

from . import laws
from .laws import Kind, Law, Level, Place, Real, Scale


def page() -> str:
    """The catalogue in Markdown: the text of docs/laws.md."""
    found = [laws.get(name) for name in laws.names()]
    lines = [
        "# Laws",
        "",
        "Each is one file in `analysis/laws/`, from which this page is made; how to write one: "
        "[add-a-law.md](add-a-law.md). L is the response, whatever it is called; x is any one "
        "variable. `scaling-lab fit TABLE --law NAME` fits one, `analysis.fit(NAME, table)` too.",
        "",
        "| law | equation | variables | response |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| [{law.name}](#{law.name}) | `{law.equation}` | {', '.join(law.variables)} "
        f"| {law.response} |"
        for law in found
    ]
    for law in found:
        lines += ["", *_section(law)]
    return "\n".join(lines) + "\n"


def _section(law: Law) -> list[str]:
    rows = [
        f"| {name} | {_meaning(kind)} | {_number(law.example.get(name))} |"
        for name, kind in law.parameters.items()
    ]
    closed = ["", "It has a closed-form frontier."] if law.frontier else []
    return [
        f"## {law.name}",
        "",
        f"    {law.equation}",
        "",
        law.about,
        *closed,
        "",
        "| parameter | kind | example |",
        "|---|---|---|",
        *rows,
    ]


def _meaning(kind: Kind) -> str:
    match kind:
        case Scale(variable="") | Scale(exponent=""):
            return "the law is linear in it"
        case Scale():
            return f"multiplies {kind.variable}^-{kind.exponent}"
        case Place():
            return f"a value of {kind.variable}"
        case Level():
            return "a value of the response"
        case Real():
            return "of any sign"
    return "positive"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
