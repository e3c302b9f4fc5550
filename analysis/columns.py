"""Columns: which column of a table has each role, or which expression computes it.

    N=params,L=loss                                   columns by name
    N=Model Size,C=Training FLOP,D=C/(6*N),L=loss     D computed from other roles

To the right of the equals sign is the name of a column, or an expression (scaling_lab/conditions)
of columns and other roles. A column takes precedence over a role of the same name. In an
expression, put a name that contains spaces in backticks.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from scaling_lab import conditions
from scaling_lab.errors import LabError, unknown

from .tables import ROLES

# Common names of the roles. They are suggested in errors, and never used unasked.
SYNONYMS = {
    "N": ("params", "parameters", "model_size", "size", "n_params", "num_params"),
    "D": ("tokens", "data", "examples", "dataset_size", "n_tokens", "samples"),
    "C": ("flops", "compute", "training_flop", "flop", "total_flops"),
    "L": ("loss", "test_loss", "valid_loss", "val_loss", "final_loss", "best_test_loss"),
}
MEASURED = "best_test_loss"  # the column of L in a results folder


@dataclass(frozen=True)
class Columns:
    """A table whose roles are known.

    frame    the table, with a column for each expression and, where the name is free, one for each
             role, so that conditions can use roles
    roles    role -> column, or the expression that is the column's name
    notes    what was assumed because it was not given
    """

    frame: pd.DataFrame
    roles: dict[str, str]
    notes: list[str] = field(default_factory=list)


def parse(text: str) -> dict[str, str]:
    """Role -> column or expression, from "ROLE=...,ROLE=...". Raises LabError for other text."""
    roles: dict[str, str] = {}
    for pair in _split(text):
        role, sign, column = (part.strip() for part in pair.partition("="))
        if not sign or not column or not role:
            raise LabError(f"--columns {text} is not ROLE=column,...; write e.g. N=params,L=loss")
        if role in roles:
            raise LabError(f"--columns {text} gives {role} twice; give it once")
        roles[role] = column
    return roles


def choose(frame: pd.DataFrame, text: str, needed: Iterable[str]) -> Columns:
    """The roles in `text`, completed with the `needed` ones that can be inferred.

    If `text` is empty, columns named like roles are used. If one of N, D and C is needed and
    missing, it is computed from the other two by C = 6 N D. Raises LabError, listing the columns,
    if a needed role is still missing.
    """
    roles, notes = parse(text) if text else {}, []
    needed = list(needed)
    if not text:
        roles = {role: role for role in dict.fromkeys([*needed, *ROLES]) if role in frame}
        if "L" not in roles and MEASURED in frame:
            roles["L"] = MEASURED
        if roles:
            shown = ",".join(f"{role}={column}" for role, column in roles.items())
            notes.append(f"--columns is not given; using {shown}")
    made = defined(frame, roles)
    for role, formula in (("D", "C/(6*N)"), ("C", "6*N*D"), ("N", "C/(6*D)")):
        others = set("NDC") - {role}
        if role in needed and role not in roles and others <= roles.keys():
            roles = {**roles, role: formula}
            made = defined(frame, roles)
            notes.append(f"{role} is computed as {formula}")
    for role in needed:
        if role not in roles and role not in ROLES and role in frame:
            roles[role] = role
    if missing := [role for role in needed if role not in roles]:
        raise LabError(_missing(frame, missing, roles))
    named = {role: made[column] for role, column in roles.items() if role not in made}
    made = made.assign(**named)
    made.attrs = dict(frame.attrs)
    return Columns(made, roles, notes)


def mentioned(condition: str) -> list[str]:
    """The roles that a condition names. Raises LabError if it cannot be read."""
    names = conditions.parse(condition).names if condition else ()
    return [role for role in ROLES if role in names]


def defined(frame: pd.DataFrame, roles: dict[str, str]) -> pd.DataFrame:
    """The table with a column for each role that is an expression, named after the expression.

    Roles may use one another in any order. Raises LabError for one that cannot be computed.
    """
    expressions = {role: column for role, column in roles.items() if column not in frame}
    if not expressions:
        return frame
    seen = {str(name): frame[name] for name in frame}
    seen |= {r: frame[c] for r, c in roles.items() if c in frame and r not in frame}
    made = frame.copy()
    made.attrs = dict(frame.attrs)
    waiting = {role: _expression(role, text, frame, roles) for role, text in expressions.items()}
    while waiting:
        ready = {role for role, one in waiting.items() if seen.keys() >= set(one.names)}
        for role in ready:
            value = pd.Series(waiting.pop(role).value(seen), index=frame.index)
            made[expressions[role]] = value
            seen.setdefault(role, value)
        if not ready:
            for role, one in waiting.items():
                for name in one.names:
                    if name not in seen and (name == role or name not in waiting):
                        raise unknown(f'column in "{one.text}"', name, map(str, frame.columns))
            raise LabError(
                f"{' and '.join(waiting)} are computed from one another; give a column for one"
            )
    return made


def _expression(
    role: str, text: str, frame: pd.DataFrame, roles: dict[str, str]
) -> conditions.Condition:
    if not _is_expression(text) and text not in roles:
        raise unknown("column", text, map(str, frame.columns))
    return conditions.parse(text, f"expression of {role}")


def _is_expression(text: str) -> bool:
    return any(sign in text for sign in "+-*/()`") and not text.isidentifier()


def _split(text: str) -> list[str]:
    """The parts between commas that are outside parentheses and backticks."""
    parts, depth, quoted = [""], 0, False
    for sign in text:
        quoted ^= sign == "`"
        depth += (sign == "(") - (sign == ")") if not quoted else 0
        if sign == "," and depth <= 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part.strip()]


def _missing(frame: pd.DataFrame, missing: list[str], given: dict[str, str]) -> str:
    there = [str(name) for name in frame.columns]
    guess = {role: found for role in (*missing, *"NDC") if (found := _similar(role, there))}
    more = f", and {len(there) - 12} more" if len(there) > 12 else ""
    said = f"no column for {', '.join(missing)}; the table has {', '.join(there[:12])}{more}"
    lost = [role for role in missing if role in "NDC" and role not in guess]
    known = [role for role in "NDC" if role in guess or role in given]
    if len(lost) == 1 and len(known) == 2:  # two of N, D and C give the third
        missing = [*known, *(role for role in missing if role not in "NDC")]
        missing.sort(key=lambda role: list(ROLES).index(role) if role in ROLES else 99)
    wanted = {role: guess.get(role, "...") for role in missing if role not in given}
    example = ",".join(f"{role}={column}" for role, column in {**given, **wanted}.items())
    return f"{said}; write --columns {example}"


def _similar(role: str, there: list[str]) -> str:
    """The column that is probably meant, or ""."""
    plain = {name.lower().replace(" ", "_"): name for name in reversed(there)}
    for word in (role.lower(), *SYNONYMS.get(role, ())):
        if word in plain:
            return plain[word]
    for word in SYNONYMS.get(role, ()):
        if near := difflib.get_close_matches(word, plain, n=1, cutoff=0.75):
            return plain[near[0]]
    return ""
