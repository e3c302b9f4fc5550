"""Errors that a user can act on: one line that says what is wrong, where and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["LabError"]


class LabError(Exception):
    """Bad input. The command line prints its one line and ends with exit status 2."""


class TooFewPoints(LabError):
    """Fewer points than a fit needs."""


class NotApplicable(Exception):
    """A figure or study that does not apply to these runs; the report leaves it out silently."""


def unknown(kind: str, name: str, known: Iterable[str]) -> LabError:
    """An error for a name that does not exist, with the nearest name that does.

    `kind` is the noun ("model", "column"); `known` the existing names.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known) or 'none'}"
    return LabError(f"unknown {kind} '{shown(name)}'; {hint}")


def shown(text: str, most: int = 80) -> str:
    """A text as an error quotes it: one line of at most so many characters, all printable."""
    line = "".join(sign if sign.isprintable() else "?" for sign in text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 1]}…"
