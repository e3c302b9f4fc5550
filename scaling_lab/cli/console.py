"""The terminal: its console, a line of progress, and how numbers are written on it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from ..storage.objects import pull


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let `main` handle it: the reader of the pipe has closed it, which is not an error."""
        raise BrokenPipeError


out = _Console(highlight=False)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Let garbage lie for longer: a full collection walks all that JAX has, and takes 0.1 s.

    For commands that end within seconds.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def pulled(folder: Path) -> Path:
    """An experiment's results folder, up to date if it mirrors an object store."""
    pull.tables(folder, told)
    return folder


def told(line: str) -> None:
    """Say a line that is not part of the output."""
    print(f"scaling-lab: {line}", file=sys.stderr)


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """A status line that shows `what` is being done; yields a function that adds a detail."""
    with out.status(what) as shown:
        yield lambda text: shown.update(f"{what}: {text}")


def span(values: Sequence[float], form: str) -> str:
    """The lowest and the highest of the values: "1 to 3"."""
    low, high = min(values), max(values)
    return f"{low:{form}}" if low == high else f"{low:{form}} to {high:{form}}"


def duration(seconds: float) -> str:
    """A time in s, min or h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(amount: float) -> str:
    """A number of bytes in B, kB, MB or GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.3g} {unit}"
        amount /= 1000
    raise AssertionError
